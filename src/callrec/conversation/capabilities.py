"""What the server can do, as clients read it (docs/wire.md, Capabilities). Only what works is announced."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.core import Core

SERVER_VERSION = "32.0.6"
"""The version of Nextcloud whose contract is spoken: clients choose their endpoints by it."""
TALK_VERSION = "22.0.10"
MAX_CHAT_CHARS = 32000
SESSION_PING_LIMIT = 200

FEATURES = (
    "audio",
    "video",
    "chat-v2",
    "conversation-v4",
    "guest-signaling",
    "guest-display-names",
    "multi-room-users",
    "last-room-activity",
    "no-ping",
    "system-messages",
    "in-call-flags",
    "conversation-call-flags",
    "chat-unread",
    "start-call-flag",
    "signaling-v3",
    "silent-call",
    "silent-send",
    "recording-v1",
)


def status() -> dict[str, Any]:
    """Return the answer of ``GET /status.php``."""
    return {
        "installed": True,
        "maintenance": False,
        "needsDbUpgrade": False,
        "version": f"{SERVER_VERSION}.1",
        "versionstring": SERVER_VERSION,
        "edition": "",
        "productname": "callrec",
        "extendedSupport": False,
    }


async def talk_capabilities(core: Core, session: AsyncSession) -> dict[str, Any]:
    """Return the ``spreed`` object."""
    recording = await core.configuration.recording_enabled(session)
    signaling = await core.configuration.signaling_server(session)
    return {
        "features": list(FEATURES),
        "features-local": [],
        "config": {
            "attachments": {"allowed": False},
            "call": {
                "enabled": True,
                "recording": recording,
                "recording-consent": 0,
                "breakout-rooms": False,
                "sip-enabled": False,
                "sip-dialout-enabled": False,
                "can-enable-sip": False,
                "start-without-media": False,
                "can-upload-background": False,
                "end-to-end-encryption": False,
                "live-transcription": False,
                "blur-virtual-background": False,
                "supported-reactions": [],
                "predefined-backgrounds": [],
                "predefined-backgrounds-v2": [],
                "max-duration": 0,
                "grid-limit": 0,
                "grid-limit-enforced": False,
            },
            "chat": {
                "max-length": MAX_CHAT_CHARS,
                "read-privacy": 0,
                "typing-privacy": 1,
                "has-translation-providers": False,
                "has-translation-task-providers": False,
                "summary-threshold": 0,
                "matterbridge-enabled": False,
            },
            "conversations": {"can-create": True, "force-passwords": False, "description-length": 0},
            "federation": {"enabled": False, "incoming-enabled": False, "outgoing-enabled": False},
            "previews": {"max-gif-size": 0},
            "permissions": {"max-default": 254, "max-custom": 255, "default": 246},
            "signaling": {
                "session-ping-limit": SESSION_PING_LIMIT,
                "mode": "external" if signaling else "internal",
            },
        },
        "config-local": {},
        "version": TALK_VERSION,
    }


async def capabilities(core: Core, session: AsyncSession) -> dict[str, Any]:
    """Return the data of ``GET cloud/capabilities``."""
    major, minor, micro = (int(part) for part in SERVER_VERSION.split("."))
    version = {"major": major, "minor": minor, "micro": micro, "string": SERVER_VERSION}
    return {
        "version": {**version, "edition": "", "extendedSupport": False},
        "capabilities": {
            "core": {"pollinterval": 60},
            "notifications": {
                "ocs-endpoints": ["list", "get", "delete", "delete-all", "rich-strings"],
                "push": [],
                "admin-notifications": [],
            },
            "spreed": await talk_capabilities(core, session),
        },
    }


def fingerprint(value: Any) -> str:
    """Return a short hash of *value*, for an ``ETag``."""
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:32]


async def talk_hash(core: Core, session: AsyncSession) -> str:
    """Return what ``X-Nextcloud-Talk-Hash`` says: another value means read the capabilities again."""
    signaling = await core.configuration.signaling_server(session)
    settings = [await talk_capabilities(core, session), signaling]
    # The wire's form is 40 hex digits; nobody relies on its strength.
    return hashlib.sha1(msgspec.json.encode(settings), usedforsecurity=False).hexdigest()
