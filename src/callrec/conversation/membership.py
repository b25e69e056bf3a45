"""Belonging to a room: adding, removing, promoting. Every change is told in the chat and to signaling."""

from collections.abc import Sequence

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
    named,
    new_attendee,
)
from callrec.conversation.permissions import are_permissions, custom, permissions_of
from callrec.wire.constants import MODERATOR_TYPES, ParticipantType, Permission, RoomType

MAX_GUEST_NAME_CHARS = 64

PROMOTED = {
    ParticipantType.USER: ParticipantType.MODERATOR,
    ParticipantType.SELF_JOINED: ParticipantType.MODERATOR,
    ParticipantType.GUEST: ParticipantType.GUEST_MODERATOR,
}
DEMOTED = {
    ParticipantType.MODERATOR: ParticipantType.USER,
    ParticipantType.GUEST_MODERATOR: ParticipantType.GUEST,
}


async def add_user(core: Core, tx: WriteSession, room: Room, user: User, actor: ActorRef) -> None:
    """Make *user* an attendee; one who joined by himself becomes a regular one. Again: nothing changes."""
    attendee = await find_attendee(tx, room.id, USERS, user.id)
    if attendee is not None:
        if attendee.participant_type == ParticipantType.SELF_JOINED:
            attendee.participant_type = ParticipantType.USER
            await tx.flush()
            await core.signals.participants_changed(tx, room, [attendee.id])
        return
    attendee = new_attendee(room, user, ParticipantType.USER)
    tx.add(attendee)
    await tx.flush()
    await core.chat.system(tx, room, actor, "user_added", user=named(actor_of(attendee)))
    await core.signals.invited(tx, room, [user.id])


async def add_group(
    core: Core, tx: WriteSession, room: Room, actor: ActorRef, *, group_id: str, members: Sequence[User]
) -> None:
    """Make the present *members* of a group attendees. Who joins the group later is not added."""
    await core.chat.system(tx, room, actor, "group_added", group={"id": group_id, "name": group_id})
    for member in members:
        await add_user(core, tx, room, member, actor)


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
    target.permissions = 0  # a moderator may everything, and starts afresh when he is none any more
    await tx.flush()
    prefix = "" if target.actor_type == USERS else "guest_"
    key = f"{prefix}moderator_{'promoted' if promote else 'demoted'}"
    await core.chat.system(tx, moderator.room, moderator.actor, key, user=named(actor_of(target)))
    await core.signals.updated(tx, moderator.room)
    await core.signals.participants_changed(tx, moderator.room, [target.id])


async def set_permissions(
    core: Core,
    tx: WriteSession,
    moderator: Participant,
    target: Attendee,
    *,
    method: str,
    permissions: int,
) -> None:
    """Set, add or remove permissions of a single attendee. 0 by ``set`` goes back to the default.

    Raises:
        OcsError: 400 ``room-type``, ``method``, ``value``; 403 ``moderator`` for one who may everything.
    """
    room = moderator.room
    if room.type not in (RoomType.GROUP, RoomType.PUBLIC):
        raise refusal("room-type")
    if target.participant_type in MODERATOR_TYPES:
        raise refusal("moderator", 403)
    if method not in ("set", "add", "remove"):
        raise refusal("method")
    if not are_permissions(permissions):
        raise refusal("value")
    before = int(permissions_of(room, target, moderator.server_default))
    changed = {"set": permissions, "add": before | permissions, "remove": before & ~permissions}[method]
    target.permissions = custom(changed if method == "set" else changed | Permission.CUSTOM)
    await tx.flush()
    await core.signals.participants_changed(tx, room, [target.id])


def may_be_removed(actor: Participant, target: Attendee) -> None:
    """Check that *actor*, a moderator, may remove *target*.

    Raises:
        OcsError: 400 ``room-type`` in a room of two, 403 ``owner`` for the owner.
    """
    if actor.room.type not in (RoomType.GROUP, RoomType.PUBLIC):
        raise refusal("room-type")
    if target.participant_type == ParticipantType.OWNER:
        raise refusal("owner", 403)


async def name_guest(core: Core, tx: WriteSession, guest: Participant, name: str) -> None:
    """Call a guest by the *name* that he has chosen."""
    if name != guest.attendee.display_name:
        guest.attendee.display_name = name
        await tx.flush()
        await core.signals.participants_changed(tx, guest.room, [guest.attendee.id])
