"""Who belongs to a room: list, add, remove, roles, permissions, names (docs/wire.md, Participants)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from callrec.conversation import guards
from callrec.conversation.core import Core
from callrec.conversation.db.tables_rooms import Attendee, Session
from callrec.conversation.invitations import invite
from callrec.conversation.membership import (
    MAX_GUEST_NAME_CHARS,
    change_role,
    may_be_removed,
    name_guest,
    remove_by,
    set_permissions,
)
from callrec.conversation.ocs.described import EMPTY, NOTHING, OBJECTS
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import (
    GUESTS,
    Participant,
    refuse_lobby,
    require_attendee,
    require_moderator,
    require_participant,
    require_user_moderator,
)
from callrec.conversation.permissions import permissions_of
from callrec.conversation.rooms import delete_room_if_empty
from callrec.wire.constants import ParticipantType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api")


class NewParticipant(msgspec.Struct, rename="camel"):
    """Whom to add: a user, or the members of a group."""

    new_participant: str
    source: str = "users"


class AttendeeId(msgspec.Struct, rename="camel"):
    """Which attendee."""

    attendee_id: int


class ChangePermissions(msgspec.Struct, rename="camel"):
    """Which bits to ``set``, ``add`` or ``remove`` for whom."""

    attendee_id: int
    permissions: int
    method: str = "set"


class GuestName(msgspec.Struct, rename="camel"):
    """What a guest is called."""

    display_name: str


@router.route(
    "GET", "/v4/room/{token:room_token}/participants", access=Access.PUBLIC, data=OBJECTS, refuses={403: ()}
)
async def list_participants(core: Core, ocs: OcsRequest) -> Answer:
    """List the attendees with their sessions; guests may not."""
    async with core.db.read() as session:
        me = await require_participant(session, ocs.token, ocs.caller)
        refuse_lobby(me)
        if me.role == ParticipantType.GUEST:
            raise OcsError(403, None)
        of_room = select(Attendee).where(Attendee.room_id == me.room.id).order_by(Attendee.id)
        attendees = (await session.scalars(of_room)).all()
        present: dict[int, list[Session]] = {}
        for found in await session.scalars(select(Session).where(Session.room_id == me.room.id)):
            present.setdefault(found.attendee_id, []).append(found)
    return Answer(
        [
            participant_view(me, attendee, present.get(attendee.id, []))
            for attendee in attendees
            if attendee.id in present or attendee.participant_type != ParticipantType.GUEST
        ]
    )


def participant_view(reader: Participant, attendee: Attendee, sessions: Sequence[Session]) -> dict[str, Any]:
    """Return an attendee of the reader's room as the API shows him, his sessions merged."""
    in_call = 0
    for session in sessions:
        in_call |= session.in_call
    pings = [session.last_ping for session in sessions]
    return {
        "roomToken": reader.room.token,
        "inCall": in_call,
        "lastPing": int(max(pings).timestamp()) if pings else 0,
        "sessionIds": [session.session_id for session in sessions],
        "participantType": attendee.participant_type,
        "attendeeId": attendee.id,
        "actorId": attendee.actor_id,
        "actorType": attendee.actor_type,
        "displayName": attendee.display_name,
        "permissions": int(permissions_of(reader.room, attendee, reader.server_default)),
        "attendeePermissions": attendee.permissions,
        "attendeePin": "",
        "phoneNumber": "",
        "callId": "",
    }


@router.route(
    "POST",
    "/v4/room/{token:room_token}/participants",
    guard=guards.user_moderator,
    reads=NewParticipant,
    refuses={400: ("room-type", "source"), 404: ("new-participant",), 501: ("federation", "sip"), 403: ()},
    data=EMPTY,
)
async def add_participant(core: Core, ocs: OcsRequest) -> Answer:
    """Add a user, or those who are in a group now."""
    new = await ocs.read(NewParticipant)
    async with core.db.write() as tx:
        me = await require_user_moderator(tx, ocs.token, ocs.caller)
        await invite(core, tx, me, new.new_participant, source=new.source)
    return Answer([])


@router.route(
    "DELETE",
    "/v4/room/{token:room_token}/participants/self",
    refuses={400: ("last-moderator",)},
    data=NOTHING,
)
async def remove_self(core: Core, ocs: OcsRequest) -> Answer:
    """Leave the conversation for good; without users left it is deleted."""
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        await remove_by(core, tx, me, me.actor)
        await delete_room_if_empty(core, tx, me.room)
    return Answer(None)


@router.route(
    "DELETE",
    "/v4/room/{token:room_token}/attendees",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=AttendeeId,
    refuses={400: ("room-type", "last-moderator"), 403: ("owner",), 404: ("participant",)},
    data=NOTHING,
)
async def remove_attendee(core: Core, ocs: OcsRequest) -> Answer:
    """Put somebody out of the conversation."""
    params = await ocs.read(AttendeeId)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        target = await require_attendee(tx, me.room, params.attendee_id)
        may_be_removed(me, target)
        await remove_by(core, tx, Participant(me.room, target, None), me.actor)
    return Answer(None)


@router.route(
    "PUT",
    "/v4/room/{token:room_token}/attendees/permissions",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=ChangePermissions,
    refuses={400: ("room-type", "method", "value"), 403: ("moderator",), 404: ("participant",)},
    data=OBJECTS,
)
async def put_permissions(core: Core, ocs: OcsRequest) -> Answer:
    """Say what a single attendee may do; the answer is a list of that one."""
    params = await ocs.read(ChangePermissions)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        target = await require_attendee(tx, me.room, params.attendee_id)
        await set_permissions(core, tx, me, target, method=params.method, permissions=params.permissions)
        sessions = await tx.scalars(select(Session).where(Session.attendee_id == target.id))
        return Answer([participant_view(me, target, sessions.all())])


@router.route(
    "POST",
    "/v4/room/{token:room_token}/moderators",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=AttendeeId,
    data=NOTHING,
    refuses={403: ()},
)
async def promote(core: Core, ocs: OcsRequest) -> Answer:
    """Make somebody a moderator."""
    return await _change_role(core, ocs, promote=True)


@router.route(
    "DELETE",
    "/v4/room/{token:room_token}/moderators",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=AttendeeId,
    data=NOTHING,
    refuses={403: ()},
)
async def demote(core: Core, ocs: OcsRequest) -> Answer:
    """Make a moderator a plain participant again."""
    return await _change_role(core, ocs, promote=False)


async def _change_role(core: Core, ocs: OcsRequest, *, promote: bool) -> Answer:
    params = await ocs.read(AttendeeId)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        target = await require_attendee(tx, me.room, params.attendee_id)
        await change_role(core, tx, me, target, promote=promote)
    return Answer(None)


@router.route(
    "POST",
    "/v1/guest/{token:room_token}/name",
    access=Access.PUBLIC,
    guard=guards.participant,
    reads=GuestName,
    data=NOTHING,
    refuses={403: ()},
)
async def set_guest_name(core: Core, ocs: OcsRequest) -> Answer:
    """Say what a guest is called."""
    params = await ocs.read(GuestName)
    name = params.display_name.strip()
    if len(name) > MAX_GUEST_NAME_CHARS:
        raise refusal("displayName")
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        if me.attendee.actor_type != GUESTS:
            raise OcsError(403, None)
        await name_guest(core, tx, me, name)
    return Answer(None)
