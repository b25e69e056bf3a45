"""Conversations, who belongs to them, and who is there now."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
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
    description: Mapped[str] = mapped_column(String(2000), default="")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    read_only: Mapped[int] = mapped_column(default=0)
    listable: Mapped[int] = mapped_column(default=0)
    lobby_state: Mapped[int] = mapped_column(default=0)
    lobby_timer: Mapped[datetime | None]
    """When the lobby opens by itself; read both by ``permissions.lobby_of``."""
    recording_consent: Mapped[int] = mapped_column(default=0)
    default_permissions: Mapped[int] = mapped_column(default=0)
    mention_permissions: Mapped[int] = mapped_column(default=0)
    message_expiration_s: Mapped[int] = mapped_column(default=0)
    object_type: Mapped[str] = mapped_column(String(64), default="")
    object_id: Mapped[str] = mapped_column(String(64), default="")
    pair: Mapped[str | None] = mapped_column(String(129), unique=True, index=True)
    """The two user ids of a one-to-one room, sorted, joined by ``/``: one room for two people."""


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
    permissions: Mapped[int] = mapped_column(default=0)
    """Permissions of his own, with bit 1; 0: those of the room, else those of the server."""
    is_favorite: Mapped[bool] = mapped_column(default=False)
    is_archived: Mapped[bool] = mapped_column(default=False)
    is_important: Mapped[bool] = mapped_column(default=False)
    is_sensitive: Mapped[bool] = mapped_column(default=False)
    notification_level: Mapped[int] = mapped_column(default=0)
    notification_calls: Mapped[int] = mapped_column(default=1)
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
    state: Mapped[int] = mapped_column(default=1)
    """1: the person looks at the room; 0: its client is in the background."""
    last_ping: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class RecordingConsent(Base):
    """Somebody agreed to be recorded, once for each time that he joined a call."""

    __tablename__ = "recording_consents"
    __table_args__ = (Index(None, "actor_type", "actor_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)
    actor_type: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(default=utc_now)
