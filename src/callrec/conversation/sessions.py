"""Being there: a client joins a room, shows signs of life, leaves, or is given up."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import delete, select, update

from callrec.conversation.calls import leave_call
from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.db.tables_users import WebSession
from callrec.conversation.ocs.authentication import COOKIE_MAX_AGE_S, Caller
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.participants import (
    GUESTS,
    USERS,
    Participant,
    actor_of,
    find_participant,
    named,
)
from callrec.conversation.permissions import server_default
from callrec.conversation.visibility import is_listed_for, is_open_to
from callrec.wire.constants import ParticipantType, RoomType

SESSION_ID_CHARS = 255
PING_GRANULARITY = timedelta(seconds=10)
"""A sign of life is written at most this often for each session."""


@dataclass(frozen=True)
class Joined:
    """A client that has joined: ``new_cookie`` is the cookie it gets when it had none."""

    participant: Participant
    new_cookie: str | None


def new_session_id() -> str:
    """Return a random id of 255 characters."""
    return secrets.token_urlsafe(192)[:SESSION_ID_CHARS]


def asks_for_password(room: Room, caller: Caller) -> bool:
    """Tell whether *caller*, who is no participant yet, needs the room's password to come in."""
    by_link = room.type == RoomType.PUBLIC and not is_listed_for(room, caller)
    return by_link and room.password_hash is not None


async def join_room(
    core: Core, tx: WriteSession, room: Room, caller: Caller, *, force: bool, opened: str | None = None
) -> Joined | None:
    """Give the client a fresh session in *room*; its earlier one ends. None: the room is not for him.

    *opened* is the hash of the password that he was found to know.

    Raises:
        OcsError: 403 ``password`` when he needs to know another one, 409 when the earlier session is in the
            call and *force* is False; 429 when too many new guests come from the client's network.
    """
    participant = await find_participant(tx, room, caller)
    if participant is None:
        if not is_open_to(room, caller):
            return None
        if asks_for_password(room, caller) and room.password_hash != opened:
            raise refusal("password", 403)
        if caller.user_id is None:
            await core.throttle.admit_guest(tx, caller.network)
    new_cookie: str | None = None
    web_session_id = caller.web_session_id
    if web_session_id is None:
        web_session_id, new_cookie = await core.authenticator.open_web_session(tx, None)
    session_id = new_session_id()
    if participant is None:
        attendee = _stranger(room, caller, web_session_id, session_id)
        tx.add(attendee)
        await tx.flush()
        if attendee.participant_type == ParticipantType.USER:
            me = actor_of(attendee)
            await core.chat.system(tx, room, me, "user_added", user=named(me))
            await core.signals.invited(tx, room, [attendee.actor_id])
    else:
        attendee = participant.attendee
        await _end_earlier(core, tx, participant, web_session_id, force=force)
    session = Session(
        session_id=session_id,
        room_id=room.id,
        attendee_id=attendee.id,
        web_session_id=web_session_id,
        last_ping=utc_now(),
    )
    tx.add(session)
    attendee.last_ping = session.last_ping
    await tx.flush()
    default = await server_default(tx)
    return Joined(Participant(room, attendee, session, default), new_cookie)


def _stranger(room: Room, caller: Caller, web_session_id: int, session_id: str) -> Attendee:
    """Return the attendee that somebody becomes who comes by the link, or found the room in the list."""
    last_read = room.last_message_id or 0
    if caller.user_id is not None:
        return Attendee(
            room_id=room.id,
            actor_type=USERS,
            actor_id=caller.user_id,
            display_name=caller.display_name,
            participant_type=ParticipantType.USER
            if is_listed_for(room, caller)
            else ParticipantType.SELF_JOINED,
            last_read_message=last_read,
        )
    # SHA-1 is what the wire asks for: a short public name of the session, not a protection.
    actor_id = hashlib.sha1(session_id.encode(), usedforsecurity=False).hexdigest()
    return Attendee(
        room_id=room.id,
        actor_type=GUESTS,
        actor_id=actor_id,
        display_name="",
        participant_type=ParticipantType.GUEST,
        last_read_message=last_read,
        web_session_id=web_session_id,
    )


