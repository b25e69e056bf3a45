"""What moderators set about a room. Changes are told in the chat and to signaling."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from callrec.conversation.calls import break_off_call, leave_for_lobby
from callrec.conversation.chat import NOBODY
from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.participants import Participant
from callrec.conversation.passwords import MAX_PASSWORD_CHARS
from callrec.conversation.permissions import LOBBY_OFF, LOBBY_ON, are_permissions, custom, lobby_of
from callrec.wire.constants import RoomType

MAX_DESCRIPTION_CHARS = 2000
MAX_EXPIRATION_S = 10 * 366 * 24 * 3600
MAX_TIMER_S = 253_402_300_799
"""The last second of the year 9999, after which there are no dates."""
LISTABLE = {0: "listable_none", 1: "listable_users", 2: "listable_all"}
"""Who finds the room without being in it, and what the chat says."""
SHARED_ROOMS = (RoomType.GROUP, RoomType.PUBLIC)
OBJECT_EVENT = "event"


def refuse_kind(room: Room, *allowed: RoomType) -> None:
    """Check that *room* is of an allowed type.

    Raises:
        OcsError: 400 ``type``.
    """
    if room.type not in allowed:
        raise refusal("type")


def checked_room_password(password: str, word: str) -> str:
    """Return *password* when a room may have it.

    Raises:
        OcsError: 400 *word* with a message: it is too long.
    """
    if len(password) > MAX_PASSWORD_CHARS:
        message = f"The password is longer than {MAX_PASSWORD_CHARS} characters"
        raise OcsError(400, {"error": word, "message": message})
    return password


async def set_password(core: Core, tx: WriteSession, me: Participant, password_hash: str | None) -> None:
    """Ask those who come by the link for a password, or (None) no longer.

    Raises:
        OcsError: 400 ``type`` when the room is not public.
    """
    refuse_kind(me.room, RoomType.PUBLIC)
    if password_hash is None and me.room.password_hash is None:
        return
    me.room.password_hash = password_hash
    await _tell(core, tx, me, "password_set" if password_hash else "password_removed")


async def set_description(core: Core, tx: WriteSession, me: Participant, text: str) -> None:
    """Say what the room is for.

    Raises:
        OcsError: 400 ``event``, ``type``, ``value`` (longer than 2000 characters).
    """
    room, text = me.room, text.strip()
    if room.object_type == OBJECT_EVENT:
        raise refusal("event")
    refuse_kind(room, *SHARED_ROOMS)
    if len(text) > MAX_DESCRIPTION_CHARS:
        raise refusal("value")
    if text == room.description:
        return
    room.description = text
    if text:
        await _tell(core, tx, me, "description_set", newDescription=text)
    else:
        await _tell(core, tx, me, "description_removed")


async def set_read_only(core: Core, tx: WriteSession, me: Participant, state: int) -> None:
    """Close the room for talk and calls, or open it again. A call that runs is ended.

    Raises:
        OcsError: 400 ``type``, ``value``.
    """
    refuse_kind(me.room, *SHARED_ROOMS)
    if state not in (0, 1):
        raise refusal("value")
    if state == me.room.read_only:
        return
    me.room.read_only = state
    await _tell(core, tx, me, "read_only" if state else "read_only_off")
    if state:
        await break_off_call(core, tx, me.room, me.actor)


async def set_listable(core: Core, tx: WriteSession, me: Participant, scope: int) -> None:
    """Say who finds the room without being in it.

    Raises:
        OcsError: 400 ``type``, ``value``.
    """
    refuse_kind(me.room, *SHARED_ROOMS)
    if scope not in LISTABLE:
        raise refusal("value")
    if scope == me.room.listable:
        return
    me.room.listable = scope
    await _tell(core, tx, me, LISTABLE[scope])


async def set_lobby(core: Core, tx: WriteSession, me: Participant, state: int, timer_s: int | None) -> None:
    """Let only moderators in, until *timer_s* (Unix time) where it is given; others leave the call.

    Raises:
        OcsError: 400 ``type``, ``value``.
    """
    room = me.room
    refuse_kind(room, *SHARED_ROOMS)
    if state not in (0, 1) or not 0 <= (timer_s or 0) <= MAX_TIMER_S:
        raise refusal("value")
    timer = datetime.fromtimestamp(timer_s, UTC) if state and timer_s else None
    before = lobby_of(room), room.lobby_timer
    room.lobby_state, room.lobby_timer = state, timer
    if before == (state, timer):
        return
    if before[0] == state:
        await core.signals.updated(tx, room)
    else:
        await _tell(core, tx, me, "lobby_non_moderators" if state else "lobby_none")
    if lobby_of(room) == LOBBY_ON:
        await leave_for_lobby(core, tx, room)


async def open_due_lobbies(core: Core) -> None:
    """Say in the chat and to signaling that a lobby is open because its time has come."""
    due = (Room.lobby_state == LOBBY_ON, Room.lobby_timer <= utc_now())
    async with core.db.read() as session:
        if await session.scalar(select(Room.id).where(*due).limit(1)) is None:
            return
    async with core.db.write() as tx:
        for room in (await tx.scalars(select(Room).where(*due))).all():
            room.lobby_state, room.lobby_timer = LOBBY_OFF, None
            await core.chat.system(tx, room, NOBODY, "lobby_timer_reached")
            await core.signals.updated(tx, room)


async def set_default_permissions(core: Core, tx: WriteSession, me: Participant, permissions: int) -> None:
    """Say what members may do; those of single attendees are forgotten.

    Raises:
        OcsError: 400 ``type``, ``value``.
    """
    room = me.room
    refuse_kind(room, *SHARED_ROOMS)
    if not are_permissions(permissions):
        raise refusal("value")
    room.default_permissions = custom(permissions)
    await tx.execute(
        update(Attendee)
        .where(Attendee.room_id == room.id)
        .values(permissions=0)
        .execution_options(synchronize_session="fetch")
    )
    everybody = await tx.scalars(select(Attendee.id).where(Attendee.room_id == room.id))
    await core.signals.participants_changed(tx, room, everybody.all())


def set_mention_permissions(me: Participant, value: int) -> None:
    """Say who may mention everybody: 0 everyone, 1 moderators. Nobody is told.

    Raises:
        OcsError: 400 ``type``, ``value``.
    """
    refuse_kind(me.room, *SHARED_ROOMS)
    if value not in (0, 1):
        raise refusal("value")
    me.room.mention_permissions = value


async def set_message_expiration(core: Core, tx: WriteSession, me: Participant, seconds: int) -> None:
    """Say after how many seconds messages that are written from now on disappear; 0: never.

    Raises:
        OcsError: 400 ``type`` in a former one-to-one room, ``value``.
    """
    room = me.room
    refuse_kind(room, RoomType.ONE_TO_ONE, *SHARED_ROOMS)
    if not 0 <= seconds <= MAX_EXPIRATION_S:
        raise refusal("value")
    if seconds == room.message_expiration_s:
        return
    room.message_expiration_s = seconds
    if seconds:
        await core.chat.system(tx, room, me.actor, "message_expiration_enabled", seconds=seconds)
    else:
        await core.chat.system(tx, room, me.actor, "message_expiration_disabled")


async def _tell(core: Core, tx: WriteSession, me: Participant, key: str, **parameters: Any) -> None:
    await tx.flush()
    await core.chat.system(tx, me.room, me.actor, key, **parameters)
    await core.signals.updated(tx, me.room)
