"""Entering and leaving a room with a client."""

import msgspec

from callrec.conversation import guards
from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.ocs.described import NOTHING, ROOM
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ocs.throttle import ROOM_PASSWORD, ROOM_TOKEN
from callrec.conversation.participants import find_participant, find_room, require_participant
from callrec.conversation.room_view import room_view
from callrec.conversation.sessions import asks_for_password, join_room, leave_room
from callrec.conversation.visibility import find_visible

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4")


class Join(msgspec.Struct):
    """How to join. ``force``: end this client's earlier session even if it is in the call."""

    force: bool = True
    password: str = ""


class State(msgspec.Struct):
    """1: the person looks at the room; 0: its client is in the background."""

    state: int


@router.route(
    "POST",
    "/room/{token:room_token}/participants/active",
    access=Access.PUBLIC,
    reads=Join,
    refuses={403: ("password",), 409: ()},
    data=ROOM,
)
async def join(core: Core, ocs: OcsRequest) -> Answer:
    """Enter the room; the answer holds the fresh session id."""
    found, me = await find_visible(core, ocs.token, ocs.caller, missing=OcsError(404, None))
    params = await ocs.read(Join)
    opened = None
    if me is None and asks_for_password(found, ocs.caller):
        opened = await _opened_by(core, ocs, params.password, found)
    view = None
    async with core.db.write() as tx:
        room = await find_room(tx, ocs.token)
        joined = (
            await join_room(core, tx, room, ocs.caller, force=params.force, opened=opened) if room else None
        )
        if joined is not None:
            view = await room_view(core, tx, joined.participant, ocs.caller)
            ocs.new_cookie = joined.new_cookie
            network = ocs.caller.network
            await core.throttle.forgive(tx, (ROOM_TOKEN, ROOM_PASSWORD), network, ocs.token)
    if view is None:  # it was deleted or closed meanwhile
        raise OcsError(404, None)
    return Answer(view)


async def _opened_by(core: Core, ocs: OcsRequest, password: str, room: Room) -> str | None:
    """Return the hash of the room's password, which the caller knows.

    Raises:
        OcsError: 403 ``password``, 429 after too many wrong ones.
    """
    await core.throttle.check(ROOM_PASSWORD, ocs.caller.network)
    if not await core.passwords.verify(password, room.password_hash):
        await ocs.fail(ROOM_PASSWORD, ocs.token)
        raise refusal("password", 403)
    return room.password_hash


@router.route("DELETE", "/room/{token:room_token}/participants/active", access=Access.PUBLIC, data=NOTHING)
async def leave(core: Core, ocs: OcsRequest) -> Answer:
    """Leave the room; that is never refused."""
    async with core.db.write() as tx:
        room = await find_room(tx, ocs.token)
        me = await find_participant(tx, room, ocs.caller) if room else None
        if me is not None and me.session is not None:
            await leave_room(core, tx, me)
    return Answer(None)


@router.route(
    "PUT",
    "/room/{token:room_token}/participants/state",
    access=Access.PUBLIC,
    guard=guards.participant,
    reads=State,
    data=ROOM,
)
async def put_state(core: Core, ocs: OcsRequest) -> Answer:
    """Say whether the person looks at the room."""
    state = (await ocs.read(State)).state
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        if me.session is None:
            raise OcsError(404, None)
        if state not in (0, 1):
            raise OcsError(400, None)
        me.session.state = state
        me.session.last_ping = utc_now()
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))
