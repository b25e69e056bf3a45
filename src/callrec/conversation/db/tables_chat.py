"""What was said, and what happened, in a room."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now


class ChatMessage(Base):
    """One chat entry.

    ``kind`` is ``comment`` (``message`` is the text), ``system`` (``message`` is the key, such as
    ``call_started``), ``file`` (``parameters`` says which one) or ``deleted`` (``parameters`` says by whom).
    ``actor_name`` is the name at that time.
    """

    __tablename__ = "chat_messages"
    __table_args__ = (Index(None, "room_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"))
    actor_type: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[str] = mapped_column(String(255))
    actor_name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reference_id: Mapped[str] = mapped_column(String(64), default="")
    silent: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it disappears, as the room had it when it was written."""
    parent_id: Mapped[int | None]
    """The message that this one answers; it may have disappeared since."""
    thread_id: Mapped[int | None]
    """Where the chain of answers began; None where this one began it."""
