"""The *store* that ends a chunked upload: what came by a link is a recording (docs/wire.md, Chunked store).

The file, its row and the owner's notification appear together, and the link is gone. The same store again is
answered as the first one and does nothing, for ever.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import speaking_times
from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_recordings import Node, StoredRecording
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.db.tables_uploads import ArrivedFile, UploadLink
from callrec.conversation.files_arrival import discard
from callrec.conversation.files_changes import Content, add_file
from callrec.conversation.files_names import recording_name
from callrec.conversation.media_type import HEAD_BYTES, fits, sniff
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.store import Admitted, add_recording, admit
from callrec.conversation.transcripts.schedule import Schedule
from callrec.conversation.upload_links import remove_link

log = structlog.get_logger()


@dataclass(frozen=True)
class Finish:
    """What the recorder says when everything has been uploaded."""

    owner: str | None
    file_name: str
    intervals_file_name: str | None = None


@dataclass(frozen=True)
class _Seen:
    """What came: its blob, the media type by its content, and the speaking times if they are of use."""

    blob_id: str | None = None
    media_type: str | None = None
    times: ArrivedFile | None = None


class _Replaced(Exception):
    """Another file of this name came since we looked."""


class ChunkedStore:
    """Ends chunked uploads."""

    def __init__(self, db: Database, blobs: BlobStore, transcripts: Schedule) -> None:
        self._db = db
        self._blobs = blobs
        self._transcripts = transcripts

    async def finish(self, token: str, request: Finish) -> None:
        """Make a recording of what was uploaded.

        Raises:
            OcsError: 404 the room is gone, or 400 with ``size`` (no owner), ``owner_participant``,
                ``owner_invalid``, ``invalid_file`` (nothing of this name came), ``empty_file``,
                ``file_mimetype``, ``file_extension``.
            BlobFailed: the file cannot be read now.
        """
        while True:
            seen = await self._look(token, request)
            try:
                # A refusal is also something to remember, so it must not roll back.
                async with self._db.write() as tx:
                    error, dropped = await _finish(tx, token, request, seen, self._transcripts)
            except _Replaced:
                continue
            break
        await discard(self._blobs, dropped)
        if error:
            log.warning("recording_refused", room=token, reason=error.data)
            raise error

    async def _look(self, token: str, request: Finish) -> _Seen:
        """Look into what came. Blobs never change, so it is still true in the transaction."""
        async with self._db.read() as session:
            arrived = await _arrived(session, token, request)
        if arrived is None:
            return _Seen()
        head = b""
        if arrived.size_bytes:
            end = min(HEAD_BYTES, arrived.size_bytes)
            async with self._blobs.read(arrived.blob_id, 0, end) as pieces:
                head = b"".join([piece async for piece in pieces])
        return _Seen(arrived.blob_id, sniff(head), await self._speaking_times(token, request))

    async def _speaking_times(self, token: str, request: Finish) -> ArrivedFile | None:
        """Return the uploaded speaking times if they are of use. They never fail the store."""
        if not request.intervals_file_name:
            return None
        async with self._db.read() as session:
            recording = await _arrived(session, token, request)
            times = None
            if recording is not None:
                name = recording_name(request.intervals_file_name)
                times = await session.scalar(
                    select(ArrivedFile).where(
                        ArrivedFile.link_id == recording.link_id, ArrivedFile.name == name
                    )
                )
        reason = "not_uploaded"
        if times is not None and recording is not None and times.id != recording.id:
            try:
                speaking_times.read(await self._content(times))
            except (speaking_times.Unusable, BlobFailed) as error:
                reason = str(error)
            else:
                return times
        log.warning("speaking_times_ignored", room=token, reason=reason)
        return None

    async def _content(self, file: ArrivedFile) -> bytes:
        if file.size_bytes > speaking_times.MAX_BYTES:
            raise speaking_times.Unusable("it is too large")
        async with self._blobs.read(file.blob_id) as pieces:
            return b"".join([piece async for piece in pieces])


async def _finish(
    tx: WriteSession, token: str, request: Finish, seen: _Seen, transcripts: Schedule
) -> tuple[OcsError | None, list[str]]:
    """Return the refusal, if it is one, and the blobs to delete after the commit."""
    admitted = await admit(tx, token, request.owner)
    if isinstance(admitted, OcsError):
        return admitted, []
    arrived = await _arrived(tx, token, request)
    if arrived is None:
        return await _nothing_came(tx, admitted, request)
    if arrived.blob_id != seen.blob_id:
        raise _Replaced
    if not arrived.size_bytes:
        await tx.delete(arrived)
        return refusal("empty_file"), [arrived.blob_id]
    media_type = seen.media_type
    if media_type is None or not fits(media_type, arrived.name):
        await tx.delete(arrived)
        word = "file_extension" if media_type else "file_mimetype"
        return refusal(word), [arrived.blob_id]
    link = await tx.get_one(UploadLink, arrived.link_id)
    dropped = set(await remove_link(tx, link))
    key = (token, admitted.owner, arrived.name, arrived.sha256)
    if await tx.get(StoredRecording, key):
        log.info("recording_known", room=token, size_bytes=arrived.size_bytes)
        return None, sorted(dropped)
    content = Content(arrived.blob_id, arrived.size_bytes, media_type)
    node = await add_recording(
        tx, admitted, arrived.name, content, sha256=arrived.sha256, transcripts=transcripts
    )
    dropped.discard(arrived.blob_id)
    if seen.times is not None and seen.times.blob_id in dropped:
        await _add_times(tx, node, seen.times)
        dropped.discard(seen.times.blob_id)
    return None, sorted(dropped)


async def _nothing_came(
    tx: AsyncSession, admitted: Admitted, request: Finish
) -> tuple[OcsError | None, list[str]]:
    """Nothing of this name is there: it was stored before, or it never came."""
    room, owner, name = admitted.room, admitted.owner, recording_name(request.file_name)
    waiting = await tx.scalars(
        select(UploadLink).where(
            UploadLink.room_id == room.id, UploadLink.owner_id == owner, UploadLink.name == name
        )
    )
    links = waiting.all()
    dropped = [blob_id for link in links for blob_id in await remove_link(tx, link)]
    stored = select(StoredRecording.sha256).where(
        StoredRecording.token == room.token, StoredRecording.owner_id == owner, StoredRecording.name == name
    )
    # A link that waits for the file says that the recorder has not sent it yet.
    if not links and await tx.scalar(stored.limit(1)):
        log.info("recording_known", room=room.token)
        return None, dropped
    return refusal("invalid_file"), dropped


async def _add_times(tx: AsyncSession, recording: Node, times: ArrivedFile) -> None:
    await add_file(
        tx,
        owner_id=recording.owner_id,
        folder=recording.parent,
        name=speaking_times.name_beside(recording.name),
        content=Content(times.blob_id, times.size_bytes, speaking_times.MEDIA_TYPE),
    )


async def _arrived(session: AsyncSession, token: str, request: Finish) -> ArrivedFile | None:
    """Return the newest file of the wanted name that came for this room and owner."""
    return await session.scalar(
        select(ArrivedFile)
        .join(UploadLink, UploadLink.id == ArrivedFile.link_id)
        .join(Room, Room.id == UploadLink.room_id)
        .where(
            Room.token == token,
            UploadLink.owner_id == (request.owner or ""),
            ArrivedFile.name == (recording_name(request.file_name) or ""),
            UploadLink.expires_at > utc_now(),
        )
        .order_by(ArrivedFile.id.desc())
        .limit(1)
    )
