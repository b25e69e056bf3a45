"""Failures are told once"""

import sqlalchemy as sa
from alembic import op

from callrec.conversation.db.base import UtcDateTime

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema here."""
    op.add_column("recording_starts", sa.Column("failure_told_of", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Go back to the schema before."""
    op.drop_column("recording_starts", "failure_told_of")
