"""Which rooms somebody finds: those he is in, public ones, and users those that are listed."""

from callrec.conversation.core import Core
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.throttle import ROOM_TOKEN
from callrec.conversation.participants import Participant, find_participant, find_room
from callrec.wire.constants import RoomType


def is_listed_for(room: Room, caller: Caller) -> bool:
    """Tell whether *caller* finds the room in the list of rooms that are open to users."""
    return room.listable != 0 and caller.user_id is not None


def is_open_to(room: Room, caller: Caller) -> bool:
    """Tell whether *caller* may find and join the room without being in it."""
    return room.type == RoomType.PUBLIC or is_listed_for(room, caller)


async def find_visible(
    core: Core, token: str, caller: Caller, *, missing: OcsError
) -> tuple[Room, Participant | None]:
    """Return the room, and *caller* in it; None where he could only come in.

    Raises:
        OcsError: *missing*, which is counted, so that nobody tries tokens out; 429 after too many.
    """
    async with core.db.read() as session:
        room = await find_room(session, token)
        me = await find_participant(session, room, caller) if room else None
    if room is not None and me is not None:
        return room, me
    await core.throttle.check(ROOM_TOKEN, caller.network)
    if room is None or not is_open_to(room, caller):
        await core.throttle.fail(ROOM_TOKEN, caller.network, token[:64])
        raise missing
    return room, None
