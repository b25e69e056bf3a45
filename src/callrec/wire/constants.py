"""Numbers and words of the Talk API that both halves use (docs/wire.md, Constants)."""

import re
from enum import IntEnum, IntFlag

ROOM_TOKEN = re.compile(r"[a-z0-9]{4,30}")
"""What a room token looks like. Anything else never becomes part of a URL or a path."""


class RecordingStatus(IntEnum):
    """A room's ``callRecording``."""

    OFF = 0
    VIDEO = 1
    AUDIO = 2
    STARTING_VIDEO = 3
    STARTING_AUDIO = 4
    FAILED = 5


class RoomType(IntEnum):
    """A room's ``type``."""

    ONE_TO_ONE = 1
    GROUP = 2
    PUBLIC = 3
    CHANGELOG = 4
    FORMER_ONE_TO_ONE = 5
    NOTE_TO_SELF = 6


class ParticipantType(IntEnum):
    """A participant's role in a room."""

    OWNER = 1
    MODERATOR = 2
    USER = 3
    GUEST = 4
    SELF_JOINED = 5
    GUEST_MODERATOR = 6


MODERATOR_TYPES = frozenset(
    {ParticipantType.OWNER, ParticipantType.MODERATOR, ParticipantType.GUEST_MODERATOR}
)


class CallFlag(IntFlag):
    """A participant's ``inCall``: whether in the call, and what will be published."""

    DISCONNECTED = 0
    IN_CALL = 1
    WITH_AUDIO = 2
    WITH_VIDEO = 4
    WITH_PHONE = 8


class Permission(IntFlag):
    """What a participant may do in a room."""

    DEFAULT = 0
    CUSTOM = 1
    START_CALL = 2
    JOIN_CALL = 4
    IGNORE_LOBBY = 8
    PUBLISH_AUDIO = 16
    PUBLISH_VIDEO = 32
    PUBLISH_SCREEN = 64
    CHAT = 128


MAX_CUSTOM_PERMISSIONS = Permission(255)
MODERATOR_PERMISSIONS = Permission(254)
MEMBER_PERMISSIONS = Permission(246)
