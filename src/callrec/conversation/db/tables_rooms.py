"""Conversations, who belongs to them, and who is there now."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now


class Room(Base):
    """A conversation. ``active_since`` is set while a call runs."""

    __tablename__ = "rooms"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it so

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(30), unique=True)
    type: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_activity: Mapped[datetime] = mapped_column(default=utc_now)
    last_message_id: Mapped[int | None]
    active_since: Mapped[datetime | None]
    call_flag: Mapped[int] = mapped_column(default=0)
    call_recording: Mapped[int] = mapped_column(default=0)


class Attendee(Base):
    """A person's membership in a room. A guest is known by the cookie of ``web_session_id`` alone."""

    __tablename__ = "attendees"
    __table_args__ = (
        UniqueConstraint("room_id", "actor_type", "actor_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"))
    actor_type: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[str] = mapped_column(String(255), index=True)
    display_name: Mapped[str] = mapped_column(String(255), default="")
    participant_type: Mapped[int]
    last_read_message: Mapped[int] = mapped_column(default=0)
    last_ping: Mapped[datetime | None]
    web_session_id: Mapped[int | None] = mapped_column(
        ForeignKey("web_sessions.id", ondelete="SET NULL"), index=True
    )


class Session(Base):
    """One client's presence in a room, from joining to leaving. ``in_call`` holds the call flags."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(String(255), unique=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("attendees.id", ondelete="CASCADE"), index=True)
    web_session_id: Mapped[int | None] = mapped_column(
        ForeignKey("web_sessions.id", ondelete="SET NULL"), index=True
    )
    in_call: Mapped[int] = mapped_column(default=0)
    last_ping: Mapped[datetime] = mapped_column(default=utc_now, index=True)
