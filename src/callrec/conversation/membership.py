"""Belonging to a room: adding, removing, promoting. Every change is told in the chat and to signaling."""

from sqlalchemy import func, select

from callrec.conversation.calls import leave_call
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.db.tables_users import User
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.participants import (
    USERS,
    ActorRef,
    Participant,
    actor_of,
    find_attendee,
)
from callrec.wire.constants import ParticipantType

PROMOTED = {
    ParticipantType.USER: ParticipantType.MODERATOR,
    ParticipantType.SELF_JOINED: ParticipantType.MODERATOR,
    ParticipantType.GUEST: ParticipantType.GUEST_MODERATOR,
}
DEMOTED = {
    ParticipantType.MODERATOR: ParticipantType.USER,
    ParticipantType.GUEST_MODERATOR: ParticipantType.GUEST,
}


def named(actor: ActorRef) -> dict[str, str]:
    """Return *actor* as a parameter of a system message."""
    return {"type": actor.type, "id": actor.id, "name": actor.name}


async def add_user(core: Core, tx: WriteSession, room: Room, user: User, actor: ActorRef) -> None:
    """Make *user* an attendee; one who joined by himself becomes a regular one. Again: nothing changes."""
    attendee = await find_attendee(tx, room.id, USERS, user.id)
    if attendee is not None:
        if attendee.participant_type == ParticipantType.SELF_JOINED:
            attendee.participant_type = ParticipantType.USER
            await tx.flush()
            await core.signals.participants_changed(tx, room, [attendee.id])
        return
    attendee = Attendee(
        room_id=room.id,
        actor_type=USERS,
        actor_id=user.id,
        display_name=user.display_name,
        participant_type=ParticipantType.USER,
        last_read_message=room.last_message_id or 0,
    )
    tx.add(attendee)
    await tx.flush()
    await core.chat.system(tx, room, actor, "user_added", user=named(actor_of(attendee)))
    await core.signals.invited(tx, room, [user.id])


async def remove_attendee(core: Core, tx: WriteSession, participant: Participant) -> list[str]:
    """Take an attendee out of the call and the room; returns the ids of the sessions that ended."""
    room, attendee = participant.room, participant.attendee
    sessions = (await tx.scalars(select(Session).where(Session.attendee_id == attendee.id))).all()
    for session in sessions:
        await leave_call(core, tx, Participant(room, attendee, session))
        await tx.delete(session)
    await tx.flush()  # before its attendee, whose deletion would take it along
    await tx.delete(attendee)
    await tx.flush()
    if attendee.actor_type == USERS:
        await core.signals.disinvited(tx, room, [attendee.actor_id])
    session_ids = [session.session_id for session in sessions]
    if session_ids:
        await core.signals.sessions_ended(tx, room, session_ids)
    return session_ids


async def remove_by(core: Core, tx: WriteSession, target: Participant, actor: ActorRef) -> None:
    """Remove an attendee and say so in the chat.

    Raises:
        OcsError: 400 ``last-moderator`` when others would stay behind without one.
    """
    await _keep_a_moderator(tx, target)
    await remove_attendee(core, tx, target)
    if target.attendee.actor_type == USERS:
        await core.chat.system(tx, target.room, actor, "user_removed", user=named(target.actor))


async def _keep_a_moderator(tx: WriteSession, leaving: Participant) -> None:
    if not leaving.is_user_moderator:
        return
    others = select(func.count()).where(
        Attendee.room_id == leaving.room.id,
        Attendee.id != leaving.attendee.id,
        Attendee.actor_type == USERS,
    )
    moderators = others.where(
        Attendee.participant_type.in_((ParticipantType.OWNER, ParticipantType.MODERATOR))
    )
    if await tx.scalar(others) and not await tx.scalar(moderators):
        raise refusal("last-moderator")


async def change_role(
    core: Core, tx: WriteSession, moderator: Participant, target: Attendee, *, promote: bool
) -> None:
    """Make *target* a moderator, or one no more.

    Raises:
        OcsError: 403 for oneself, 400 when it is so already, or for the owner.
    """
    if target.id == moderator.attendee.id:
        raise OcsError(403, None)
    change = PROMOTED if promote else DEMOTED
    new = change.get(ParticipantType(target.participant_type))
    if new is None:
        raise OcsError(400, None)
    target.participant_type = new
    await tx.flush()
    prefix = "" if target.actor_type == USERS else "guest_"
    key = f"{prefix}moderator_{'promoted' if promote else 'demoted'}"
    await core.chat.system(tx, moderator.room, moderator.actor, key, user=named(actor_of(target)))
    await core.signals.updated(tx, moderator.room)
    await core.signals.participants_changed(tx, moderator.room, [target.id])


def may_be_removed(target: Attendee) -> None:
    """Check that a moderator may remove *target*.

    Raises:
        OcsError: 403 ``owner`` for the owner.
    """
    if target.participant_type == ParticipantType.OWNER:
        raise refusal("owner", 403)
