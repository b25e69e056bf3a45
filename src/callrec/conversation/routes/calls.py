"""The call of a room: who is in it, joining, flags, leaving, ending it for everyone (docs/wire.md, Calls)."""

from datetime import timedelta

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import guards
from callrec.conversation.calls import (
    NOBODY_STARTS,
    change_flags,
    end_call,
    join_call,
    leave_call,
    may_start_call,
    start_calls_rule,
)
from callrec.conversation.consent import check_consent
from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_rooms import Attendee, Session
from callrec.conversation.ocs.described import NOTHING, OBJECTS
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, guard_refusal, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import (
    Participant,
    refuse_lobby,
    refuse_read_only,
    require_participant,
)
from callrec.wire.constants import CallFlag, Permission, RoomType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4")

PEER_TIMEOUT = timedelta(seconds=30)
"""A session without a sign of life for this long is not shown as a peer."""


class JoinCall(msgspec.Struct, rename="camel"):
    """What the session will publish, and whether its person agrees to be recorded.

    Nobody is told of a ``silent`` call, and the attendees ``silent_for`` not of another one.
    """

    flags: int = 7
    silent: bool = False
    recording_consent: bool = False
    silent_for: list[int] = []


class Flags(msgspec.Struct):
    """What the session publishes now."""

    flags: int


class Leave(msgspec.Struct):
    """``all``: end the call for everyone."""

    all: bool = False


async def _require_caller(core: Core, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Return the participant who may see the call and be in it.

    Raises:
        OcsError: 403 when the server allows no calls, 404, 403 in a read-only room, 412 in the lobby.
    """
    if await start_calls_rule(core, session) == NOBODY_STARTS:
        raise guard_refusal(403)
    me = await require_participant(session, ocs.token, ocs.caller)
    refuse_read_only(me)
    refuse_lobby(me)
    return me


@router.route("GET", "/call/{token:room_token}", access=Access.PUBLIC, data=OBJECTS)
async def list_peers(core: Core, ocs: OcsRequest) -> Answer:
    """List the sessions in the call."""
    async with core.db.read() as session:
        me = await _require_caller(core, session, ocs)
        rows = await session.execute(
            select(Attendee, Session)
            .join(Session, Session.attendee_id == Attendee.id)
            .where(
                Session.room_id == me.room.id,
                Session.in_call != 0,
                Session.last_ping > utc_now() - PEER_TIMEOUT,
            )
            .order_by(Session.id)
        )
        peers = [
            {
                "actorType": attendee.actor_type,
                "actorId": attendee.actor_id,
                "displayName": attendee.display_name,
                "token": ocs.token,
                "lastPing": int(peer.last_ping.timestamp()),
                "sessionId": peer.session_id,
            }
            for attendee, peer in rows
        ]
    return Answer(peers)


@router.route(
    "POST",
    "/call/{token:room_token}",
    access=Access.PUBLIC,
    guard=_require_caller,
    reads=JoinCall,
    refuses={400: ("consent", "type"), 403: ()},
    data=NOTHING,
)
async def post_call(core: Core, ocs: OcsRequest) -> Answer:
    """Start the call or join it."""
    params = await ocs.read(JoinCall)
    async with core.db.write() as tx:
        me = await _require_caller(core, tx, ocs)
        agreed = await check_consent(core, tx, me, given=params.recording_consent)
        if me.session is None:
            raise OcsError(404, None)
        if me.room.type in (RoomType.CHANGELOG, RoomType.NOTE_TO_SELF):
            raise refusal("type")
        if me.room.active_since is None:
            allowed = may_start_call(me, await start_calls_rule(core, tx))
        else:
            allowed = bool(me.permissions & Permission.JOIN_CALL)
        if not allowed:
            raise guard_refusal(403)
        await join_call(
            core,
            tx,
            me,
            params.flags,
            silent=params.silent,
            silent_for=params.silent_for,
            agreed=agreed,
        )
    return Answer(None)


@router.route(
    "PUT",
    "/call/{token:room_token}",
    access=Access.PUBLIC,
    guard=guards.participant,
    reads=Flags,
    data=NOTHING,
)
async def put_call(core: Core, ocs: OcsRequest) -> Answer:
    """Change what the session publishes."""
    params = await ocs.read(Flags)
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        if me.session is None:
            raise OcsError(404, None)
        if not me.session.in_call or not params.flags & CallFlag.IN_CALL:
            raise OcsError(400, None)
        await change_flags(core, tx, me, params.flags)
    return Answer(None)


@router.route(
    "DELETE",
    "/call/{token:room_token}",
    access=Access.PUBLIC,
    guard=guards.participant,
    reads=Leave,
    data=NOTHING,
)
async def delete_call(core: Core, ocs: OcsRequest) -> Answer:
    """Leave the call, or end it for everyone."""
    params = await ocs.read(Leave)
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        if me.session is None:
            raise OcsError(404, None)
        if not (params.all and me.is_moderator and await end_call(core, tx, me.room, me.actor)):
            await leave_call(core, tx, me)
    return Answer(None)
