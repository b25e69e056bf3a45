"""Uploads in chunks (docs/wire.md, Files).

A chunk is durable when it is answered; of the file nothing is seen until the chunks are joined.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_uploads import ChunkedUpload, UploadChunk
from callrec.conversation.files_arrival import Arrived, discard, require_hash, take_body
from callrec.conversation.files_refused import Refused
from callrec.conversation.media_type import HEAD_BYTES

LIFETIME = timedelta(hours=24)
"""An upload to which nothing came for so long is deleted."""
MAX_CHUNKS = 100_000
MAX_UPLOADS = 100
"""How many one user may have under way."""
_NUMBER = re.compile(r"(\d{1,15})(?:-\d{1,15})?")


class Placed(Protocol):
    """What became of the whole file: at least the blobs to delete once that is committed."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """Blobs that no row speaks of any more."""
        ...


P = TypeVar("P", bound=Placed)
Place = Callable[[WriteSession, Arrived], Awaitable[P]]
"""Puts the whole file where it belongs, in the transaction that ends the upload."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Whose:
    """Whose uploads: those of a user, or those of one of his upload links."""

    owner_id: str
    link_id: int | None = None


@dataclass(frozen=True)
class Kept:
    """A chunk that is durable."""

    created: bool
    """There was none of its number."""
    sha256: str


def chunk_number(name: str) -> int | None:
    """Return the place of the chunk called *name*: its number, or where its range of bytes begins."""
    match = _NUMBER.fullmatch(name)
    return int(match[1]) if match and name.isascii() else None


class Uploads:
    """Takes files in chunks of any order and joins them by number."""

    def __init__(self, db: Database, blobs: BlobStore, *, max_bytes: int) -> None:
        self._db = db
        self._blobs = blobs
        self._max_bytes = max_bytes

    async def open(self, whose: Whose, name: str) -> None:
        """Begin the upload that the client calls *name*.

        Raises:
            Refused: 405 it was begun before, 507 too many are under way.
        """
        async with self._db.write() as tx:
            if await _find(tx, whose, name):
                raise Refused(405, "the upload was begun before")
            count = select(func.count()).select_from(ChunkedUpload)
            if (await tx.scalar(count.where(*_of(whose))) or 0) >= MAX_UPLOADS:
                raise Refused(507, "too many uploads are under way")
            tx.add(ChunkedUpload(owner_id=whose.owner_id, link_id=whose.link_id, name=name))

    async def put(self, whose: Whose, name: str, number: int, request: Request) -> Kept:
        """Take the body of *request* as a chunk; the same number again replaces it.

        Raises:
            Refused: 404 no such upload, 507 too many chunks, else as :func:`take_body`.
        """
        async with self._db.read() as session:
            upload = await _require(session, whose, name)
            others = select(func.coalesce(func.sum(UploadChunk.size_bytes), 0)).where(
                UploadChunk.upload_id == upload.id, UploadChunk.number != number
            )
            left_bytes = self._max_bytes - int(await session.scalar(others) or 0)
        arrived = await take_body(self._blobs, request, left_bytes)
        try:
            async with self._db.write() as tx:
                replaced = await _keep(tx, whose, name, number, arrived)
        except Refused:
            await discard(self._blobs, [arrived.blob_id])
            raise
        await discard(self._blobs, [replaced] if replaced else [])
        return Kept(replaced is None, arrived.sha256)

    async def join(
        self, whose: Whose, name: str, *, total_bytes: int | None, sha256: str | None, place: Place[P]
    ) -> P:
        """Make one file of the chunks, hand it to *place*, and forget the upload.

        Raises:
            Refused: 404 no such upload, 400 not *total_bytes* long, or not of the hash *sha256*, 409
                chunks came meanwhile, 507 the whole cannot be stored; and what *place* raises.
        """
        async with self._db.read() as session:
            upload = await _require(session, whose, name)
            chunks = await _chunks(session, upload.id)
        size_bytes = sum(chunk.size_bytes for chunk in chunks)
        if total_bytes is not None and total_bytes != size_bytes:
            raise Refused(400, f"{size_bytes} bytes have arrived, not {total_bytes}")
        blob_ids = [chunk.blob_id for chunk in chunks]
        arrived = await self._joined(blob_ids, size_bytes)
        await require_hash(self._blobs, arrived, sha256)
        try:
            async with self._db.write() as tx:
                upload = await _require(tx, whose, name)
                if [chunk.blob_id for chunk in await _chunks(tx, upload.id)] != blob_ids:
                    raise Refused(409, "chunks came while they were joined")
                placed = await place(tx, arrived)
                await tx.execute(delete(ChunkedUpload).where(ChunkedUpload.id == upload.id))
        except Refused:
            await discard(self._blobs, [arrived.blob_id])
            raise
        await discard(self._blobs, [*blob_ids, *placed.dropped])
        return placed

    async def drop(self, whose: Whose, name: str) -> None:
        """Give up an upload.

        Raises:
            Refused: 404 no such upload.
        """
        async with self._db.write() as tx:
            upload = await _require(tx, whose, name)
            blob_ids = [chunk.blob_id for chunk in await _chunks(tx, upload.id)]
            await tx.execute(delete(ChunkedUpload).where(ChunkedUpload.id == upload.id))
        await discard(self._blobs, blob_ids)

    async def forget_old(self) -> None:
        """Delete uploads to which nothing came for :data:`LIFETIME`."""
        old = ChunkedUpload.touched_at < utc_now() - LIFETIME
        async with self._db.write() as tx:
            of_old = select(UploadChunk.blob_id).join(
                ChunkedUpload, ChunkedUpload.id == UploadChunk.upload_id
            )
            blob_ids = list(await tx.scalars(of_old.where(old)))
            await tx.execute(delete(ChunkedUpload).where(old))
        if blob_ids:
            log.info("uploads_expired", chunks=len(blob_ids))
        await discard(self._blobs, blob_ids)

    async def _joined(self, blob_ids: list[str], size_bytes: int) -> Arrived:
        try:
            if len(blob_ids) == 1:
                return await self._copied(blob_ids[0], size_bytes)
            async with self._blobs.receive(expected_bytes=size_bytes) as incoming:
                for blob_id in blob_ids:
                    async with self._blobs.read(blob_id) as pieces:
                        async for piece in pieces:
                            await incoming.write(piece)
                joined = await incoming.finish()
                return Arrived(joined, incoming.size_bytes, incoming.sha256, incoming.head)
        except BlobFailed as error:
            log.error("upload_not_joined", error=str(error))
            raise Refused(507, "the file cannot be stored") from error

    async def _copied(self, blob_id: str, size_bytes: int) -> Arrived:
        """Make a file of its only chunk: its bytes are read, but not written again."""
        digest, head = hashlib.sha256(), b""
        async with self._blobs.read(blob_id) as pieces:
            async for piece in pieces:
                head = (head + piece[:HEAD_BYTES])[:HEAD_BYTES]
                await asyncio.to_thread(digest.update, piece)
        return Arrived(await self._blobs.copy(blob_id), size_bytes, digest.hexdigest(), head)


