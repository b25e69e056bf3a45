"""What somebody may do in a room: role, own permissions, the room's and the server's defaults, the lobby.

Pure, but for the server's default, which an administrator may set (docs/wire.md, Permissions).
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_config import AppConfig
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.wire.constants import (
    MAX_CUSTOM_PERMISSIONS,
    MEMBER_PERMISSIONS,
    MODERATOR_PERMISSIONS,
    MODERATOR_TYPES,
    ParticipantType,
    Permission,
)

LOBBY_OFF, LOBBY_ON = 0, 1

_WORDS = {
    Permission.PUBLISH_AUDIO: "publish-audio",
    Permission.PUBLISH_VIDEO: "publish-video",
    Permission.PUBLISH_SCREEN: "publish-screen",
}


def permissions_of(room: Room, attendee: Attendee, server_default: Permission) -> Permission:
    """Return what *attendee* may do in *room*: the first of role, own, room and server that says."""
    if attendee.participant_type in MODERATOR_TYPES:
        return MODERATOR_PERMISSIONS
    for own in (attendee.permissions, room.default_permissions):
        if own & Permission.CUSTOM:
            return Permission(own)
    return server_default


def custom(permissions: int) -> int:
    """Return *permissions* as they are stored: those that are set have bit 1, 0 means the default."""
    return permissions | Permission.CUSTOM if permissions else 0


def are_permissions(value: int) -> bool:
    """Tell whether *value* may be set."""
    return 0 <= value <= MAX_CUSTOM_PERMISSIONS


DEFAULT = (
    select(AppConfig.value)
    .where(AppConfig.app == "spreed", AppConfig.key == "default_permissions")
    .scalar_subquery()
)
"""The config value ``default_permissions``, to be selected beside other things."""


async def server_default(session: AsyncSession) -> Permission:
    """Return what members may do where neither they nor their room have permissions of their own."""
    return parsed_default(await session.scalar(select(DEFAULT)))


def parsed_default(value: str | None) -> Permission:
    """Return the config value ``default_permissions``; what is no set of permissions counts as unset."""
    if value is None or not (value.isascii() and value.isdigit()) or not are_permissions(int(value[:9])):
        return MEMBER_PERMISSIONS
    return Permission(int(value))


def signaling_words(participant_type: int, permissions: Permission) -> list[str]:
    """Return permissions in the words of the signaling protocol."""
    words = [word for bit, word in _WORDS.items() if permissions & bit]
    if participant_type in (ParticipantType.OWNER, ParticipantType.MODERATOR):
        words.append("control")
    return words


def lobby_of(room: Room, now: datetime | None = None) -> int:
    """Return the lobby's state at *now*: it opens by itself when its timer has passed."""
    if room.lobby_timer is not None and room.lobby_timer <= (now or utc_now()):
        return LOBBY_OFF
    return room.lobby_state


def is_kept_out(room: Room, participant_type: int, permissions: Permission) -> bool:
    """Tell whether the lobby keeps somebody of this role and with these permissions waiting."""
    return (
        lobby_of(room) == LOBBY_ON
        and participant_type not in MODERATOR_TYPES
        and not permissions & Permission.IGNORE_LOBBY
    )
