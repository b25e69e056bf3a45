"""Calls: joining, flags, leaving, ending; what is told, and when a recording has to stop."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import TALK
from callrec.conversation.call_notifications import announce_call, forget_call
from callrec.conversation.chat import NOBODY
from callrec.conversation.consent import log_consent
from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.one_to_one import fill
from callrec.conversation.participants import USERS, ActorRef, Participant, named
from callrec.conversation.permissions import is_kept_out, permissions_of, server_default
from callrec.wire.constants import CallFlag, Permission, RoomType

EVERYONE_STARTS, USERS_START, MODERATORS_START, NOBODY_STARTS = range(4)
MAX_DURATION_DIGITS = 10
ALL_FLAGS = CallFlag.IN_CALL | CallFlag.WITH_AUDIO | CallFlag.WITH_VIDEO | CallFlag.WITH_PHONE


def allowed_flags(flags: int, granted: Permission) -> CallFlag:
    """Return *flags* without what *granted* does not let one publish, and without unknown bits."""
    result = CallFlag(flags & ALL_FLAGS)
    if not granted & Permission.PUBLISH_AUDIO:
        result &= ~CallFlag.WITH_AUDIO
    if not granted & Permission.PUBLISH_VIDEO:
        result &= ~CallFlag.WITH_VIDEO
    return result


async def start_calls_rule(core: Core, session: AsyncSession) -> int:
    """Return who may start calls: 0 everyone, 1 users, 2 moderators, 3 nobody, and nobody may join either."""
    value = await core.configuration.get(session, TALK, "start_calls")
    return int(value) if value in ("1", "2", "3") else EVERYONE_STARTS


async def max_call_duration_s(core: Core, session: AsyncSession) -> int:
    """Return after how many seconds a call is ended by itself; 0: never."""
    value = await core.configuration.get(session, TALK, "max_call_duration") or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < MAX_DURATION_DIGITS else 0


def may_start_call(participant: Participant, rule: int) -> bool:
    """Tell whether the participant may start a call under the server's *rule*."""
    allowed = {
        EVERYONE_STARTS: True,
        USERS_START: participant.attendee.actor_type == USERS,
        MODERATORS_START: participant.is_moderator,
    }
    return allowed.get(rule, False) and bool(participant.permissions & Permission.START_CALL)


def duration_text(seconds: int) -> str:
    """Return a duration as people read it: ``0:07``, ``12:30``, ``1:02:03``."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


async def join_call(
    core: Core,
    tx: WriteSession,
    participant: Participant,
    flags: int,
    *,
    silent: bool = False,
    silent_for: Collection[int] = frozenset(),
    agreed: bool = False,
) -> None:
    """Bring the participant's session into the call; one that is in it already only changes its flags.

    The first one starts the call: users of the room are told, but not about a *silent* one, nor the
    attendees *silent_for*. *agreed*: he agreed to be recorded, which is logged.
    """
    room = participant.room
    first = room.active_since is None
    if not participant.present.in_call:
        if first:
            await fill(core, tx, room)
            room.active_since = utc_now()
        parameters = {"silent": True} if silent and first else {}
        key = "call_started" if first else "call_joined"
        await core.chat.system(tx, room, participant.actor, key, **parameters)
        if agreed:
            log_consent(tx, participant)
        if participant.attendee.actor_type == USERS:
            await forget_call(tx, room, participant.attendee.actor_id)
    await change_flags(core, tx, participant, flags)
    if first and not silent:
        await announce_call(tx, participant, silent_for=silent_for)


async def change_flags(core: Core, tx: WriteSession, participant: Participant, flags: int) -> None:
    """Set what the participant's session publishes in the call."""
    session = participant.present
    session.in_call = int(allowed_flags(flags | CallFlag.IN_CALL, participant.permissions))
    session.last_ping = utc_now()
    participant.room.call_flag |= session.in_call
    await tx.flush()
    await core.signals.in_call_changed(tx, participant.room, [(participant.attendee, session)])


async def leave_call(core: Core, tx: WriteSession, participant: Participant) -> None:
    """Take the participant's session out of the call; the last one ends it, and its recording with it."""
    room, session = participant.room, participant.present
    if not session.in_call:
        return
    await core.chat.system(tx, room, participant.actor, "call_left")
    session.in_call = 0
    await tx.flush()
    await core.signals.in_call_changed(tx, room, [(participant.attendee, session)])
    in_call = select(Session.id).where(Session.room_id == room.id, Session.in_call != 0).limit(1)
    if await tx.scalar(in_call) is None and room.active_since is not None:
        summary = await _summary(tx, room)
        alone = room.type == RoomType.ONE_TO_ONE and len(summary["users"]) == 1
        await core.chat.system(
            tx, room, participant.actor, "call_missed" if alone else "call_ended", **summary
        )
        await _clear(core, tx, room)


