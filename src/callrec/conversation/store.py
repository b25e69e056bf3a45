"""Taking finished recordings: the checks in the contract's order, and what is kept (docs/wire.md, Store).

The file, its row and the owner's notification appear together. The same upload again (room, owner, name and
content) is answered as the first one and does nothing, for ever: a recorder that lost our answer sends again.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import notifications
from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_recordings import Node, RecordingStart, StoredRecording
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import User
from callrec.conversation.files_changes import Content, add_file
from callrec.conversation.files_folders import recording_folder
from callrec.conversation.files_names import recording_name
from callrec.conversation.media_type import fits, sniff
from callrec.conversation.ocs.errors import OcsError, guard_refusal, refusal
from callrec.conversation.store_upload import Upload
from callrec.conversation.transcripts.schedule import Schedule

log = structlog.get_logger()


class Store:
    """Takes recordings into the homes of their owners."""

    def __init__(self, db: Database, blobs: BlobStore, transcripts: Schedule) -> None:
        self._db = db
        self._blobs = blobs
        self._transcripts = transcripts

    async def take(self, token: str, upload: Upload) -> None:
        """Keep *upload* for its owner, or tell the owner that it failed.

        Raises:
            OcsError: 404 the room is gone, or 400 with ``size`` (no owner), ``owner_participant``,
                ``invalid_file``, ``empty_file``, ``file_mimetype``, ``file_extension``, ``owner_invalid``.
        """
        # A refusal is also something to remember, so it must not roll back.
        async with self._db.write() as session:
            error, kept = await self._take(session, token, upload)
        # A commit that failed does not come here: its outcome may be unknown, and then the blob may be all
        # there is. One without a row is swept later.
        if upload.blob_id and not kept:
            await self._drop(upload.blob_id)
        if error:
            log.warning("recording_refused", room=token, reason=error.data, problem=upload.problem)
            raise error

    async def _drop(self, blob_id: str) -> None:
        try:
            await self._blobs.delete(blob_id)
        except BlobFailed as error:
            log.warning("blob_not_deleted", error=str(error))

    async def _take(self, session: WriteSession, token: str, upload: Upload) -> tuple[OcsError | None, bool]:
        """Return the refusal, if it is one, and whether the blob has a row now."""
        admitted = await admit(session, token, upload.fields.get("owner"))
        if isinstance(admitted, OcsError):
            return admitted, False
        room, start, owner = admitted.room, admitted.start, admitted.owner
        name = recording_name(upload.name or "")
        if upload.problem or not upload.blob_id or not name:
            await _tell_failure(session, owner, room, start)
            return refusal("invalid_file"), False
        if not upload.size_bytes:
            return refusal("empty_file"), False
        media_type = sniff(upload.head)
        if media_type is None:
            return refusal("file_mimetype"), False
        if not fits(media_type, name):
            return refusal("file_extension"), False
        key = (token, owner, name, upload.sha256)
        if await session.get(StoredRecording, key):
            log.info("recording_known", room=token, size_bytes=upload.size_bytes)
            return None, False
        content = Content(upload.blob_id, upload.size_bytes, media_type)
        await add_recording(
            session, admitted, name, content, sha256=upload.sha256, transcripts=self._transcripts
        )
        return None, True


@dataclass(frozen=True)
class Admitted:
    """A store whose owner may get the recording."""

    room: Room
    start: RecordingStart | None
    owner: str


async def admit(session: AsyncSession, token: str, owner: str | None) -> Admitted | OcsError:
    """Check room and owner. A store that names an owner ends the wait for one (docs/wire.md, Store)."""
    room = await session.scalar(select(Room).where(Room.token == token))
    if room is None:
        return guard_refusal(404)
    start = await session.get(RecordingStart, room.id)
    if not owner:
        if start and start.pending_owner:
            await _tell_failure(session, start.pending_owner, room, start)
        return refusal("size")
    if start:
        start.pending_owner = None
    if not await _takes_part(session, room, owner):
        return refusal("owner_participant")
    if not await session.get(User, owner):
        return refusal("owner_invalid")
    return Admitted(room, start, owner)


async def add_recording(
    session: WriteSession,
    admitted: Admitted,
    name: str,
    content: Content,
    *,
    sha256: str,
    transcripts: Schedule,
) -> Node:
    """Put a recording into the home of its owner, remember it, tell him, and have it made into text."""
    room, owner = admitted.room, admitted.owner
    node = await add_file(
        session,
        owner_id=owner,
        folder=await recording_folder(session, owner, room.token),
        name=name,
        content=content,
    )
    session.add(StoredRecording(token=room.token, owner_id=owner, name=name, sha256=sha256))
    notifications.add(
        session, user_id=owner, subject=notifications.FILE_STORED, room_id=room.id, node_id=node.id
    )
    await transcripts.recording_stored(session, room_id=room.id, owner_id=owner, node_id=node.id)
    log.info("recording_stored", room=room.token, file=node.id, size_bytes=content.size_bytes)
    return node


async def _takes_part(session: AsyncSession, room: Room, user_id: str) -> bool:
    found = await session.scalar(
        select(Attendee.id).where(
            Attendee.room_id == room.id, Attendee.actor_type == "users", Attendee.actor_id == user_id
        )
    )
    return found is not None


async def _tell_failure(
    session: AsyncSession, user_id: str, room: Room, start: RecordingStart | None
) -> None:
    """Tell once for each recording: recorders repeat an upload that is refused."""
    subject = notifications.STORE_FAILED
    if start is not None:
        told = start.failure_told_of == start.requested_at
        start.failure_told_of = start.requested_at
    else:  # a recording that nobody has started here
        told = await notifications.has_unread(session, user_id=user_id, subject=subject, room_id=room.id)
    if not told:
        notifications.add(session, user_id=user_id, subject=subject, room_id=room.id)
