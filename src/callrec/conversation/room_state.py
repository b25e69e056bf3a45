"""Who is in a room and in its call, as the signaling server is told (docs/wire.md, Room requests)."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.participants import USERS
from callrec.conversation.permissions import permissions_of, server_default, signaling_words
from callrec.wire.constants import Permission


async def participants_content(
    session: AsyncSession, room: Room, changed: Collection[int] | None = None
) -> dict[str, Any]:
    """Return the content of a ``participants`` request.

    *changed* are the ids of the attendees concerned, None for all.
    """
    everyone = (
        await session.execute(
            select(Attendee, Session)
            .outerjoin(Session, Session.attendee_id == Attendee.id)
            .where(Attendee.room_id == room.id)
            .order_by(Attendee.id, Session.id)
        )
    ).all()
    default = await server_default(session)
    may = {a.id: permissions_of(room, a, default) for a, _ in everyone}
    return {
        "changed": [
            _participant_entry(a, s, may[a.id], changed=True)
            for a, s in everyone
            if changed is None or a.id in changed
        ],
        "users": [_participant_entry(a, s, may[a.id], changed=False) for a, s in everyone],
    }


async def in_call_content(
    session: AsyncSession, room: Room, changed: Sequence[tuple[Attendee, Session]] | None = None
) -> dict[str, Any]:
    """Return the content of an ``incall`` request.

    *changed* are those whose flags are different now, None for all who are in the call.
    """
    rows = await session.execute(
        select(Attendee, Session)
        .join(Session, Session.attendee_id == Attendee.id)
        .where(Attendee.room_id == room.id, Session.in_call != 0)
        .order_by(Session.id)
    )
    in_call = rows.all()
    concerned = in_call if changed is None else changed
    default = await server_default(session)
    return {
        "incall": concerned[-1][1].in_call if concerned else 0,
        "changed": [_in_call_entry(a, s, permissions_of(room, a, default)) for a, s in concerned],
        "users": [_in_call_entry(a, s, permissions_of(room, a, default)) for a, s in in_call],
    }


async def whole_state(session: AsyncSession, room: Room) -> list[dict[str, Any]]:
    """Return the requests that tell a signaling server who is there, whatever it has missed."""
    return [
        {"type": "participants", "participants": await participants_content(session, room)},
        {"type": "incall", "incall": await in_call_content(session, room)},
    ]


def _in_call_entry(attendee: Attendee, session: Session, permissions: Permission) -> dict[str, Any]:
    """Return one session as an ``incall`` request names it."""
    entry = {
        "inCall": session.in_call,
        "lastPing": int(session.last_ping.timestamp()),
        "sessionId": session.session_id,
        "nextcloudSessionId": session.session_id,
        "participantType": attendee.participant_type,
        "participantPermissions": int(permissions),
        "actorType": attendee.actor_type,
        "actorId": attendee.actor_id,
    }
    if attendee.actor_type == USERS:
        entry["userId"] = attendee.actor_id
    return entry


def _participant_entry(
    attendee: Attendee, session: Session | None, permissions: Permission, *, changed: bool
) -> dict[str, Any]:
    """Return one session, or an absent attendee, as a ``participants`` request names it."""
    entry: dict[str, Any] = {
        "inCall": session.in_call if session else 0,
        "lastPing": int(session.last_ping.timestamp()) if session else 0,
        "sessionId": session.session_id if session else "0",
        "participantType": attendee.participant_type,
        "participantPermissions": int(permissions),
        "displayName": attendee.display_name,
        "actorType": attendee.actor_type,
        "actorId": attendee.actor_id,
    }
    if attendee.actor_type == USERS:
        entry["userId"] = attendee.actor_id
    if changed:
        entry["permissions"] = signaling_words(attendee.participant_type, permissions)
    return entry
