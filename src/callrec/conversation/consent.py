"""Agreeing to be recorded: when it is asked for, and the log of who agreed (docs/wire.md, Consent)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import TALK
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import RecordingConsent, Room
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import Participant

CONFIG_KEY = "recording_consent"
NOT_REQUIRED, REQUIRED, ROOM_DECIDES = 0, 1, 2


@dataclass(frozen=True)
class Consent:
    """One entry of the log; ``timestamp`` is Unix time in seconds."""

    token: str
    actor_type: str
    actor_id: str
    timestamp: int


def parsed_rule(value: str | None) -> int:
    """Return the server's rule; what is none of 0, 1, 2 counts as 0."""
    return int(value) if value in ("1", "2") else NOT_REQUIRED


def room_value(rule: int, room: Room) -> int:
    """Return whether the *room* asks for consent under the server's *rule*: its ``recordingConsent``."""
    return room.recording_consent if rule == ROOM_DECIDES else rule


async def server_rule(core: Core, session: AsyncSession) -> int:
    """Return the rule that counts: 0 while recording is not enabled."""
    if not await core.configuration.recording_enabled(session):
        return NOT_REQUIRED
    return parsed_rule(await core.configuration.get(session, TALK, CONFIG_KEY))


async def check_consent(core: Core, tx: WriteSession, participant: Participant, *, given: bool) -> bool:
    """Check the consent of somebody who wants to join the call; returns whether it is to be logged.

    Raises:
        OcsError: 400 ``consent`` when it is needed and not given.
    """
    if participant.session is not None and participant.session.in_call:
        return False
    rule = await server_rule(core, tx)
    if room_value(rule, participant.room) and not given:
        raise refusal("consent")
    return given and rule != NOT_REQUIRED


def log_consent(tx: WriteSession, participant: Participant) -> None:
    """Write that the participant agreed, now."""
    attendee = participant.attendee
    tx.add(
        RecordingConsent(
            room_id=participant.room.id, actor_type=attendee.actor_type, actor_id=attendee.actor_id
        )
    )


async def forget_consents(tx: WriteSession, actor_type: str, actor_id: str) -> None:
    """Delete the entries of somebody who is deleted himself; those of a room go with the room."""
    await tx.execute(delete(RecordingConsent).where(_is_actor(actor_type, actor_id)))


async def set_room_consent(core: Core, tx: WriteSession, room: Room, value: int) -> None:
    """Say whether *room* asks for consent. Nobody is told: it counts for the next call.

    Raises:
        OcsError: 412 ``config`` when recording is not enabled; 400 ``value``, or ``call`` while one runs.
    """
    if not await core.configuration.recording_enabled(tx):
        raise refusal("config", 412)
    if value == room.recording_consent:
        return
    if value not in (NOT_REQUIRED, REQUIRED):
        raise refusal("value")
    if value == REQUIRED and room.call_flag:
        raise refusal("call")
    room.recording_consent = value


async def find_consents(
    session: AsyncSession, room: Room | None = None, actor: tuple[str, str] | None = None
) -> Sequence[Consent]:
    """Return who agreed in *room*, or where *actor* (type, id) did, or both; oldest first."""
    conditions = []
    if room is not None:
        conditions.append(RecordingConsent.room_id == room.id)
    if actor is not None:
        conditions.append(_is_actor(*actor))
    rows = await session.execute(
        select(RecordingConsent, Room.token)
        .join(Room, Room.id == RecordingConsent.room_id)
        .where(*conditions)
        .order_by(RecordingConsent.id)
    )
    return [
        Consent(token, entry.actor_type, entry.actor_id, int(entry.at.timestamp())) for entry, token in rows
    ]


def consent_view(consent: Consent) -> dict[str, str | int]:
    """Return an entry as it is read from outside."""
    return {
        "token": consent.token,
        "actorType": consent.actor_type,
        "actorId": consent.actor_id,
        "timestamp": consent.timestamp,
    }


def _is_actor(actor_type: str, actor_id: str) -> ColumnElement[bool]:
    return (RecordingConsent.actor_type == actor_type) & (RecordingConsent.actor_id == actor_id)
