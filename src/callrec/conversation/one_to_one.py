"""One-to-one rooms: one for each pair of users, whatever becomes of their membership.

The other person becomes a participant when a call starts or somebody writes, or when he opens the room
himself; who leaves is brought back by the next call or message.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import User
from callrec.conversation.participants import USERS, find_attendee, new_attendee
from callrec.wire.constants import ParticipantType, RoomType


def pair_of(one: str, other: str) -> str:
    """Return what names the room of two users; ``/`` is in no user id."""
    return "/".join(sorted((one, other)))


def other_of(room: Room, user_id: str | None) -> str:
    """Return the id of the other person of a one-to-one room."""
    first, _, second = (room.pair or "").partition("/")
    return second if first == user_id else first


async def find_one_to_one(session: AsyncSession, one: str, other: str) -> Room | None:
    """Return the room of two users."""
    return await session.scalar(select(Room).where(Room.pair == pair_of(one, other)))


async def enter(core: Core, tx: WriteSession, room: Room, user: User) -> Attendee:
    """Return *user* as an attendee of his one-to-one room; he becomes one where he is none."""
    attendee = await find_attendee(tx, room.id, USERS, user.id)
    if attendee is None:
        attendee = new_attendee(room, user, ParticipantType.OWNER)
        tx.add(attendee)
        await tx.flush()
        await core.signals.invited(tx, room, [user.id])
    return attendee


async def fill(core: Core, tx: WriteSession, room: Room) -> None:
    """Bring both people of a one-to-one room into it; other rooms stay as they are."""
    if room.type != RoomType.ONE_TO_ONE or room.pair is None:
        return
    for user_id in room.pair.split("/"):
        user = await tx.get(User, user_id)
        if user is not None:
            await enter(core, tx, room, user)


async def turn_into_former(core: Core, tx: WriteSession, user: User) -> None:
    """Close the one-to-one rooms of a user who is deleted: the other one keeps the history, to read."""
    his = Room.pair.startswith(f"{user.id}/", autoescape=True) | Room.pair.endswith(
        f"/{user.id}", autoescape=True
    )
    for room in (await tx.scalars(select(Room).where(his))).all():
        room.type = RoomType.FORMER_ONE_TO_ONE
        room.name = user.display_name
        room.pair = None
        room.read_only = 1
        await tx.flush()
        await core.signals.updated(tx, room)


async def shown_names(session: AsyncSession, rooms: Sequence[Room], user_id: str | None) -> Mapping[int, str]:
    """Return the names of the one-to-one ones among *rooms* as *user_id* reads them: the other's name."""
    others = {room.id: other_of(room, user_id) for room in rooms if room.type == RoomType.ONE_TO_ONE}
    if not others:
        return {}
    users = select(User.id, User.display_name).where(User.id.in_(others.values()))
    names = {row[0]: row[1] for row in await session.execute(users)}
    return {room_id: names.get(other, other) for room_id, other in others.items()}
