"""Links by which a recorder uploads a recording in chunks (docs/wire.md, Chunked store).

A link only takes files: nothing can be listed, read or deleted by it. What comes is kept beside the homes
until *store* names it.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.db.tables_uploads import ArrivedFile, ChunkedUpload, UploadChunk, UploadLink
from callrec.conversation.db.tables_users import User
from callrec.conversation.files_arrival import Arrived, discard
from callrec.conversation.files_names import recording_name
from callrec.conversation.files_refused import Refused
from callrec.conversation.media_type import of_recording
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import USERS, find_attendee, require_room
from callrec.conversation.passwords import token_hash

LIFETIME = timedelta(days=1)
MAX_FILES = 8
"""How many files one link takes: a recording and what belongs to it."""


@dataclass(frozen=True)
class Offer:
    """What the recorder needs to upload."""

    token: str
    password: str
    file_name: str


@dataclass(frozen=True)
class Taken:
    """A file that came by a link, and the blobs to delete once that is committed."""

    created: bool
    dropped: tuple[str, ...] = ()


class UploadLinks:
    """Makes links, opens them for who knows the password, and lets them expire."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs

    async def offer(self, room_token: str, owner: str | None, name: str | None) -> Offer:
        """Make a link for the recording *name* that *owner* is to get.

        Raises:
            OcsError: 404 no such room, or 400 with ``owner_invalid``, ``owner_participant``, ``file_name``,
                ``file_extension``.
        """
        password = secrets.token_urlsafe(15)
        async with self._db.write() as tx:
            room = await require_room(tx, room_token)
            if not owner:
                raise refusal("owner_invalid")
            if await find_attendee(tx, room.id, USERS, owner) is None:
                raise refusal("owner_participant")
            file_name = recording_name(name or "")
            if file_name is None:
                raise refusal("file_name")
            if of_recording(file_name) is None:
                raise refusal("file_extension")
            if await tx.get(User, owner) is None:
                raise refusal("owner_invalid")
            start = await tx.get(RecordingStart, room.id)
            if start is not None:
                start.pending_owner = None
            link = UploadLink(
                token=secrets.token_hex(8),
                password_hash=token_hash(password),
                room_id=room.id,
                owner_id=owner,
                name=file_name,
                expires_at=utc_now() + LIFETIME,
            )
            tx.add(link)
        return Offer(link.token, password, file_name)

    async def open(self, token: str, password: str) -> UploadLink | None:
        """Return the link, if it lives and this is its password."""
        async with self._db.read() as session:
            link = await session.scalar(
                select(UploadLink).where(UploadLink.token == token, UploadLink.expires_at > utc_now())
            )
        known = link.password_hash if link else ""
        return link if hmac.compare_digest(token_hash(password), known) else None

    async def forget_old(self) -> None:
        """Delete links that have expired, with all that came by them."""
        async with self._db.write() as tx:
            blob_ids: list[str] = []
            for link in (
                await tx.scalars(select(UploadLink).where(UploadLink.expires_at <= utc_now()))
            ).all():
                blob_ids += await remove_link(tx, link)
        await discard(self._blobs, blob_ids)


async def take(session: AsyncSession, link_id: int, name: str, arrived: Arrived) -> Taken:
    """Keep a file that came by a link; one of the same name is replaced.

    Raises:
        Refused: 404 the link is gone, 507 it has brought too many files.
    """
    if await session.get(UploadLink, link_id) is None:
        raise Refused(404, "the link has expired")
    name = recording_name(name) or name
    here = select(ArrivedFile).where(ArrivedFile.link_id == link_id)
    known = await session.scalar(here.where(ArrivedFile.name == name))
    if known is not None:
        dropped = (known.blob_id,)
        known.blob_id, known.size_bytes, known.sha256 = arrived.blob_id, arrived.size_bytes, arrived.sha256
        return Taken(created=False, dropped=dropped)
    if (await session.scalar(select(func.count()).select_from(here.subquery())) or 0) >= MAX_FILES:
        raise Refused(507, "this link takes no more files")
    session.add(
        ArrivedFile(
            link_id=link_id,
            name=name,
            blob_id=arrived.blob_id,
            size_bytes=arrived.size_bytes,
            sha256=arrived.sha256,
        )
    )
    return Taken(created=True)


async def remove_link(session: AsyncSession, link: UploadLink) -> list[str]:
    """Delete *link* with all that came by it, and return the blobs to delete after the commit."""
    arrived = select(ArrivedFile.blob_id).where(ArrivedFile.link_id == link.id)
    chunks = (
        select(UploadChunk.blob_id)
        .join(ChunkedUpload, ChunkedUpload.id == UploadChunk.upload_id)
        .where(ChunkedUpload.link_id == link.id)
    )
    blob_ids = [*await session.scalars(arrived), *await session.scalars(chunks)]
    await session.execute(delete(UploadLink).where(UploadLink.id == link.id))
    return blob_ids
