"""Calls: joining, flags, leaving, ending; what is told, and when a recording has to stop."""

from typing import Any

from sqlalchemy import select, update

from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Room, Session
from callrec.conversation.participants import ActorRef, Participant, permissions_of
from callrec.wire.constants import CallFlag, Permission

ALL_FLAGS = CallFlag.IN_CALL | CallFlag.WITH_AUDIO | CallFlag.WITH_VIDEO | CallFlag.WITH_PHONE


def allowed_flags(flags: int, participant_type: int) -> CallFlag:
    """Return *flags* without what the role may not publish and without unknown bits."""
    result = CallFlag(flags & ALL_FLAGS)
    granted = permissions_of(participant_type)
    if not granted & Permission.PUBLISH_AUDIO:
        result &= ~CallFlag.WITH_AUDIO
    if not granted & Permission.PUBLISH_VIDEO:
        result &= ~CallFlag.WITH_VIDEO
    return result


def duration_text(seconds: int) -> str:
    """Return a duration as people read it: ``0:07``, ``12:30``, ``1:02:03``."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


async def join_call(
    core: Core, tx: WriteSession, participant: Participant, flags: int, *, silent: bool = False
) -> None:
    """Bring the participant's session into the call; one that is in it already only changes its flags."""
    room = participant.room
    if not participant.present.in_call:
        first = room.active_since is None
        if first:
            room.active_since = utc_now()
        parameters = {"silent": True} if silent and first else {}
        key = "call_started" if first else "call_joined"
        await core.chat.system(tx, room, participant.actor, key, **parameters)
    await change_flags(core, tx, participant, flags)


async def change_flags(core: Core, tx: WriteSession, participant: Participant, flags: int) -> None:
    """Set what the participant's session publishes in the call."""
    session = participant.present
    session.in_call = int(allowed_flags(flags | CallFlag.IN_CALL, participant.role))
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
        await core.chat.system(tx, room, participant.actor, "call_ended", **summary)
        await _clear(core, tx, room)


async def end_call(core: Core, tx: WriteSession, room: Room, actor: ActorRef) -> bool:
    """End the call for everyone. False when there is none (another one ended it first)."""
    if room.active_since is None:
        return False
    summary = await _summary(tx, room, without=actor)
    await core.chat.system(tx, room, actor, "call_ended_everyone", **summary)
    await tx.execute(
        update(Session).where(Session.room_id == room.id, Session.in_call != 0).values(in_call=0)
    )
    await _clear(core, tx, room)
    core.signals.call_ended_for_all(tx, room)
    return True


async def _clear(core: Core, tx: WriteSession, room: Room) -> None:
    room.active_since = None
    room.call_flag = 0
    await tx.flush()
    await core.hooks.stop_recording(tx, room)


async def _summary(tx: WriteSession, room: Room, *, without: ActorRef | None = None) -> dict[str, Any]:
    """Return who took part in the running call, in order of joining, and its length."""
    assert room.active_since is not None
    joined = await tx.scalars(
        select(ChatMessage)
        .where(
            ChatMessage.room_id == room.id,
            ChatMessage.kind == "system",
            ChatMessage.message.in_(("call_started", "call_joined")),
            ChatMessage.created_at >= room.active_since,
        )
        .order_by(ChatMessage.id)
    )
    people: dict[tuple[str, str], str] = {}
    for message in joined:
        people.setdefault((message.actor_type, message.actor_id), message.actor_name)
    if without is not None:
        people.pop((without.type, without.id), None)
    users = [{"type": kind, "id": actor_id, "name": name} for (kind, actor_id), name in people.items()]
    return {"users": users, "duration_s": int((utc_now() - room.active_since).total_seconds())}
