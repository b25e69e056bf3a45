"""Making a room: what is asked for is checked in the contract's order, then made in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import TALK
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_users import Group, User
from callrec.conversation.groups import groups_of, members_of
from callrec.conversation.membership import add_group, add_user
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.one_to_one import enter, find_one_to_one, pair_of
from callrec.conversation.participants import USERS, Participant
from callrec.conversation.permissions import are_permissions, custom
from callrec.conversation.room_settings import (
    LISTABLE,
    MAX_DESCRIPTION_CHARS,
    MAX_EXPIRATION_S,
    MAX_TIMER_S,
    checked_room_password,
)
from callrec.conversation.rooms import checked_room_name, create_room
from callrec.wire.constants import RoomType

MAX_OBJECT_CHARS = 64
OBJECT_TYPES = ("", "event", "extended_conversation", "instant_meeting")
"""What a client may say that a room belongs to; other kinds are made by functions that are not there."""
GROUPS = "groups"


class NewRoom(msgspec.Struct, rename="camel"):
    """Parameters of a new room. ``participants`` maps a source such as ``users`` to a list of ids."""

    room_type: int = int(RoomType.GROUP)
    room_name: str = ""
    invite: str = ""
    source: str = ""
    object_type: str = ""
    object_id: str = ""
    password: str = ""
    read_only: int = 0
    listable: int = 0
    message_expiration: int = 0
    lobby_state: int = 0
    lobby_timer: int | None = None
    sip_enabled: int = 0
    permissions: int = 0
    recording_consent: int = 0
    mention_permissions: int = 0
    description: str = ""
    emoji: str = ""
    avatar_color: str = ""
    participants: dict[str, list[str]] | list[str] = {}


@dataclass(frozen=True)
class RoomPlan:
    """A room that may be made: ``settings`` are its columns, ``invalid`` who cannot be invited, by source."""

    kind: RoomType
    name: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    invalid: Mapping[str, list[str]]
    settings: Mapping[str, Any]
    password: str = field(default="", repr=False)


async def may_create_rooms(core: Core, session: AsyncSession, user_id: str) -> bool:
    """Tell whether the server lets this user make rooms: config ``start_conversations`` may name groups."""
    value = await core.configuration.get(session, TALK, "start_conversations")
    try:
        allowed = msgspec.json.decode(value or "[]", type=list[str])
    except msgspec.DecodeError:
        return True
    return not allowed or bool(set(allowed) & set(await groups_of(session, user_id)))


async def plan_room(core: Core, session: AsyncSession, user_id: str, new: NewRoom) -> RoomPlan:
    """Check what *user_id* asks for.

    Raises:
        OcsError: 403 ``permissions``, 404 ``invite``, 400 with the word of the first parameter that is wrong.
    """
    if not await may_create_rooms(core, session, user_id):
        raise refusal("permissions", 403)
    invited = _invited(new)
    users, unknown_users = await _known(session, User, invited.pop(USERS, []))
    groups, unknown_groups = await _known(session, Group, invited.pop(GROUPS, []))
    invalid = {source: ids for source, ids in invited.items() if ids}
    invalid |= {USERS: unknown_users} if unknown_users else {}
    invalid |= {GROUPS: unknown_groups} if unknown_groups else {}
    if invalid and not users and not groups:
        raise refusal("invite", 404)
    name = new.room_name
    if not name.strip() and new.invite:
        name = new.invite
    name = checked_room_name(name, "name")
    if new.room_type not in (RoomType.GROUP, RoomType.PUBLIC):
        raise refusal("type")
    settings = _checked_settings(new)
    public = new.room_type == RoomType.PUBLIC
    return RoomPlan(
        kind=RoomType(new.room_type),
        name=name,
        users=users,
        groups=groups,
        invalid=invalid,
        settings=settings,
        password=new.password if public else "",
    )


def _invited(new: NewRoom) -> dict[str, list[str]]:
    """Return the ids to invite by source; the older parameters name one group."""
    if isinstance(new.participants, list):
        if new.participants:
            raise refusal("participants")
        invited: dict[str, list[str]] = {}
    else:
        invited = {source: list(dict.fromkeys(ids)) for source, ids in new.participants.items()}
    if new.invite:
        invited.setdefault(new.source or GROUPS, []).append(new.invite)
    return invited


async def _known(
    session: AsyncSession, table: type[User] | type[Group], ids: list[str]
) -> tuple[tuple[str, ...], list[str]]:
    known = [each for each in ids if await session.get(table, each) is not None]
    return tuple(known), [each for each in ids if each not in known]


def _checked_settings(new: NewRoom) -> dict[str, Any]:
    """Return the columns that *new* asks for, checked in the contract's order.

    Raises:
        OcsError: 400 with the word of the first one that is wrong.
    """
    kind, object_id = new.object_type.strip(), new.object_id.strip()
    timer = new.lobby_timer or None
    _demand(
        (kind in OBJECT_TYPES, "object-type"),
        (len(object_id) <= MAX_OBJECT_CHARS, "object-id"),
        (bool(kind) == bool(object_id), "object"),
    )
    if new.room_type == RoomType.PUBLIC:
        checked_room_password(new.password, "password")
    _demand(
        (new.read_only in (0, 1), "read-only"),
        (new.listable in LISTABLE, "listable"),
        (0 <= new.message_expiration <= MAX_EXPIRATION_S, "message-expiration"),
        (new.lobby_state in (0, 1), "lobby"),
        (timer is None or 0 < timer <= MAX_TIMER_S, "lobby-timer"),
        (new.sip_enabled == 0, "sip-enabled"),
        (are_permissions(new.permissions), "permissions"),
        (new.recording_consent in (0, 1), "recording-consent"),
        (new.mention_permissions in (0, 1), "mention-permissions"),
        (len(new.description.strip()) <= MAX_DESCRIPTION_CHARS, "description"),
        (not new.emoji and not new.avatar_color, "avatar"),
    )
    waits = new.lobby_state and timer is not None
    return {
        "object_type": kind,
        "object_id": object_id,
        "read_only": new.read_only,
        "listable": new.listable,
        "message_expiration_s": new.message_expiration,
        "lobby_state": new.lobby_state,
        "lobby_timer": datetime.fromtimestamp(timer, UTC) if waits and timer else None,
        "default_permissions": custom(new.permissions),
        "recording_consent": new.recording_consent,
        "mention_permissions": new.mention_permissions,
        "description": new.description.strip(),
    }


def _demand(*checks: tuple[bool, str]) -> None:
    for good, word in checks:
        if not good:
            raise refusal(word)


async def make_room(
    core: Core, tx: WriteSession, owner: User, plan: RoomPlan, password_hash: str | None
) -> Participant:
    """Make the planned room with all who are invited, and return its owner."""
    settings = {**plan.settings, "password_hash": password_hash}
    me = await create_room(core, tx, owner, plan.kind, plan.name, settings=settings)
    for group_id in plan.groups:
        members = await members_of(tx, group_id)
        await add_group(core, tx, me.room, me.actor, group_id=group_id, members=members)
    for user_id in plan.users:
        user = await tx.get(User, user_id)
        if user is not None:
            await add_user(core, tx, me.room, user, me.actor)
    me.attendee.last_read_message = me.room.last_message_id or 0
    await tx.flush()
    return me


async def open_one_to_one(
    core: Core, tx: WriteSession, user: User, other_id: str
) -> tuple[Participant, bool]:
    """Return *user* in the room that he has with another one, and whether it had to be made.

    Raises:
        OcsError: 404 ``invite`` for an unknown user, 403 ``invite`` for himself, 403 ``permissions``.
    """
    other = await tx.get(User, other_id)
    if other is None:
        raise refusal("invite", 404)
    if other.id == user.id:
        raise refusal("invite", 403)
    room = await find_one_to_one(tx, user.id, other.id)
    if room is not None:
        return Participant(room, await enter(core, tx, room, user), None), False
    if not await may_create_rooms(core, tx, user.id):
        raise refusal("permissions", 403)
    settings = {"pair": pair_of(user.id, other.id)}
    me = await create_room(core, tx, user, RoomType.ONE_TO_ONE, other.id, settings=settings)
    return me, True
