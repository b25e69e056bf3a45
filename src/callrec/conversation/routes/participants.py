"""Who belongs to a room: list, add, remove, promote, demote, and the names of guests."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee, Session
from callrec.conversation.db.tables_users import User
from callrec.conversation.membership import add_user, change_role, may_be_removed, remove_by
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import (
    GUESTS,
    Participant,
    permissions_of,
    require_moderator,
    require_participant,
    require_user_moderator,
)
from callrec.conversation.rooms import delete_room_if_empty
from callrec.wire.constants import ParticipantType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api")

MAX_GUEST_NAME_CHARS = 64


class NewParticipant(msgspec.Struct):
    """Whom to add."""

    newParticipant: str  # noqa: N815 - the parameter's name on the wire
    source: str = "users"


class AttendeeId(msgspec.Struct):
    """Which attendee."""

    attendeeId: int  # noqa: N815 - the parameter's name on the wire


class GuestName(msgspec.Struct):
    """What a guest is called."""

    displayName: str  # noqa: N815 - the parameter's name on the wire


@router.route("GET", "/v4/room/{token:room_token}/participants", access=Access.PUBLIC)
async def list_participants(core: Core, ocs: OcsRequest) -> Answer:
    """List the attendees with their sessions; guests may not."""
    async with core.db.read() as session:
        me = await require_participant(session, ocs.token, ocs.caller)
        if me.role == ParticipantType.GUEST:
            raise OcsError(403, None)
        of_room = select(Attendee).where(Attendee.room_id == me.room.id).order_by(Attendee.id)
        attendees = (await session.scalars(of_room)).all()
        present: dict[int, list[Session]] = {}
        for found in await session.scalars(select(Session).where(Session.room_id == me.room.id)):
            present.setdefault(found.attendee_id, []).append(found)
    return Answer(
        [
            participant_view(ocs.token, attendee, present.get(attendee.id, []))
            for attendee in attendees
            if attendee.id in present or attendee.participant_type != ParticipantType.GUEST
        ]
    )


def participant_view(token: str, attendee: Attendee, sessions: Sequence[Session]) -> dict[str, Any]:
    """Return an attendee as the API shows him, his sessions merged."""
    in_call = 0
    for session in sessions:
        in_call |= session.in_call
    pings = [session.last_ping for session in sessions]
    return {
        "roomToken": token,
        "inCall": in_call,
        "lastPing": int(max(pings).timestamp()) if pings else 0,
        "sessionIds": [session.session_id for session in sessions],
        "participantType": attendee.participant_type,
        "attendeeId": attendee.id,
        "actorId": attendee.actor_id,
        "actorType": attendee.actor_type,
        "displayName": attendee.display_name,
        "permissions": int(permissions_of(attendee.participant_type)),
        "attendeePermissions": 0,
        "attendeePin": "",
        "phoneNumber": "",
        "callId": "",
    }


@router.route("POST", "/v4/room/{token:room_token}/participants")
async def add_participant(core: Core, ocs: OcsRequest) -> Answer:
    """Add a user."""
    new = await ocs.read(NewParticipant)
    async with core.db.write() as tx:
        me = await require_user_moderator(tx, ocs.token, ocs.caller)
        if new.source != "users":
            raise refusal("source")
        user = await tx.get(User, new.newParticipant)
        if user is None:
            raise refusal("new-participant", 404)
        await add_user(core, tx, me.room, user, me.actor)
    return Answer([])


@router.route("DELETE", "/v4/room/{token:room_token}/participants/self")
async def remove_self(core: Core, ocs: OcsRequest) -> Answer:
    """Leave the conversation for good; without users left it is deleted."""
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        await remove_by(core, tx, me, me.actor)
        await delete_room_if_empty(core, tx, me.room)
    return Answer(None)


@router.route("DELETE", "/v4/room/{token:room_token}/attendees", access=Access.PUBLIC)
async def remove_attendee(core: Core, ocs: OcsRequest) -> Answer:
    """Put somebody out of the conversation."""
    params = await ocs.read(AttendeeId)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        target = await _attendee(tx, me, params.attendeeId)
        may_be_removed(target)
        await remove_by(core, tx, Participant(me.room, target, None), me.actor)
    return Answer(None)


@router.route("POST", "/v4/room/{token:room_token}/moderators", access=Access.PUBLIC)
async def promote(core: Core, ocs: OcsRequest) -> Answer:
    """Make somebody a moderator."""
    return await _change_role(core, ocs, promote=True)


@router.route("DELETE", "/v4/room/{token:room_token}/moderators", access=Access.PUBLIC)
async def demote(core: Core, ocs: OcsRequest) -> Answer:
    """Make a moderator a plain participant again."""
    return await _change_role(core, ocs, promote=False)


async def _change_role(core: Core, ocs: OcsRequest, *, promote: bool) -> Answer:
    params = await ocs.read(AttendeeId)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        target = await _attendee(tx, me, params.attendeeId)
        await change_role(core, tx, me, target, promote=promote)
    return Answer(None)


async def _attendee(tx: WriteSession, me: Participant, attendee_id: int) -> Attendee:
    attendee = await tx.get(Attendee, attendee_id)
    if attendee is None or attendee.room_id != me.room.id:
        raise refusal("participant", 404)
    return attendee


@router.route("POST", "/v1/guest/{token:room_token}/name", access=Access.PUBLIC)
async def set_guest_name(core: Core, ocs: OcsRequest) -> Answer:
    """Say what a guest is called."""
    params = await ocs.read(GuestName)
    name = params.displayName.strip()
    if len(name) > MAX_GUEST_NAME_CHARS:
        raise refusal("displayName")
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        if me.attendee.actor_type != GUESTS:
            raise OcsError(403, None)
        if name != me.attendee.display_name:
            me.attendee.display_name = name
            await tx.flush()
            await core.signals.participants_changed(tx, me.room, [me.attendee.id])
    return Answer(None)
