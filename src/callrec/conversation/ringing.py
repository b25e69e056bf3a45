"""Ringing: calling one person to the call, and whether a client goes on ringing (docs/wire.md, Calls)."""

from enum import Enum

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.call_notifications import ring_for
from callrec.conversation.calls import NOBODY_STARTS, joined_call, start_calls_rule
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.ocs.errors import OcsError, guard_refusal
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


class Ringing(Enum):
    """What a client that rings is to do."""

    GOES_ON = "goes_on"
    MISSED = "missed"
    """Stop, and show the call as missed."""


async def ring(core: Core, tx: WriteSession, token: str, caller: Caller, attendee_id: int) -> None:
    """Call one user of the room to the running call, also to a silent one.

    Raises:
        OcsError: 403 when the server allows no calls, 404, 412 in the lobby, 403 without permission; 400
            without a call, 404 when the caller has no session or there is no such user, 400 ``in-call``,
            ``lobby``.
    """
    me = await _ringer(core, tx, token, caller)
    if me.room.active_since is None:
        raise OcsError(400, None)
    target = await tx.get(Attendee, attendee_id)
    if me.session is None or target is None or target.room_id != me.room.id or target.actor_type != USERS:
        raise OcsError(404, None)
    await ring_for(tx, me, target)


async def _ringer(core: Core, session: AsyncSession, token: str, caller: Caller) -> Participant:
    """Return the participant who may ring others."""
    if await start_calls_rule(core, session) == NOBODY_STARTS:
        raise guard_refusal(403)
    me = await require_participant(session, token, caller)
    refuse_lobby(me)
    refuse_without(me, Permission.START_CALL)
    return me


async def ringing_of(session: AsyncSession, token: str, caller: Caller) -> Ringing:
    """Return whether the client of a user goes on ringing.

    Raises:
        OcsError: 403 for guests; 404 when there is nothing to show: he is not in the room, or he is or was in
            the call.
    """
    if caller.user_id is None:
        raise OcsError(403, None)
    room = await find_room(session, token)
    me = await find_participant(session, room, caller) if room else None
    if me is None or await joined_call(session, me):
        raise OcsError(404, None)
    runs = me.room.active_since is not None and not me.waits_in_lobby
    return Ringing.GOES_ON if runs else Ringing.MISSED
