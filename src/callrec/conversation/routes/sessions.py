"""Entering and leaving a room with a client."""

import msgspec

from callrec.conversation.core import Core
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ocs.throttle import ROOM_TOKEN
from callrec.conversation.participants import find_participant, find_room
from callrec.conversation.room_view import room_view
from callrec.conversation.sessions import join_room, leave_room

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4")


class Join(msgspec.Struct):
    """How to join. ``force``: end this client's earlier session even if it is in the call."""

    force: bool = True


@router.route("POST", "/room/{token:room_token}/participants/active", access=Access.PUBLIC)
async def join(core: Core, ocs: OcsRequest) -> Answer:
    """Enter the room; the answer holds the fresh session id."""
    params = await ocs.read(Join)
    async with core.db.read() as session:
        room = await find_room(session, ocs.token)
        known = room is not None and await find_participant(session, room, ocs.caller) is not None
    if not known:
        await core.throttle.check(ROOM_TOKEN, ocs.caller.network)
    view = None
    async with core.db.write() as tx:
        room = await find_room(tx, ocs.token)
        joined = await join_room(core, tx, room, ocs.caller, force=params.force) if room else None
        if joined is not None:
            view = await room_view(core, tx, joined.participant, ocs.caller)
            ocs.new_cookie = joined.new_cookie
    if view is None:
        if room is None:
            await ocs.fail(ROOM_TOKEN)
        raise OcsError(404, None)
    return Answer(view)


@router.route("DELETE", "/room/{token:room_token}/participants/active", access=Access.PUBLIC)
async def leave(core: Core, ocs: OcsRequest) -> Answer:
    """Leave the room; that is never refused."""
    async with core.db.write() as tx:
        room = await find_room(tx, ocs.token)
        me = await find_participant(tx, room, ocs.caller) if room else None
        if me is not None and me.session is not None:
            await leave_room(core, tx, me)
    return Answer(None)
