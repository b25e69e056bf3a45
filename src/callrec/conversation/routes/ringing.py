"""Ringing: calling one person to the call, and what a ringing client asks."""

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.call_notifications import ring_for
from callrec.conversation.calls import NOBODY_STARTS, joined_call, start_calls_rule
from callrec.conversation.core import Core
from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, guard_refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import (
    USERS,
    Participant,
    find_participant,
    find_room,
    refuse_lobby,
    refuse_without,
    require_participant,
)
from callrec.wire.constants import Permission

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4/call/{token:room_token}")


async def _ringer(core: Core, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Return the participant who may ring others.

    Raises:
        OcsError: 403 when the server allows no calls, 404, 412 in the lobby, 403 without permission.
    """
    if await start_calls_rule(core, session) == NOBODY_STARTS:
        raise guard_refusal(403)
    me = await require_participant(session, ocs.token, ocs.caller)
    refuse_lobby(me)
    refuse_without(me, Permission.START_CALL)
    return me


@router.route(
    "POST",
    "/ring/{attendee_id:int}",
    access=Access.PUBLIC,
    refuses={400: ("in-call", "lobby")},
)
async def ring(core: Core, ocs: OcsRequest) -> Answer:
    """Call one user of the room to the running call, also to a silent one."""
    async with core.db.write() as tx:
        me = await _ringer(core, tx, ocs)
        if me.room.active_since is None:
            raise OcsError(400, None)
        target = await tx.get(Attendee, int(ocs.path("attendee_id")))
        if me.session is None or target is None or target.room_id != me.room.id or target.actor_type != USERS:
            raise OcsError(404, None)
        await ring_for(tx, me, target)
    return Answer(None)


@router.route("GET", "/notification-state", access=Access.PUBLIC, answers=(200, 201))
async def notification_state(core: Core, ocs: OcsRequest) -> Answer:
    """Tell a ringing client: 200 ring on, 201 show it as missed, 404 forget it."""
    if ocs.caller.user_id is None:
        raise OcsError(403, None)
    async with core.db.read() as session:
        room = await find_room(session, ocs.token)
        me = await find_participant(session, room, ocs.caller) if room else None
        if me is None or await joined_call(session, me):
            raise OcsError(404, None)
        return Answer(None, 200 if me.room.active_since is not None and not me.waits_in_lobby else 201)
