"""Apps that ask for a password of their own (login flow v2)."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now


class LoginFlow(Base):
    """An app that waits until a person grants it access; only the SHA-256 of its two tokens is kept.

    ``poll_hash``: with this token the app asks. ``flow_hash``: with this one the person's browser came.
    """

    __tablename__ = "login_flows"

    id: Mapped[int] = mapped_column(primary_key=True)
    poll_hash: Mapped[str] = mapped_column(String(64), unique=True)
    flow_hash: Mapped[str] = mapped_column(String(64), unique=True)
    client_name: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    """Who has granted it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
