"""Who is who in a room: participants, their roles and permissions, and the guards of routes."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.ocs.errors import guard_refusal
from callrec.wire.constants import (
    MEMBER_PERMISSIONS,
    MODERATOR_PERMISSIONS,
    MODERATOR_TYPES,
    ParticipantType,
    Permission,
)

USERS = "users"
GUESTS = "guests"


@dataclass(frozen=True)
class ActorRef:
    """Who did something: ``type`` is ``users`` or ``guests``, ``name`` the display name at that moment."""

    type: str
    id: str
    name: str


@dataclass(frozen=True)
class Participant:
    """An attendee of a room and, while he is there with this client, his session."""

    room: Room
    attendee: Attendee
    session: Session | None

    @property
    def role(self) -> ParticipantType:
        """The participant type."""
        return ParticipantType(self.attendee.participant_type)

    @property
    def present(self) -> Session:
        """The session of a participant who is known to be there."""
        assert self.session is not None
        return self.session

    @property
    def is_moderator(self) -> bool:
        """Owner, moderator or guest moderator."""
        return self.role in MODERATOR_TYPES

    @property
    def is_user_moderator(self) -> bool:
        """Owner or moderator: a registered person."""
        return self.role in (ParticipantType.OWNER, ParticipantType.MODERATOR)

    @property
    def permissions(self) -> Permission:
        """What he may do."""
        return permissions_of(self.attendee.participant_type)

    @property
    def actor(self) -> ActorRef:
        """Himself as the actor of a message."""
        return actor_of(self.attendee)


def permissions_of(participant_type: int) -> Permission:
    """Return the permissions of a participant type."""
    return MODERATOR_PERMISSIONS if participant_type in MODERATOR_TYPES else MEMBER_PERMISSIONS


def signaling_permissions(participant_type: int) -> list[str]:
    """Return the permissions of a participant type in the words of the signaling protocol."""
    granted = permissions_of(participant_type)
    words = {
        Permission.PUBLISH_AUDIO: "publish-audio",
        Permission.PUBLISH_VIDEO: "publish-video",
        Permission.PUBLISH_SCREEN: "publish-screen",
    }
    result = [word for bit, word in words.items() if granted & bit]
    if participant_type in (ParticipantType.OWNER, ParticipantType.MODERATOR):
        result.append("control")
    return result


def actor_of(attendee: Attendee) -> ActorRef:
    """Return *attendee* as the actor of a message."""
    return ActorRef(attendee.actor_type, attendee.actor_id, attendee.display_name)


async def find_room(session: AsyncSession, token: str) -> Room | None:
    """Return the room with this token."""
    return await session.scalar(select(Room).where(Room.token == token))


async def find_attendee(
    session: AsyncSession, room_id: int, actor_type: str, actor_id: str
) -> Attendee | None:
    """Return the attendee of a room that is this actor."""
    return await session.scalar(
        select(Attendee).where(
            Attendee.room_id == room_id, Attendee.actor_type == actor_type, Attendee.actor_id == actor_id
        )
    )


async def find_participant(session: AsyncSession, room: Room, caller: Caller) -> Participant | None:
    """Return *caller* in *room*: a user by his id, a guest by his cookie."""
    attendee: Attendee | None = None
    if caller.user_id is not None:
        attendee = await find_attendee(session, room.id, USERS, caller.user_id)
    elif caller.web_session_id is not None:
        attendee = await session.scalar(
            select(Attendee).where(
                Attendee.room_id == room.id,
                Attendee.actor_type == GUESTS,
                Attendee.web_session_id == caller.web_session_id,
            )
        )
    if attendee is None:
        return None
    return Participant(room, attendee, await _session_of(session, attendee, caller))


async def _session_of(session: AsyncSession, attendee: Attendee, caller: Caller) -> Session | None:
    """Return the session that the client means: that of its cookie, else the newest of the user."""
    of_attendee = (
        select(Session).where(Session.attendee_id == attendee.id).order_by(Session.id.desc()).limit(1)
    )
    if caller.web_session_id is not None:
        own = await session.scalar(of_attendee.where(Session.web_session_id == caller.web_session_id))
        if own is not None:
            return own
    return await session.scalar(of_attendee)


async def require_room(session: AsyncSession, token: str) -> Room:
    """Return the room.

    Raises:
        OcsError: 404 when there is none.
    """
    room = await find_room(session, token)
    if room is None:
        raise guard_refusal(404)
    return room


async def require_participant(session: AsyncSession, token: str, caller: Caller) -> Participant:
    """Return *caller* as a participant of the room.

    Raises:
        OcsError: 404 when the room is unknown or he is no participant.
    """
    participant = await find_participant(session, await require_room(session, token), caller)
    if participant is None:
        raise guard_refusal(404)
    return participant


async def require_moderator(session: AsyncSession, token: str, caller: Caller) -> Participant:
    """Return *caller* as a moderator of the room, guest moderators included.

    Raises:
        OcsError: 404 as ``require_participant``, 403 when he is no moderator.
    """
    participant = await require_participant(session, token, caller)
    if not participant.is_moderator:
        raise guard_refusal(403)
    return participant


async def require_user_moderator(session: AsyncSession, token: str, caller: Caller) -> Participant:
    """Return *caller* as owner or moderator of the room; guest moderators do not count.

    Raises:
        OcsError: 404 as ``require_participant``, 403 when he is neither.
    """
    participant = await require_participant(session, token, caller)
    if not participant.is_user_moderator:
        raise guard_refusal(403)
    return participant
