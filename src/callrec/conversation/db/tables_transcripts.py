"""What is still to be made of stored recordings: transcripts and summaries."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now

TRANSCRIPT, SUMMARY = "transcript", "summary"
"""Kinds of jobs."""

NOBODY_SINCE = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""``leased_until`` of a job that nobody has."""


class TranscriptJob(Base):
    """One text to be made of a recording. The row is gone when the text is there, or was given up.

    ``node_id`` is the recording, wherever its owner moves it; the room is the one that it was stored for.
    ``text`` is what a summary is made of. Nobody tries before ``due_at``. The process ``holder`` works at it;
    when it does not renew ``leased_until`` it is dead, and another one goes on.
    """

    __tablename__ = "transcript_jobs"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it so

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"), index=True)
    text: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    """How many have failed."""
    due_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    holder: Mapped[str] = mapped_column(String(64), default="", index=True)
    leased_until: Mapped[datetime] = mapped_column(default=NOBODY_SINCE)
