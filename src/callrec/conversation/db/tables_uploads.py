"""What is on its way into the files: uploads in chunks, and the links by which a recorder may upload."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now


class UploadLink(Base):
    """Who knows ``token`` and the password may upload, and nothing else, until ``expires_at``.

    It was made for the recording ``name`` of a room that ``owner_id`` is to get. Only the SHA-256 of the
    password is kept.
    """

    __tablename__ = "upload_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    password_hash: Mapped[str] = mapped_column(String(64))
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ArrivedFile(Base):
    """A whole file that came by a link. Nobody sees it until the recorder's *store* names it."""

    __tablename__ = "arrived_files"
    __table_args__ = (UniqueConstraint("link_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("upload_links.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    blob_id: Mapped[str] = mapped_column(String(32), unique=True)
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))


class ChunkedUpload(Base):
    """A file that comes in chunks, of a user or by a link of that user. ``name`` is the client's own."""

    __tablename__ = "chunked_uploads"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("upload_links.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    touched_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class UploadChunk(Base):
    """One chunk. The file is the chunks in the order of their numbers."""

    __tablename__ = "upload_chunks"

    upload_id: Mapped[int] = mapped_column(
        ForeignKey("chunked_uploads.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    blob_id: Mapped[str] = mapped_column(String(32), unique=True)
    size_bytes: Mapped[int]
