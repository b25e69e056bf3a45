"""What moderators set about a room (docs/wire.md, Room settings)."""

from collections.abc import Awaitable, Callable

import msgspec

from callrec.conversation import guards
from callrec.conversation.consent import set_room_consent
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.ocs.described import ROOM
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import Participant, require_moderator, require_user_moderator
from callrec.conversation.room_settings import (
    checked_room_password,
    refuse_kind,
    set_default_permissions,
    set_description,
    set_listable,
    set_lobby,
    set_mention_permissions,
    set_message_expiration,
    set_password,
    set_read_only,
)
from callrec.conversation.room_view import room_view
from callrec.wire.constants import RoomType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4/room/{token:room_token}")

_Guard = Callable[..., Awaitable[Participant]]
_TYPE_VALUE = {400: ("type", "value")}


class Password(msgspec.Struct):
    """The password; empty: none."""

    password: str


class Description(msgspec.Struct):
    """What the room is for."""

    description: str


class State(msgspec.Struct):
    """1 on, 0 off."""

    state: int


class Lobby(msgspec.Struct):
    """1 on, 0 off; ``timer`` is the Unix time at which it opens by itself."""

    state: int
    timer: int | None = None


class Scope(msgspec.Struct):
    """Who finds the room: 0 nobody, 1 users, 2 everyone."""

    scope: int


class Consent(msgspec.Struct, rename="camel"):
    """1: whoever joins a call has to agree to be recorded."""

    recording_consent: int


class Permissions(msgspec.Struct):
    """A sum of permission bits; 0: the server's default."""

    permissions: int


class Mentions(msgspec.Struct, rename="camel"):
    """Who may mention everybody: 0 everyone, 1 moderators."""

    mention_permissions: int


class Expiration(msgspec.Struct):
    """After how many seconds new messages disappear; 0: never."""

    seconds: int


async def _changed(
    core: Core,
    ocs: OcsRequest,
    change: Callable[[WriteSession, Participant], Awaitable[None]],
    guard: _Guard = require_moderator,
) -> Answer:
    """Let a moderator make the change and answer with the room."""
    async with core.db.write() as tx:
        me = await guard(tx, ocs.token, ocs.caller)
        await change(tx, me)
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))


@router.route(
    "PUT",
    "/password",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=Password,
    refuses={**_TYPE_VALUE, 403: ()},
    data=ROOM,
)
async def put_password(core: Core, ocs: OcsRequest) -> Answer:
    """Set the password of a public room, or remove it."""
    password = (await ocs.read(Password)).password
    async with core.db.read() as session:
        refuse_kind((await require_moderator(session, ocs.token, ocs.caller)).room, RoomType.PUBLIC)
    checked_room_password(password, "value")
    password_hash = await core.passwords.hash(password) if password else None
    return await _changed(core, ocs, lambda tx, me: set_password(core, tx, me, password_hash))


@router.route(
    "PUT",
    "/description",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=Description,
    refuses={400: ("event", "type", "value"), 403: ()},
    data=ROOM,
)
async def put_description(core: Core, ocs: OcsRequest) -> Answer:
    """Say what the room is for."""
    text = (await ocs.read(Description)).description
    return await _changed(core, ocs, lambda tx, me: set_description(core, tx, me, text))


@router.route(
    "PUT", "/read-only", guard=guards.moderator, reads=State, refuses={**_TYPE_VALUE, 403: ()}, data=ROOM
)
async def put_read_only(core: Core, ocs: OcsRequest) -> Answer:
    """Close the room for talk and calls, or open it again."""
    state = (await ocs.read(State)).state
    return await _changed(core, ocs, lambda tx, me: set_read_only(core, tx, me, state))


@router.route(
    "PUT", "/listable", guard=guards.moderator, reads=Scope, refuses={**_TYPE_VALUE, 403: ()}, data=ROOM
)
async def put_listable(core: Core, ocs: OcsRequest) -> Answer:
    """Say who finds the room."""
    scope = (await ocs.read(Scope)).scope
    return await _changed(core, ocs, lambda tx, me: set_listable(core, tx, me, scope))


@router.route(
    "PUT", "/webinar/lobby", guard=guards.moderator, reads=Lobby, refuses={**_TYPE_VALUE, 403: ()}, data=ROOM
)
async def put_lobby(core: Core, ocs: OcsRequest) -> Answer:
    """Let everybody but moderators wait, or in."""
    lobby = await ocs.read(Lobby)
    return await _changed(core, ocs, lambda tx, me: set_lobby(core, tx, me, lobby.state, lobby.timer))


@router.route(
    "PUT", "/webinar/sip", guard=guards.moderator, reads=State, refuses={412: ("config",), 403: ()}, data=ROOM
)
async def put_sip(_core: Core, _ocs: OcsRequest) -> Answer:
    """Refuse: there is no telephone."""
    raise refusal("config", 412)


@router.route(
    "PUT",
    "/recording-consent",
    guard=guards.user_moderator,
    reads=Consent,
    refuses={400: ("value", "call"), 412: ("config",), 403: ()},
    data=ROOM,
)
async def put_recording_consent(core: Core, ocs: OcsRequest) -> Answer:
    """Say whether whoever joins a call has to agree to be recorded."""
    value = (await ocs.read(Consent)).recording_consent

    async def change(tx: WriteSession, me: Participant) -> None:
        await set_room_consent(core, tx, me.room, value)

    return await _changed(core, ocs, change, require_user_moderator)


@router.route(
    "PUT",
    "/permissions/{mode}",
    access=Access.PUBLIC,
    guard=guards.moderator,
    reads=Permissions,
    refuses={400: ("mode", "type", "value"), 403: ()},
    data=ROOM,
)
async def put_permissions(core: Core, ocs: OcsRequest) -> Answer:
    """Say what members may do."""
    permissions = (await ocs.read(Permissions)).permissions

    async def change(tx: WriteSession, me: Participant) -> None:
        if ocs.path("mode") != "default":
            raise refusal("mode")
        await set_default_permissions(core, tx, me, permissions)

    return await _changed(core, ocs, change)


@router.route(
    "PUT",
    "/mention-permissions",
    guard=guards.moderator,
    reads=Mentions,
    refuses={**_TYPE_VALUE, 403: ()},
    data=ROOM,
)
async def put_mention_permissions(core: Core, ocs: OcsRequest) -> Answer:
    """Say who may mention everybody."""
    value = (await ocs.read(Mentions)).mention_permissions

    async def change(_tx: WriteSession, me: Participant) -> None:
        set_mention_permissions(me, value)

    return await _changed(core, ocs, change)


@router.route(
    "POST",
    "/message-expiration",
    guard=guards.moderator,
    reads=Expiration,
    refuses={**_TYPE_VALUE, 403: ()},
    data=ROOM,
)
async def post_message_expiration(core: Core, ocs: OcsRequest) -> Answer:
    """Say when new messages disappear."""
    seconds = (await ocs.read(Expiration)).seconds
    return await _changed(core, ocs, lambda tx, me: set_message_expiration(core, tx, me, seconds))
