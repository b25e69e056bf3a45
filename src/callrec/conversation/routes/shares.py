"""Sharing files with rooms (docs/wire.md, Shares): what clients call to send a file."""

from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import files, shares
from callrec.conversation.capabilities import MAX_CHAT_CHARS
from callrec.conversation.chat import SAID, find_message
from callrec.conversation.db.tables_recordings import Node, RoomShare
from callrec.conversation.files_folders import attachment_folder
from callrec.conversation.files_paths import clean_path
from callrec.conversation.ocs.described import EMPTY, OBJECTS, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.parameters import as_bool, as_int
from callrec.conversation.ocs.router import OcsRequest, OcsRouter
from callrec.conversation.one_to_one import shown_names
from callrec.conversation.participants import Participant, find_participant, find_room
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.shares import VOICE_MESSAGE, Shared
from callrec.conversation.shares_view import ROOM, share_view
from callrec.wire.constants import Permission, RoomType

MAX_REFERENCE_CHARS = 64

router: OcsRouter[RecordingSide] = OcsRouter("/apps/files_sharing/api/v1")


class New(msgspec.Struct, rename="camel"):
    """Which file (``path`` in the caller's home) goes to which room (``shareWith``).

    ``talkMetaData`` is JSON about the chat message: see :class:`Meta`.
    """

    path: str = ""
    share_type: int = -1
    share_with: str = ""
    reference_id: str = ""
    talk_meta_data: str = ""


class Wanted(msgspec.Struct):
    """Which shares: of the file at ``path``, or those of others with the caller."""

    path: str = ""
    shared_with_me: bool = False


class Meta(msgspec.Struct):
    """How a shared file appears in the chat."""

    message_type: str = ""
    caption: str = ""
    silent: bool = False
    reply_to: int = 0


@router.route("POST", "/shares", reads=New, data=keys("id"), refuses={403: (), 404: ()})
async def create(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Share a file of the caller with a room, and say so in its chat."""
    new = await ocs.read(New)
    if not new.path:
        raise _refused(404, "Please specify a file or folder path")
    if new.share_type != ROOM:
        raise _refused(400, "Unknown share type")
    if len(new.reference_id) > MAX_REFERENCE_CHARS:
        raise _refused(400, "referenceId: too long")
    meta = read_meta(new.talk_meta_data)
    async with side.core.db.write() as tx:
        path = clean_path(new.path)
        entry = await files.find(tx, ocs.user_id, path) if path else None
        if entry is None:
            raise _refused(404, "Wrong path, file/folder does not exist")
        if entry.is_folder or entry.shared:
            raise _refused(403, "Only your own files can be shared")
        sender = await _sender(tx, ocs, new.share_with)
        parent = await find_message(tx, sender.room, meta.reply_to) if meta.reply_to else None
        if meta.reply_to and (parent is None or parent.kind not in SAID):
            raise _refused(400, "replyTo: there is no such message")
        row = await shares.share(tx, sender.room.id, entry.node.id)
        if row is None:
            raise _refused(403, "Path is already shared with this conversation")
        message = await side.core.chat.file(
            tx,
            sender.room,
            sender.actor,
            {"messageType": meta.message_type, "shareId": row.id},
            text=meta.caption or "{file}",
            reference_id=new.reference_id,
            silent=meta.silent,
            parent=parent,
        )
        sender.attendee.last_read_message = message.id
        await tx.flush()
        (shared,) = await shares.listed(tx, RoomShare.id == row.id)
        view = await _view(side, tx, ocs, shared)
    return Answer(view)


@router.route("GET", "/shares", reads=Wanted, data=OBJECTS, refuses={404: ()})
async def list_shares(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """List what the caller has shared with rooms, or others with him."""
    wanted = await ocs.read(Wanted)
    async with side.core.db.read() as session:
        mine = Node.owner_id == ocs.user_id
        conditions = [~mine, shares.takes_part(ocs.user_id)] if wanted.shared_with_me else [mine]
        if wanted.path:
            path = clean_path(wanted.path)
            entry = await files.find(session, ocs.user_id, path) if path is not None else None
            if entry is None:
                raise _refused(404, "Wrong path, file/folder does not exist")
            conditions.append(Node.id == entry.node.id)
        found = await shares.listed(session, *conditions)
        views = [await _view(side, session, ocs, shared) for shared in found]
    return Answer(views)


@router.route("GET", "/shares/{share}", data=OBJECTS)
async def show(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Show one share to who shared it or is in its room."""
    async with side.core.db.read() as session:
        return Answer([await _view(side, session, ocs, await _find(session, ocs))])


@router.route("DELETE", "/shares/{share}", data=EMPTY, refuses={403: ()})
async def delete(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """End a share of the caller's own: the file is gone for the others, and from the chat."""
    async with side.core.db.write() as tx:
        shared = await _find(tx, ocs)
        if shared.node.owner_id != ocs.user_id:
            raise _refused(403, "Could not delete share")
        await tx.delete(shared.row)
    return Answer([])


def read_meta(text: str) -> Meta:
    """Return what ``talkMetaData`` says about the message; what cannot be read says nothing.

    Only ``voice-message`` is a type of its own here; everything else is a plain comment.

    Raises:
        OcsError: 400 for too long a caption.
    """
    try:
        value: Any = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        value = {}
    if not isinstance(value, dict):
        value = {}
    caption = value.get("caption")
    caption = caption.strip() if isinstance(caption, str) else ""
    if len(caption) > MAX_CHAT_CHARS:
        raise _refused(400, "caption: too long")
    voice = value.get("messageType") == VOICE_MESSAGE
    return Meta(
        VOICE_MESSAGE if voice else "comment",
        caption,
        as_bool(value.get("silent")),
        as_int(value.get("replyTo")),
    )


async def _sender(session: AsyncSession, ocs: OcsRequest, token: str) -> Participant:
    """Return the caller in the room, if he may write there.

    Raises:
        OcsError: 404, whatever the reason.
    """
    room = await find_room(session, token)
    sender = await find_participant(session, room, ocs.caller) if room else None
    if (
        sender is None
        or sender.room.read_only
        or sender.room.type == RoomType.CHANGELOG
        or sender.waits_in_lobby
        or not sender.permissions & Permission.CHAT
    ):
        raise _refused(404, "Conversation not found")
    return sender


async def _find(session: AsyncSession, ocs: OcsRequest) -> Shared:
    found = await shares.listed(session, RoomShare.id == as_int(ocs.path("share")))
    for shared in found:
        if await files.find_by_id(session, ocs.user_id, shared.node.id) is not None:
            return shared
    raise _refused(404, "Wrong share ID, share does not exist")


async def _view(
    side: RecordingSide, session: AsyncSession, ocs: OcsRequest, shared: Shared
) -> dict[str, Any]:
    entry = await files.find_by_id(session, ocs.user_id, shared.node.id)
    assert entry is not None
    names = await shown_names(session, [shared.room], ocs.user_id)
    return share_view(
        shared,
        entry,
        viewer=ocs.user_id,
        folder=await attachment_folder(session, ocs.user_id),
        room_name=names.get(shared.room.id, shared.room.name),
        public_url=side.core.config.public_url,
    )


def _refused(status: int, text: str) -> OcsError:
    return OcsError(status, [], message=text)
