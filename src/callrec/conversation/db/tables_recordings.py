"""Recordings under way, files, shares and notifications."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now


class RecordingStart(Base):
    """The last start of a recording in a room, kept after its end.

    ``requested_at`` decides when an unconfirmed start has expired. ``pending_owner`` is whom to tell when an
    upload names no owner; it is cleared by an upload that does.
    """

    __tablename__ = "recording_starts"

    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    pending_owner: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    requested_at: Mapped[datetime] = mapped_column(default=utc_now)
    stop_asked_at: Mapped[datetime | None]
    """Since when the recorder is to stop; it has not reported the end while the room is recorded."""
    stop_due_at: Mapped[datetime | None]
    """When the recorder is asked again."""
    failure_told_of: Mapped[datetime | None]
    """``requested_at`` of the start whose failed upload was told: it is repeated, and told once."""


class Node(Base):
    """A file or folder in a user's home. A folder has no ``blob_id``.

    ``parent`` is the path of the folder from the home, without slashes around it (``""`` is the home).
    """

    __tablename__ = "nodes"
    __table_args__ = (
        UniqueConstraint("owner_id", "parent", "name"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    parent: Mapped[str] = mapped_column(String(4000))
    name: Mapped[str] = mapped_column(String(255))
    blob_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    size_bytes: Mapped[int] = mapped_column(default=0)
    media_type: Mapped[str] = mapped_column(String(255), default="")
    etag: Mapped[str] = mapped_column(String(64))
    modified_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def path(self) -> str:
        """The path from the owner's home, without a leading slash."""
        return f"{self.parent}/{self.name}" if self.parent else self.name


class StoredRecording(Base):
    """An upload that was taken: the same one is answered again without doing anything, for ever."""

    __tablename__ = "stored_recordings"

    token: Mapped[str] = mapped_column(String(30), primary_key=True)
    owner_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The file name as sent, made safe; the file itself may bear a number."""
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    stored_at: Mapped[datetime] = mapped_column(default=utc_now)


class RoomShare(Base):
    """A file that everybody in a room may read; who knows ``share_token`` may read it as well."""

    __tablename__ = "room_shares"
    __table_args__ = (UniqueConstraint("room_id", "node_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"))
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"), index=True)
    share_token: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Notification(Base):
    """Something that a user is to hear about a room. It goes with the room and with the file."""

    __tablename__ = "notifications"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it so

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str] = mapped_column(String(64))
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)
    node_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