def _of(whose: Whose) -> tuple[ColumnElement[bool], ...]:
    # IS, so that the uploads of a user without a link are found as well.
    return ChunkedUpload.owner_id == whose.owner_id, ChunkedUpload.link_id.is_not_distinct_from(whose.link_id)


async def _find(session: AsyncSession, whose: Whose, name: str) -> ChunkedUpload | None:
    return await session.scalar(select(ChunkedUpload).where(*_of(whose), ChunkedUpload.name == name))


async def _require(session: AsyncSession, whose: Whose, name: str) -> ChunkedUpload:
    upload = await _find(session, whose, name)
    if upload is None:
        raise Refused(404, "there is no such upload")
    return upload


async def _chunks(session: AsyncSession, upload_id: int) -> list[UploadChunk]:
    chunks = select(UploadChunk).where(UploadChunk.upload_id == upload_id).order_by(UploadChunk.number)
    return list(await session.scalars(chunks))


async def _keep(tx: WriteSession, whose: Whose, name: str, number: int, arrived: Arrived) -> str | None:
    """Write the row of a chunk; return the blob that it replaces."""
    upload = await _require(tx, whose, name)
    upload.touched_at = utc_now()
    chunk = await tx.get(UploadChunk, (upload.id, number))
    if chunk is not None:
        replaced = chunk.blob_id
        chunk.blob_id, chunk.size_bytes = arrived.blob_id, arrived.size_bytes
        return replaced
    of_upload = select(func.count()).select_from(UploadChunk).where(UploadChunk.upload_id == upload.id)
    if (await tx.scalar(of_upload) or 0) >= MAX_CHUNKS:
        raise Refused(507, "too many chunks")
    tx.add(
        UploadChunk(
            upload_id=upload.id, number=number, blob_id=arrived.blob_id, size_bytes=arrived.size_bytes
        )
    )
    return None
