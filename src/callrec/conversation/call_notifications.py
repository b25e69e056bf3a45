"""Telling users that a call has started in a room of theirs; taking it back when it means nothing more."""

from collections.abc import Collection

from sqlalchemy import delete, select

from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_recordings import Notification
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.notifications import CALL, add
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import USERS, Participant
from callrec.conversation.permissions import is_kept_out, permissions_of


async def announce_call(
    tx: WriteSession, starter: Participant, *, silent_for: Collection[int] = frozenset()
) -> None:
    """Tell the users of the room about the call that *starter* has begun.

    Left out are those in it already, those who do not want to know, those whom the lobby keeps waiting, and
    the attendees *silent_for*.
    """
    room = starter.room
    in_call = select(Session.attendee_id).where(Session.room_id == room.id, Session.in_call != 0)
    others = await tx.scalars(
        select(Attendee).where(
            Attendee.room_id == room.id,
            Attendee.actor_type == USERS,
            Attendee.id != starter.attendee.id,
            Attendee.notification_calls != 0,
            Attendee.id.not_in(in_call),
        )
    )
    for attendee in others.all():
        permissions = permissions_of(room, attendee, starter.server_default)
        if attendee.id in silent_for or is_kept_out(room, attendee.participant_type, permissions):
            continue
        await forget_call(tx, room, attendee.actor_id)
        add(tx, user_id=attendee.actor_id, subject=CALL, room_id=room.id)


async def ring_for(tx: WriteSession, caller: Participant, target: Attendee) -> None:
    """Tell *target*, a user of the room, about the running call once more, because *caller* wants him in it.

    Raises:
        OcsError: 400 ``in-call`` when he is in it, ``lobby`` when the lobby keeps him waiting.
    """
    room = caller.room
    in_call = select(Session.id).where(Session.attendee_id == target.id, Session.in_call != 0).limit(1)
    if await tx.scalar(in_call) is not None:
        raise refusal("in-call")
    permissions = permissions_of(room, target, caller.server_default)
    if is_kept_out(room, target.participant_type, permissions):
        raise refusal("lobby")
    await forget_call(tx, room, target.actor_id)
    add(tx, user_id=target.actor_id, subject=CALL, room_id=room.id)


async def forget_call(tx: WriteSession, room: Room, *user_ids: str) -> None:
    """Take back what these users were told about calls in *room*."""
    await tx.execute(
        delete(Notification).where(
            Notification.room_id == room.id,
            Notification.subject == CALL,
            Notification.user_id.in_(user_ids),
        )
    )
