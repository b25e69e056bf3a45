"""The room object of the API, as one caller sees it (docs/wire.md, Rooms)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.chat import SYSTEM
from callrec.conversation.chat_reading import last_common_read
from callrec.conversation.chat_view import render_messages
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.participants import Participant
from callrec.wire.constants import ParticipantType, Permission

NOTIFY_ALWAYS, NOTIFY_MENTION, NOTIFY_NEVER = 1, 2, 3


@dataclass(frozen=True)
class _Loaded:
    """What several rooms need from the database, read at once."""

    unread: Mapping[int, int]
    common_read: Mapping[int, int]
    last_messages: Mapping[int, dict[str, Any]]


async def room_view(
    core: Core, session: AsyncSession, participant: Participant, caller: Caller
) -> dict[str, Any]:
    """Return the room as *participant* sees it."""
    return (await room_views(core, session, [participant], caller))[0]


async def room_views(
    core: Core,
    session: AsyncSession,
    participants: Sequence[Participant],
    caller: Caller,
    *,
    last_message: bool = True,
) -> list[dict[str, Any]]:
    """Return rooms as *caller*, a participant of each, sees them."""
    loaded = await _load(core, session, participants, caller, last_message=last_message)
    return [_view(participant, loaded) for participant in participants]


def stranger_view(room: Room) -> dict[str, Any]:
    """Return a public room as somebody sees it who is no participant (yet)."""
    return {
        **_room_part(room),
        "callRecording": 0,
        "participantType": int(ParticipantType.GUEST),
        "participantFlags": 0,
        "canStartCall": False,
        "lastReadMessage": 0,
        "unreadMessages": 0,
        "canLeaveConversation": False,
        "canDeleteConversation": False,
        "notificationLevel": NOTIFY_NEVER,
        "notificationCalls": 0,
        "lastPing": 0,
        "sessionId": "0",
        "actorType": "",
        "actorId": "",
        "attendeeId": 0,
        "permissions": int(Permission.CUSTOM),
        "attendeePin": "",
        "lastCommonReadMessage": 0,
        "lastMessage": [],
    }


def _view(participant: Participant, loaded: _Loaded) -> dict[str, Any]:
    room, attendee, session = participant.room, participant.attendee, participant.session
    unread = loaded.unread.get(room.id, 0)
    guest = participant.role in (ParticipantType.GUEST, ParticipantType.GUEST_MODERATOR)
    return {
        **_room_part(room),
        "participantType": attendee.participant_type,
        "participantFlags": session.in_call if session else 0,
        "canStartCall": bool(participant.permissions & Permission.START_CALL),
        "lastReadMessage": attendee.last_read_message,
        "unreadMessages": unread,
        "canLeaveConversation": not guest,
        "canDeleteConversation": participant.is_user_moderator,
        "notificationLevel": NOTIFY_NEVER if guest else NOTIFY_MENTION,
        "notificationCalls": 0 if guest else 1,
        "lastPing": int(session.last_ping.timestamp()) if session else 0,
        "sessionId": session.session_id if session else "0",
        "actorType": attendee.actor_type,
        "actorId": attendee.actor_id,
        "attendeeId": attendee.id,
        "permissions": int(participant.permissions),
        "attendeePin": "",
        "lastCommonReadMessage": loaded.common_read.get(room.id, 0),
        "lastMessage": loaded.last_messages.get(room.id, []),
    }


def _room_part(room: Room) -> dict[str, Any]:
    """Return what is the same for everybody, and what this server does not have."""
    active = room.active_since
    return {
        "id": room.id,
        "token": room.token,
        "type": room.type,
        "name": room.name,
        "displayName": room.name,
        "objectType": "",
        "objectId": "",
        "readOnly": 0,
        "hasPassword": False,
        "hasCall": active is not None,
        "callStartTime": int(active.timestamp()) if active else 0,
        "callFlag": room.call_flag,
        "callRecording": room.call_recording,
        "lastActivity": int(room.last_activity.timestamp()),
        "unreadMention": False,
        "unreadMentionDirect": False,
        "isFavorite": False,
        "lobbyState": 0,
        "lobbyTimer": 0,
        "sipEnabled": 0,
        "attendeePermissions": 0,
        "callPermissions": 0,
        "defaultPermissions": 0,
        "canEnableSIP": False,
        "description": "",
        "listable": 0,
        "messageExpiration": 0,
        "avatarVersion": hashlib.sha256(room.token.encode()).hexdigest()[:8],
        "isCustomAvatar": False,
        "breakoutRoomMode": 0,
        "breakoutRoomStatus": 0,
        "recordingConsent": 0,
        "mentionPermissions": 0,
        "liveTranscriptionLanguageId": "",
        "isArchived": False,
        "isImportant": False,
        "isSensitive": False,
    }


async def _load(
    core: Core,
    session: AsyncSession,
    participants: Sequence[Participant],
    caller: Caller,
    *,
    last_message: bool,
) -> _Loaded:
    room_ids = [participant.room.id for participant in participants]
    counts = await session.execute(
        select(ChatMessage.room_id, func.count())
        .join(Attendee, Attendee.room_id == ChatMessage.room_id)
        .where(
            Attendee.id.in_([participant.attendee.id for participant in participants]),
            ChatMessage.id > Attendee.last_read_message,
            ChatMessage.kind != SYSTEM,
        )
        .group_by(ChatMessage.room_id)
    )
    unread = {row[0]: row[1] for row in counts}
    common = await last_common_read(session, room_ids)
    return _Loaded(
        unread, common, await _last_messages(core, session, participants, caller) if last_message else {}
    )


async def _last_messages(
    core: Core, session: AsyncSession, participants: Sequence[Participant], caller: Caller
) -> dict[int, dict[str, Any]]:
    by_room = {participant.room.id: participant for participant in participants}
    ids = [participant.room.last_message_id for participant in participants]
    messages = (await session.scalars(select(ChatMessage).where(ChatMessage.id.in_(ids)))).all()
    tokens = {room_id: participant.room.token for room_id, participant in by_room.items()}
    # In a list the caller is a user; a guest sees one room, and there he is this participant.
    only = participants[0] if len(participants) == 1 else None
    rendered = await render_messages(core, session, messages, viewer=caller, participant=only, tokens=tokens)
    return {message.room_id: view for message, view in zip(messages, rendered, strict=True)}
