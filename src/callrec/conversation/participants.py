"""Who is who in a room: participants, and the guards of routes (docs/wire.md, OCS envelope)."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.db.tables_users import User
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.ocs.errors import guard_refusal, refusal
from callrec.conversation.permissions import DEFAULT, is_kept_out, parsed_default, permissions_of
from callrec.wire.constants import (
    MEMBER_PERMISSIONS,
    MODERATOR_TYPES,
    ParticipantType,
    Permission,
    RoomType,
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
    server_default: Permission = MEMBER_PERMISSIONS
    """What members may do where neither they nor the room have permissions of their own."""

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
        return permissions_of(self.room, self.attendee, self.server_default)

    @property
    def waits_in_lobby(self) -> bool:
        """The lobby keeps him out of the call and the chat."""
        return is_kept_out(self.room, self.attendee.participant_type, self.permissions)

    @property
    def actor(self) -> ActorRef:
        """Himself as the actor of a message."""
        return actor_of(self.attendee)


def actor_of(attendee: Attendee) -> ActorRef:
    """Return *attendee* as the actor of a message."""
    return ActorRef(attendee.actor_type, attendee.actor_id, attendee.display_name)


def new_attendee(room: Room, user: User, role: ParticipantType) -> Attendee:
    """Return *user* as an attendee who has read what is there."""
    return Attendee(
        room_id=room.id,
        actor_type=USERS,
        actor_id=user.id,
        display_name=user.display_name,
        participant_type=role,
        last_read_message=room.last_message_id or 0,
    )


def named(actor: ActorRef) -> dict[str, str]:
    """Return *actor* as a parameter of a system message."""
    return {"type": actor.type, "id": actor.id, "name": actor.name}


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
    who = Attendee.room_id == room.id
    if caller.user_id is not None:
        who &= (Attendee.actor_type == USERS) & (Attendee.actor_id == caller.user_id)
    elif caller.web_session_id is not None:
        who &= (Attendee.actor_type == GUESTS) & (Attendee.web_session_id == caller.web_session_id)
    else:
        return None
    found = (await session.execute(select(Attendee, DEFAULT).where(who))).first()
    if found is None:
        return None
    attendee, default = found
    return Participant(room, attendee, await _session_of(session, attendee, caller), parsed_default(default))


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


async def require_attendee(session: AsyncSession, room: Room, attendee_id: int) -> Attendee:
    """Return the attendee of *room* with this id.

    Raises:
        OcsError: 404 ``participant`` when there is none.
    """
    attendee = await session.get(Attendee, attendee_id)
    if attendee is None or attendee.room_id != room.id:
        raise refusal("participant", 404)
    return attendee


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


def refuse_read_only(participant: Participant) -> None:
    """Check that the room is not read-only.

    Raises:
        OcsError: 403.
    """
    if participant.room.read_only or participant.room.type == RoomType.CHANGELOG:
        raise guard_refusal(403)


def refuse_lobby(participant: Participant) -> None:
    """Check that the lobby does not keep the participant waiting.

    Raises:
        OcsError: 412.
    """
    if participant.waits_in_lobby:
        raise guard_refusal(412)


def refuse_without(participant: Participant, permission: Permission) -> None:
    """Check that the participant has a permission.

    Raises:
        OcsError: 403.
    """
    if not participant.permissions & permission:
        raise guard_refusal(403)
