"""Taking finished recordings: the checks in the contract's order, and what is kept (docs/wire.md, Store).

The file, its row and the owner's notification appear together. The same upload again (room, owner, name and
content) is answered as the first one and does nothing, for ever: a recorder that lost our answer sends again.
"""

import asyncio

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import files, notifications
from callrec.conversation.db.engine import Database
from callrec.conversation.db.tables_recordings import RecordingStart, StoredRecording
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import User
from callrec.conversation.files_blobs import BlobStore
from callrec.conversation.files_names import clean_name
from callrec.conversation.media_type import fits, sniff
from callrec.conversation.ocs.errors import OcsError, guard_refusal, refusal
from callrec.conversation.store_upload import Upload

log = structlog.get_logger()


class Store:
    """Takes recordings into the homes of their owners."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs

    async def take(self, token: str, upload: Upload) -> None:
        """Keep *upload* for its owner, or tell the owner that it failed.

        Raises:
            OcsError: 404 the room is gone, or 400 with ``size`` (no owner), ``owner_participant``,
                ``invalid_file``, ``empty_file``, ``file_mimetype``, ``file_extension``, ``owner_invalid``.
        """
        # A refusal is also something to remember, so it must not roll back.
        async with self._db.write() as session:
            error = await self._take(session, token, upload)
        if error:
            log.warning("recording_refused", room=token, reason=error.data, problem=upload.problem)
            raise error

    async def _take(self, session: AsyncSession, token: str, upload: Upload) -> OcsError | None:
        room = await session.scalar(select(Room).where(Room.token == token))
        if room is None:
            return guard_refusal(404)
        start = await session.get(RecordingStart, room.id)
        owner = upload.fields.get("owner")
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
        name = clean_name(upload.name or "")
        if upload.problem or not upload.path or not name:
            await _tell_failure(session, owner, room, start)
            return refusal("invalid_file")
        if not upload.size_bytes:
            return refusal("empty_file")
        media_type = sniff(upload.head)
        if media_type is None:
            return refusal("file_mimetype")
        if not fits(media_type, name):
            return refusal("file_extension")
        key = (token, owner, name, upload.sha256)
        if await session.get(StoredRecording, key):
            log.info("recording_known", room=token, size_bytes=upload.size_bytes)
            return None
        # What is renamed here and not committed below is swept at start-up. It is not deleted when the
        # commit fails: its outcome may be unknown, and then the file may be all there is.
        try:
            blob_id = await asyncio.to_thread(self._blobs.keep, upload.path)
        except OSError as problem:
            log.error("recording_not_kept", room=token, error=str(problem))
            await _tell_failure(session, owner, room, start)
            return refusal("invalid_file")
        node = await files.add_file(
            session,
            owner_id=owner,
            folder=f"{files.ATTACHMENT_FOLDER}/Recording/{token}",
            name=name,
            blob_id=blob_id,
            size_bytes=upload.size_bytes,
            media_type=media_type,
        )
        session.add(StoredRecording(token=token, owner_id=owner, name=name, sha256=upload.sha256))
        notifications.add(
            session, user_id=owner, subject=notifications.FILE_STORED, room_id=room.id, node_id=node.id
        )
        log.info("recording_stored", room=token, file=node.id, size_bytes=upload.size_bytes)
        return None


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
