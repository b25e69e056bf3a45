"""Rooms: list, find, create, show, rename, open to guests, delete (docs/wire.md, Rooms)."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.clock import wall_s
from callrec.conversation import guards
from callrec.conversation.capabilities import talk_hash
from callrec.conversation.core import Core
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.db.tables_users import User
from callrec.conversation.ocs.described import NOTHING, OBJECTS, ROOM
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, guard_refusal, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import (
    USERS,
    Participant,
    require_moderator,
    require_user_moderator,
)
from callrec.conversation.permissions import server_default
from callrec.conversation.room_creation import NewRoom, make_room, open_one_to_one, plan_room
from callrec.conversation.room_settings import SHARED_ROOMS, checked_room_password, refuse_kind
from callrec.conversation.room_view import listed_view, room_view, room_views, stranger_view
from callrec.conversation.rooms import delete_room, rename_room, set_public
from callrec.conversation.visibility import find_visible
from callrec.wire.constants import RoomType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4")

TALK_HASH = "X-Nextcloud-Talk-Hash"
MODIFIED_BEFORE = "X-Nextcloud-Talk-Modified-Before"


class ListRooms(msgspec.Struct, rename="camel"):
    """Which rooms, and how much of them."""

    modified_since: int = 0
    include_last_message: bool = True


class Search(msgspec.Struct, rename="camel"):
    """What the names of rooms that are listed have in them."""

    search_term: str = ""


class Open(msgspec.Struct):
    """Which password those need who come by the link; empty: none."""

    password: str = ""


class Rename(msgspec.Struct, rename="camel"):
    """The new name."""

    room_name: str


@router.route("GET", "/room", reads=ListRooms, data=OBJECTS)
async def list_rooms(core: Core, ocs: OcsRequest) -> Answer:
    """List the rooms that the caller belongs to, the liveliest first."""
    params = await ocs.read(ListRooms)
    began = int(wall_s())
    async with core.db.read() as session:
        participants = await _rooms_of(session, ocs.user_id, ocs.caller.web_session_id)
        recent = [p for p in participants if p.room.last_activity.timestamp() >= params.modified_since]
        views = await room_views(core, session, recent, ocs.caller, last_message=params.include_last_message)
        headers = {TALK_HASH: await talk_hash(core, session, ocs.caller.user_id), MODIFIED_BEFORE: str(began)}
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
    default = await server_default(session)
    attendee_ids = [attendee.id for _, attendee in rows]
    own: dict[int, Session] = {}
    sessions = select(Session).where(Session.attendee_id.in_(attendee_ids)).order_by(Session.id)
    for found in await session.scalars(sessions):
        held = own.get(found.attendee_id)
        if held is None or web_session_id is None or held.web_session_id != web_session_id:
            own[found.attendee_id] = found
    return [Participant(room, attendee, own.get(attendee.id), default) for room, attendee in rows]


@router.route("GET", "/listed-room", reads=Search, data=OBJECTS)
async def list_listed(core: Core, ocs: OcsRequest) -> Answer:
    """List the rooms that the caller may find without being in them."""
    params = await ocs.read(Search)
    own = select(Attendee.room_id).where(Attendee.actor_type == USERS, Attendee.actor_id == ocs.user_id)
    listed = select(Room).where(
        Room.listable != 0,
        Room.type.in_(SHARED_ROOMS),
        Room.id.not_in(own),
        Room.name.icontains(params.search_term, autoescape=True),
    )
    async with core.db.read() as session:
        rooms = (await session.scalars(listed.order_by(Room.name, Room.id))).all()
        return Answer([await listed_view(core, session, room) for room in rooms])


@router.route(
    "POST",
    "/room",
    reads=NewRoom,
    answers=(200, 201, 202),
    refuses={
        400: (
            "name",
            "type",
            "object-type",
            "object-id",
            "object",
            "password",
            "read-only",
            "listable",
            "message-expiration",
            "lobby",
            "lobby-timer",
            "sip-enabled",
            "permissions",
            "recording-consent",
            "mention-permissions",
            "description",
            "avatar",
        ),
        403: ("permissions", "invite"),
        404: ("invite",),
    },
    data=ROOM,
)
async def post_room(core: Core, ocs: OcsRequest) -> Answer:
    """Create a room that the caller owns, or open the one that he has with another user."""
    new = await ocs.read(NewRoom)
    if new.room_type == RoomType.ONE_TO_ONE:
        return await _post_one_to_one(core, ocs, new.invite)
    async with core.db.read() as session:
        plan = await plan_room(core, session, ocs.user_id, new)
    password_hash = await core.passwords.hash(plan.password) if plan.password else None
    async with core.db.write() as tx:
        owner = await tx.get(User, ocs.user_id)
        if owner is None:
            raise refusal("permissions", 403)
        me = await make_room(core, tx, owner, plan, password_hash)
        view = await room_view(core, tx, me, ocs.caller)
    if plan.invalid:
        return Answer({**view, "invalidParticipants": plan.invalid}, 202)
    return Answer(view, 201)


async def _post_one_to_one(core: Core, ocs: OcsRequest, other_id: str) -> Answer:
    async with core.db.write() as tx:
        user = await tx.get(User, ocs.user_id)
        if user is None:
            raise refusal("permissions", 403)
        me, new = await open_one_to_one(core, tx, user, other_id)
        return Answer(await room_view(core, tx, me, ocs.caller), 201 if new else 200)


@router.route("GET", "/room/{token:room_token}", access=Access.PUBLIC, data=ROOM)
async def get_room(core: Core, ocs: OcsRequest) -> Answer:
    """Show a room to its participants, and a public one to whoever knows the token."""
    began = int(wall_s())
    room, me = await find_visible(core, ocs.token, ocs.caller, missing=guard_refusal(404))
    async with core.db.read() as session:
        headers = {TALK_HASH: await talk_hash(core, session, ocs.caller.user_id), MODIFIED_BEFORE: str(began)}
        if me is not None:
            return Answer(await room_view(core, session, me, ocs.caller), headers=headers)
        view = await listed_view(core, session, room) if room.listable else stranger_view(room)
        return Answer(view, headers=headers)


@router.route(
    "PUT",
    "/room/{token:room_token}",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=Rename,
    refuses={400: ("event", "type", "value"), 403: ()},
    data=ROOM,
)
async def put_room(core: Core, ocs: OcsRequest) -> Answer:
    """Rename the room."""
    change = await ocs.read(Rename)
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        await rename_room(core, tx, me, change.room_name)
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))


@router.route(
    "DELETE", "/room/{token:room_token}", access=Access.PUBLIC, data=NOTHING, refuses={400: (), 403: ()}
)
async def remove_room(core: Core, ocs: OcsRequest) -> Answer:
    """Delete the room; one of two people stays."""
    async with core.db.write() as tx:
        me = await require_moderator(tx, ocs.token, ocs.caller)
        if me.room.type not in SHARED_ROOMS:
            raise OcsError(400, None)
        await delete_room(core, tx, me.room)
    return Answer(None)


@router.route(
    "POST",
    "/room/{token:room_token}/public",
    guard=guards.user_moderator,
    reads=Open,
    refuses={400: ("type", "password"), 403: ()},
    data=ROOM,
)
async def allow_guests(core: Core, ocs: OcsRequest) -> Answer:
    """Open the room to everybody who has its link."""
    password = (await ocs.read(Open)).password
    async with core.db.read() as session:
        refuse_kind((await require_user_moderator(session, ocs.token, ocs.caller)).room, *SHARED_ROOMS)
    checked_room_password(password, "password")
    password_hash = await core.passwords.hash(password) if password else None
    return await _set_public(core, ocs, public=True, password_hash=password_hash)


@router.route("DELETE", "/room/{token:room_token}/public", refuses={400: ("type",), 403: ()}, data=ROOM)
async def disallow_guests(core: Core, ocs: OcsRequest) -> Answer:
    """Close the room; guests and those who came by the link are removed."""
    return await _set_public(core, ocs, public=False, password_hash=None)


async def _set_public(core: Core, ocs: OcsRequest, *, public: bool, password_hash: str | None) -> Answer:
    async with core.db.write() as tx:
        me = await require_user_moderator(tx, ocs.token, ocs.caller)
        await set_public(core, tx, me, public=public, password_hash=password_hash)
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))
