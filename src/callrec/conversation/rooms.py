"""Rooms: creating, renaming, opening to guests, closing and deleting them."""

import secrets
import string
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import func, select

from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.notices import CHAT
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import User
from callrec.conversation.membership import remove_attendee
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import GUESTS, USERS, Participant, actor_of, new_attendee
from callrec.conversation.room_settings import OBJECT_EVENT, SHARED_ROOMS, refuse_kind, set_password
from callrec.wire.constants import ParticipantType, RoomType

MAX_NAME_CHARS = 255
TOKEN_CHARS = 8

_ALPHABET = string.ascii_lowercase + string.digits


def checked_room_name(value: str, error: str) -> str:
    """Return the name without blanks at its ends.

    Raises:
        OcsError: 400 *error* when it is empty or longer than 255 characters.
    """
    name = value.strip()
    if not 0 < len(name) <= MAX_NAME_CHARS:
        raise refusal(error)
    return name


async def create_room(
    core: Core,
    tx: WriteSession,
    owner: User,
    kind: RoomType,
    name: str,
    *,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Participant:
    """Create a room that *owner* owns. *settings* are further columns, checked by the caller."""
    room = Room(token=await _new_token(tx), type=kind, name=name, **settings)
    tx.add(room)
    await tx.flush()
    attendee = new_attendee(room, owner, ParticipantType.OWNER)
    tx.add(attendee)
    await tx.flush()
    await core.chat.system(tx, room, actor_of(attendee), "conversation_created")
    await core.signals.invited(tx, room, [owner.id])
    return Participant(room, attendee, None)


async def _new_token(tx: WriteSession) -> str:
    while True:
        token = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_CHARS))
        if await tx.scalar(select(Room.id).where(Room.token == token)) is None:
            return token


async def rename_room(core: Core, tx: WriteSession, moderator: Participant, name: str) -> None:
    """Give the room another name; the same one changes nothing.

    Raises:
        OcsError: 400 ``event`` (its calendar names it), ``type``, ``value``.
    """
    room, old = moderator.room, moderator.room.name
    if room.object_type == OBJECT_EVENT:
        raise refusal("event")
    refuse_kind(room, *SHARED_ROOMS)
    name = checked_room_name(name, "value")
    if name == old:
        return
    room.name = name
    await core.chat.system(tx, room, moderator.actor, "conversation_renamed", oldName=old, newName=name)
    await core.signals.updated(tx, room)


async def set_public(
    core: Core, tx: WriteSession, moderator: Participant, *, public: bool, password_hash: str | None = None
) -> None:
    """Let guests in by the link, or not any more: then those who came by it are removed.

    Raises:
        OcsError: 400 ``type`` for a room of two.
    """
    room = moderator.room
    refuse_kind(room, *SHARED_ROOMS)
    kind = RoomType.PUBLIC if public else RoomType.GROUP
    if room.type != kind:
        room.type = kind
        room.password_hash = None  # only a public room has one
        key = "guests_allowed" if public else "guests_disallowed"
        await core.chat.system(tx, room, moderator.actor, key)
        await core.signals.updated(tx, room)
        if not public:
            await _remove_those_by_link(core, tx, room)
    if public and password_hash is not None:
        await set_password(core, tx, moderator, password_hash)


async def _remove_those_by_link(core: Core, tx: WriteSession, room: Room) -> None:
    by_link = select(Attendee).where(
        Attendee.room_id == room.id,
        (Attendee.actor_type == GUESTS) | (Attendee.participant_type == ParticipantType.SELF_JOINED),
    )
    for attendee in (await tx.scalars(by_link)).all():
        await remove_attendee(core, tx, Participant(room, attendee, None))


async def delete_room(core: Core, tx: WriteSession, room: Room) -> None:
    """Delete the room with all that belongs to it; a recording is told to stop."""
    room.active_since = None
    await core.hooks.stop_recording(tx, room)
    await core.signals.deleted(tx, room)
    tx.notice(CHAT, str(room.id))
    await tx.delete(room)
    await tx.flush()


async def delete_room_if_empty(core: Core, tx: WriteSession, room: Room) -> None:
    """Delete the room when no user belongs to it any more."""
    users = select(func.count()).where(Attendee.room_id == room.id, Attendee.actor_type == USERS)
    if not await tx.scalar(users):
        await delete_room(core, tx, room)
