"""What is still to be told to the far sides, in order per room and target."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now

RECORDER = "recorder"
"""The target of what the recording server is to hear."""


class OutboxEntry(Base):
    """One request that the far side has not taken yet. It outlives its room: the far side must hear of it.

    ``target`` is ``RECORDER``, or the address of a signaling server.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "token", "target", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    """The sequence."""
    token: Mapped[str] = mapped_column(String(30))
    target: Mapped[str] = mapped_column(String(512))
    body: Mapped[str] = mapped_column(Text)
    """The request's body, byte for byte; ASCII."""
    queued_at: Mapped[datetime] = mapped_column(default=utc_now)


class OutboxLane(Base):
    """The lease of the one process that delivers to a room's target. There while anything is to be delivered.

    ``stale``: requests have expired undelivered, so the far side is to be told the whole state of the room.
    """

    __tablename__ = "outbox_lanes"

    token: Mapped[str] = mapped_column(String(30), primary_key=True)
    target: Mapped[str] = mapped_column(String(512), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64), index=True)
    leased_until: Mapped[datetime] = mapped_column(index=True)
    stale: Mapped[bool] = mapped_column(default=False)
