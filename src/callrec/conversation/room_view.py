"""The room object of the API, as one caller sees it (docs/wire.md, Rooms)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.calls import may_start_call, start_calls_rule
from callrec.conversation.chat import SAID
from callrec.conversation.chat_reading import last_common_read
from callrec.conversation.chat_view import render_messages
from callrec.conversation.consent import NOT_REQUIRED, room_value, server_rule
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.one_to_one import other_of, shown_names
from callrec.conversation.participants import Participant
from callrec.conversation.permissions import lobby_of
from callrec.wire.constants import ParticipantType, Permission, RoomType

NOTIFY_ALWAYS, NOTIFY_MENTION, NOTIFY_NEVER = 1, 2, 3


@dataclass(frozen=True)
class _Loaded:
    """What several rooms need from the database, read at once."""

    unread: Mapping[int, int]
    common_read: Mapping[int, int]
    last_messages: Mapping[int, dict[str, Any]]
    names: Mapping[int, str]
    """Names of one-to-one rooms: those of the other person."""
    consent_rule: int
    start_calls: int


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


async def listed_view(core: Core, session: AsyncSession, room: Room) -> dict[str, Any]:
    """Return a listed room as a user sees it who found it and is not in it."""
    return {**_room_part(room, await server_rule(core, session)), **_OUTSIDE}


def stranger_view(room: Room) -> dict[str, Any]:
    """Return a public room as somebody sees it who has its link: whether he needs a password, and no more."""
    return {**_room_part(room, NOT_REQUIRED), **_OUTSIDE, **_UNSEEN}


_OUTSIDE: Mapping[str, Any] = {
    "participantType": int(ParticipantType.GUEST),
    "participantFlags": 0,
    "canStartCall": False,
    "lastReadMessage": 0,
    "unreadMessages": 0,
    "canLeaveConversation": False,
    "canDeleteConversation": False,
    "notificationLevel": NOTIFY_NEVER,
    "notificationCalls": 0,
    "isFavorite": False,
    "isArchived": False,
    "isImportant": False,
    "isSensitive": False,
    "lastPing": 0,
    "sessionId": "0",
    "actorType": "",
    "actorId": "",
    "attendeeId": 0,
    "permissions": int(Permission.CUSTOM),
    "attendeePermissions": 0,
    "attendeePin": "",
    "lastCommonReadMessage": 0,
    "lastMessage": [],
}
"""What the room is to somebody who is not in it."""
_UNSEEN: Mapping[str, Any] = {
    "name": "",
    "displayName": "",
    "description": "",
    "objectType": "",
    "objectId": "",
    "readOnly": 0,
    "hasCall": False,
    "callStartTime": 0,
    "callFlag": 0,
    "callRecording": 0,
    "lastActivity": 0,
    "lobbyState": 0,
    "lobbyTimer": 0,
    "defaultPermissions": 0,
    "messageExpiration": 0,
    "mentionPermissions": 0,
}
"""What a link alone does not show of a room."""


def _view(participant: Participant, loaded: _Loaded) -> dict[str, Any]:
    room, attendee, session = participant.room, participant.attendee, participant.session
    guest = participant.role in (ParticipantType.GUEST, ParticipantType.GUEST_MODERATOR)
    waits = participant.waits_in_lobby
    of_two = room.type == RoomType.ONE_TO_ONE
    part = _room_part(room, loaded.consent_rule)
    if of_two:
        part |= {
            "name": other_of(room, attendee.actor_id),
            "displayName": loaded.names.get(room.id, room.name),
        }
    if waits:
        part |= {"hasCall": False, "callStartTime": 0}
    level = attendee.notification_level or (NOTIFY_ALWAYS if of_two else NOTIFY_MENTION)
    return {
        **part,
        "participantType": attendee.participant_type,
        "participantFlags": session.in_call if session else 0,
        "canStartCall": not waits and may_start_call(participant, loaded.start_calls),
        "lastReadMessage": attendee.last_read_message,
        "unreadMessages": 0 if waits else loaded.unread.get(room.id, 0),
        "canLeaveConversation": not guest,
        "canDeleteConversation": participant.is_user_moderator
        and room.type in (RoomType.GROUP, RoomType.PUBLIC),
        "notificationLevel": NOTIFY_NEVER if guest else level,
        "notificationCalls": 0 if guest else attendee.notification_calls,
        "isFavorite": attendee.is_favorite,
        "isArchived": attendee.is_archived,
        "isImportant": attendee.is_important,
        "isSensitive": attendee.is_sensitive,
        "lastPing": int(session.last_ping.timestamp()) if session else 0,
        "sessionId": session.session_id if session else "0",
        "actorType": attendee.actor_type,
        "actorId": attendee.actor_id,
        "attendeeId": attendee.id,
        "permissions": int(participant.permissions),
        "attendeePermissions": attendee.permissions,
        "attendeePin": "",
        "lastCommonReadMessage": loaded.common_read.get(room.id, 0),
        "lastMessage": None if waits else loaded.last_messages.get(room.id, []),
    }


def _room_part(room: Room, consent_rule: int) -> dict[str, Any]:
    """Return what is the same for everybody, and what this server does not have."""
    active = room.active_since
    lobby = lobby_of(room)
    return {
        "id": room.id,
        "token": room.token,
        "type": room.type,
        "name": room.name,
        "displayName": room.name,
        "objectType": room.object_type,
        "objectId": room.object_id,
        "readOnly": room.read_only,
        "hasPassword": room.password_hash is not None,
        "hasCall": active is not None,
        "callStartTime": int(active.timestamp()) if active else 0,
        "callFlag": room.call_flag,
        "callRecording": room.call_recording,
        "lastActivity": int(room.last_activity.timestamp()),
        "unreadMention": False,
        "unreadMentionDirect": False,
        "lobbyState": lobby,
        "lobbyTimer": int(room.lobby_timer.timestamp()) if lobby and room.lobby_timer else 0,
        "sipEnabled": 0,
        "callPermissions": 0,
        "defaultPermissions": room.default_permissions,
        "canEnableSIP": False,
        "description": room.description,
        "listable": room.listable,
        "messageExpiration": room.message_expiration_s,
        "avatarVersion": hashlib.sha256(room.token.encode()).hexdigest()[:8],
        "isCustomAvatar": False,
        "breakoutRoomMode": 0,
        "breakoutRoomStatus": 0,
        "recordingConsent": room_value(consent_rule, room),
        "mentionPermissions": room.mention_permissions,
        "liveTranscriptionLanguageId": "",
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
            ChatMessage.kind.in_(SAID),
        )
        .group_by(ChatMessage.room_id)
    )
    unread = {row[0]: row[1] for row in counts}
    common = await last_common_read(session, room_ids)
    return _Loaded(
        unread=unread,
        common_read=common,
        last_messages=await _last_messages(core, session, participants, caller) if last_message else {},
        names=await shown_names(session, [participant.room for participant in participants], caller.user_id),
        consent_rule=await server_rule(core, session),
        start_calls=await start_calls_rule(core, session),
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
