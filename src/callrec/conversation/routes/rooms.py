"""Rooms: list, create, show, rename, open to guests, delete."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.clock import wall_s
from callrec.conversation.capabilities import talk_hash
from callrec.conversation.core import Core
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.db.tables_users import User
from callrec.conversation.membership import add_user
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import guard_refusal, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ocs.throttle import ROOM_TOKEN
from callrec.conversation.participants import (
    USERS,
    Participant,
    find_participant,
    find_room,
    require_moderator,
    require_user_moderator,
)
from callrec.conversation.room_view import room_view, room_views, stranger_view
from callrec.conversation.rooms import checked_room_name, create_room, delete_room, rename_room, set_public
from callrec.wire.constants import RoomType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4")

TALK_HASH = "X-Nextcloud-Talk-Hash"
MODIFIED_BEFORE = "X-Nextcloud-Talk-Modified-Before"


class ListRooms(msgspec.Struct):
    """Which rooms, and how much of them."""

    modifiedSince: int = 0  # noqa: N815 - the parameter's name on the wire
    includeLastMessage: bool = True  # noqa: N815 - the parameter's name on the wire


class NewRoom(msgspec.Struct):
    """Parameters of a new room. ``participants`` maps ``users`` to a list of user ids."""

    roomType: int = int(RoomType.GROUP)  # noqa: N815 - the parameter's name on the wire
    roomName: str = ""  # noqa: N815 - the parameter's name on the wire
    participants: dict[str, list[str]] = {}


class Rename(msgspec.Struct):
    """The new name."""

    roomName: str  # noqa: N815 - the parameter's name on the wire


@router.route("GET", "/room")
async def list_rooms(core: Core, ocs: OcsRequest) -> Answer:
    """List the rooms that the caller belongs to, the liveliest first."""
    params = await ocs.read(ListRooms)
    began = int(wall_s())
    async with core.db.read() as session:
        participants = await _rooms_of(session, ocs.user_id, ocs.caller.web_session_id)
        recent = [p for p in participants if p.room.last_activity.timestamp() >= params.modifiedSince]
        views = await room_views(core, session, recent, ocs.caller, last_message=params.includeLastMessage)
        headers = {TALK_HASH: await talk_hash(core, session), MODIFIED_BEFORE: str(began)}
    return Answer(views, headers=headers)


async def _rooms_of(session: AsyncSession, user_id: str, web_session_id: int | None) -> list[Participant]:
    rows = (
        await session.execute(
            select(Room, Attendee)
            .join(Attendee, Attendee.room_id == Room.id)
            .where(Attendee.actor_type == USERS, Attendee.actor_id == user_id)
            .order_by(Room.last_activity.desc(), Room.id.desc())
        )
    ).all()
    attendee_ids = [attendee.id for _, attendee in rows]
    own: dict[int, Session] = {}
    sessions = select(Session).where(Session.attendee_id.in_(attendee_ids)).order_by(Session.id)
    for found in await session.scalars(sessions):
        held = own.get(found.attendee_id)
        if held is None or web_session_id is None or held.web_session_id != web_session_id:
            own[found.attendee_id] = found
    return [Participant(room, attendee, own.get(attendee.id)) for room, attendee in rows]


@router.route("POST", "/room")
async def post_room(core: Core, ocs: OcsRequest) -> Answer:
    """Create a group or public room that the caller owns."""
    new = await ocs.read(NewRoom)
    name = checked_room_name(new.roomName, "name")
    if new.roomType not in (RoomType.GROUP, RoomType.PUBLIC):
        raise refusal("type")
    async with core.db.write() as tx:
        owner = await tx.get(User, ocs.user_id)
        if owner is None:
            raise refusal("permissions", 403)
        me = await create_room(core, tx, owner, RoomType(new.roomType), name)
        unknown = []
        for user_id in new.participants.get("users", []):
            user = await tx.get(User, user_id)
            if user is None:
                unknown.append(user_id)
            elif user.id != owner.id:
                await add_user(core, tx, me.room, user, me.actor)
        me.attendee.last_read_message = me.room.last_message_id or 0
        await tx.flush()
        view = await room_view(core, tx, me, ocs.caller)
    if unknown:
        return Answer({**view, "invalidParticipants": {"users": unknown}}, 202)
    return Answer(view, 201)


@router.route("GET", "/room/{token:room_token}", access=Access.PUBLIC)
async def get_room(core: Core, ocs: OcsRequest) -> Answer:
    """Show a room to its participants, and a public one to whoever knows the token."""
    began = int(wall_s())
    async with core.db.read() as session:
        room = await find_room(session, ocs.token)
        me = await find_participant(session, room, ocs.caller) if room else None
        headers = {TALK_HASH: await talk_hash(core, session), MODIFIED_BEFORE: str(began)}
        if me is not None:
            return Answer(await room_view(core, session, me, ocs.caller), headers=headers)
    await core.throttle.check(ROOM_TOKEN, ocs.caller.network)
    if room is None or room.type != RoomType.PUBLIC:
        if room is None:
            await ocs.fail(ROOM_TOKEN)
        raise guard_refusal(404)
    return Answer(stranger_view(room), headers=headers)


@router.route("PUT", "/room/{token:room_token}", access=Access.PUBLIC)
async def put_room(core: Core, ocs: OcsRequest) -> Answer:
    """Rename the room."""
    change = await ocs.read(Rename)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        await rename_room(core, tx, me, checked_room_name(change.roomName, "value"))
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))


@router.route("DELETE", "/room/{token:room_token}", access=Access.PUBLIC)
async def remove_room(core: Core, ocs: OcsRequest) -> Answer:
    """Delete the room."""
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        await delete_room(core, tx, me.room)
    return Answer(None)


@router.route("POST", "/room/{token:room_token}/public")
async def allow_guests(core: Core, ocs: OcsRequest) -> Answer:
    """Open the room to everybody who has its link."""
    return await _set_public(core, ocs, public=True)


@router.route("DELETE", "/room/{token:room_token}/public")
async def disallow_guests(core: Core, ocs: OcsRequest) -> Answer:
    """Close the room; guests and those who came by the link are removed."""
    return await _set_public(core, ocs, public=False)


async def _set_public(core: Core, ocs: OcsRequest, *, public: bool) -> Answer:
    async with core.db.write() as tx:
        me = await require_user_moderator(tx, ocs.token, ocs.caller)
        await set_public(core, tx, me, public=public)
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))