async def end_call(core: Core, tx: WriteSession, room: Room, actor: ActorRef) -> bool:
    """End the call for everyone. False when there is none (another one ended it first)."""
    if room.active_since is None:
        return False
    summary = await _summary(tx, room, without=actor)
    await core.chat.system(tx, room, actor, "call_ended_everyone", **summary)
    await _put_all_out(core, tx, room)
    return True


async def break_off_call(core: Core, tx: WriteSession, room: Room, actor: ActorRef) -> None:
    """End the call because the room does not allow one any more."""
    if room.active_since is None:
        return
    await core.chat.system(tx, room, actor, "call_ended", **await _summary(tx, room))
    await _put_all_out(core, tx, room)


async def end_long_calls(core: Core) -> None:
    """End the calls that have lasted as long as the server allows."""
    async with core.db.read() as session:
        longest_s = await max_call_duration_s(core, session)
        too_long = Room.active_since <= utc_now() - timedelta(seconds=longest_s)
        if not longest_s or await session.scalar(select(Room.id).where(too_long).limit(1)) is None:
            return
    async with core.db.write() as tx:
        for room in (await tx.scalars(select(Room).where(too_long))).all():
            await break_off_call(core, tx, room, NOBODY)


async def leave_for_lobby(core: Core, tx: WriteSession, room: Room) -> None:
    """Take those out of the call whom the lobby keeps waiting now; they need not know that there is one."""
    default = await server_default(tx)
    sessions = await tx.execute(
        select(Attendee, Session)
        .outerjoin(Session, Session.attendee_id == Attendee.id)
        .where(Attendee.room_id == room.id)
        .order_by(Session.id)
    )
    for attendee, session in sessions.all():
        if is_kept_out(room, attendee.participant_type, permissions_of(room, attendee, default)):
            if session is not None:
                await leave_call(core, tx, Participant(room, attendee, session, default))
            if attendee.actor_type == USERS:
                await forget_call(tx, room, attendee.actor_id)


async def _put_all_out(core: Core, tx: WriteSession, room: Room) -> None:
    await tx.execute(
        update(Session).where(Session.room_id == room.id, Session.in_call != 0).values(in_call=0)
    )
    await _clear(core, tx, room)
    await core.signals.call_ended_for_all(tx, room)


async def _clear(core: Core, tx: WriteSession, room: Room) -> None:
    room.active_since = None
    room.call_flag = 0
    await tx.flush()
    await core.hooks.stop_recording(tx, room)


async def took_part(session: AsyncSession, room: Room) -> list[ActorRef]:
    """Return who has been in the running call, in order of joining, with the names of that moment."""
    if room.active_since is None:
        return []
    joined = await session.scalars(
        select(ChatMessage)
        .where(
            ChatMessage.room_id == room.id,
            ChatMessage.kind == "system",
            ChatMessage.message.in_(("call_started", "call_joined")),
            ChatMessage.created_at >= room.active_since,
        )
        .order_by(ChatMessage.id)
    )
    people: dict[tuple[str, str], ActorRef] = {}
    for message in joined:
        actor = ActorRef(message.actor_type, message.actor_id, message.actor_name)
        people.setdefault((actor.type, actor.id), actor)
    return list(people.values())


async def joined_call(session: AsyncSession, participant: Participant) -> bool:
    """Tell whether the participant is or was in the running call, with whatever client."""
    actor = participant.actor
    people = await took_part(session, participant.room)
    return any((each.type, each.id) == (actor.type, actor.id) for each in people)


async def _summary(tx: WriteSession, room: Room, *, without: ActorRef | None = None) -> dict[str, Any]:
    """Return who took part in the running call, in order of joining, and its length."""
    assert room.active_since is not None
    left_out = (without.type, without.id) if without else None
    people = [actor for actor in await took_part(tx, room) if (actor.type, actor.id) != left_out]
    duration_s = int((utc_now() - room.active_since).total_seconds())
    return {"users": [named(actor) for actor in people], "duration_s": duration_s}