async def _end_earlier(
    core: Core, tx: WriteSession, participant: Participant, web_session_id: int, *, force: bool
) -> None:
    attendee = participant.attendee
    earlier = (
        await tx.scalars(
            select(Session).where(
                Session.attendee_id == attendee.id, Session.web_session_id == web_session_id
            )
        )
    ).all()
    for session in earlier:
        if session.in_call and not force:
            last_ping = int(session.last_ping.timestamp())
            data = {"sessionId": session.session_id, "inCall": session.in_call, "lastPing": last_ping}
            raise OcsError(409, data)
    for session in earlier:
        await _end_session(core, tx, replace(participant, session=session))
    if earlier:
        ids = [session.session_id for session in earlier]
        await core.signals.sessions_ended(tx, participant.room, ids)


async def _end_session(core: Core, tx: WriteSession, participant: Participant) -> None:
    await leave_call(core, tx, participant)
    participant.attendee.last_ping = utc_now()
    await tx.delete(participant.present)
    await tx.flush()


async def leave_room(core: Core, tx: WriteSession, participant: Participant) -> None:
    """End the participant's session, in the call as well.

    A self-joined user whose last session it was is no attendee afterwards.
    """
    room, attendee = participant.room, participant.attendee
    await _end_session(core, tx, participant)
    remaining = select(Session.id).where(Session.attendee_id == attendee.id).limit(1)
    if attendee.participant_type == ParticipantType.SELF_JOINED and await tx.scalar(remaining) is None:
        await tx.delete(attendee)
        await tx.flush()
    if attendee.actor_type == GUESTS or attendee.participant_type == ParticipantType.SELF_JOINED:
        await core.signals.sessions_ended(tx, room, [participant.present.session_id])


async def ping(core: Core, token: str, session_ids: Sequence[str]) -> None:
    """Note that these sessions of the room are alive."""
    room_id = select(Room.id).where(Room.token == token).scalar_subquery()
    async with core.db.write() as tx:
        await tx.execute(
            update(Session)
            .where(Session.room_id == room_id, Session.session_id.in_(session_ids))
            .values(last_ping=utc_now())
        )


def is_stale(session: Session) -> bool:
    """Tell whether a sign of life of *session* is worth writing."""
    return utc_now() - session.last_ping > PING_GRANULARITY


async def expire_sessions(core: Core) -> int:
    """Remove the sessions without a sign of life; returns how many. Each in its own transaction."""
    timeout = timedelta(seconds=core.config.settings.session_timeout_s)
    async with core.db.read() as session:
        dead = list(await session.scalars(select(Session.id).where(Session.last_ping < utc_now() - timeout)))
    count = 0
    for session_pk in dead:
        async with core.db.write() as tx:
            row = (
                await tx.execute(
                    select(Session, Attendee, Room)
                    .join(Attendee, Attendee.id == Session.attendee_id)
                    .join(Room, Room.id == Session.room_id)
                    .where(Session.id == session_pk, Session.last_ping < utc_now() - timeout)
                )
            ).one_or_none()
            if row is not None:
                await leave_room(core, tx, Participant(row[2], row[1], row[0]))
                count += 1
    return count


async def forget_guests(core: Core) -> None:
    """Remove guests who are gone, and cookies that nobody used for a month."""
    timeout = timedelta(seconds=core.config.settings.session_timeout_s)
    present = select(Session.attendee_id)
    async with core.db.write() as tx:
        await tx.execute(
            delete(Attendee).where(
                Attendee.actor_type == GUESTS,
                Attendee.participant_type == ParticipantType.GUEST,
                Attendee.last_ping < utc_now() - timeout,
                Attendee.id.not_in(present),
            )
        )
        month_ago = utc_now() - timedelta(seconds=COOKIE_MAX_AGE_S)
        await tx.execute(delete(WebSession).where(WebSession.last_used_at < month_ago))
