"""What the server can do, as clients read it (docs/wire.md, Capabilities). Only what works is announced."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.calls import NOBODY_STARTS, max_call_duration_s, start_calls_rule
from callrec.conversation.consent import server_rule
from callrec.conversation.core import Core
from callrec.conversation.files_folders import attachment_folder
from callrec.conversation.permissions import server_default
from callrec.conversation.preferences import (
    PLAY_SOUNDS,
    PUBLIC,
    READ_PRIVACY,
    TYPING_PRIVACY,
    preferences_of,
)
from callrec.conversation.room_creation import may_create_rooms
from callrec.conversation.room_settings import MAX_DESCRIPTION_CHARS
from callrec.wire.constants import MAX_CUSTOM_PERMISSIONS, MODERATOR_PERMISSIONS

SERVER_VERSION = "32.0.6"
"""The version of Nextcloud whose contract is spoken: clients choose their endpoints by it."""
TALK_VERSION = "22.0.10"
PRODUCT = "callrec"
COLOR = "#1f5f6b"
"""What clients paint their buttons with."""
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
    "chat-read-marker",
    "chat-replies",
    "chat-get-context",
    "delete-messages",
    "delete-messages-unlimited",
    "rich-object-delete",
    "rich-object-list-media",
    "start-call-flag",
    "signaling-v3",
    "silent-call",
    "silent-send",
    "recording-v1",
    "recording-chunked-upload",
    "recording-consent",
    "empty-group-room",
    "favorites",
    "notification-levels",
    "notification-calls",
    "read-only-rooms",
    "listable-rooms",
    "webinary-lobby",
    "room-description",
    "publishing-permissions",
    "conversation-permissions",
    "chat-permission",
    "message-expiration",
    "session-state",
    "conversation-creation-password",
    "conversation-creation-all",
    "archived-conversations-v2",
    "important-conversations",
    "sensitive-conversations",
    "call-notification-state-api",
    "send-call-notification",
    "download-call-participants",
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
        "productname": PRODUCT,
        "extendedSupport": False,
    }


async def talk_capabilities(core: Core, session: AsyncSession, user_id: str | None) -> dict[str, Any]:
    """Return the ``spreed`` object for a user, or for a guest."""
    chosen = await preferences_of(session, user_id) if user_id is not None else {}
    attachments = {"folder": f"/{await attachment_folder(session, user_id)}"} if user_id is not None else {}
    recording = await core.configuration.recording_enabled(session)
    return {
        "features": list(FEATURES),
        "features-local": ["recording-chunked-upload"],
        "config": {
            "attachments": {"allowed": True, **attachments},
            "call": {
                "enabled": await start_calls_rule(core, session) != NOBODY_STARTS,
                "recording": recording,
                "recording-consent": await server_rule(core, session),
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
                "max-duration": await max_call_duration_s(core, session),
                "grid-limit": 0,
                "grid-limit-enforced": False,
                "default-phone-region": "",
                "play-sounds": chosen.get(PLAY_SOUNDS, "yes") == "yes",
            },
            "chat": {
                "max-length": MAX_CHAT_CHARS,
                "read-privacy": int(chosen.get(READ_PRIVACY, PUBLIC)),
                "typing-privacy": int(chosen.get(TYPING_PRIVACY, PUBLIC)),
                "has-translation-providers": False,
                "has-translation-task-providers": False,
                "summary-threshold": 0,
                "matterbridge-enabled": False,
            },
            "conversations": {
                "can-create": user_id is not None and await may_create_rooms(core, session, user_id),
                "force-passwords": False,
                "list-style": "two-lines",
                "description-length": MAX_DESCRIPTION_CHARS,
                "retention-event": 0,
                "retention-phone": 0,
                "retention-instant-meetings": 0,
            },
            "federation": {"enabled": False, "incoming-enabled": False, "outgoing-enabled": False},
            "previews": {"max-gif-size": 0},
            "experiments": {"enabled": 0},
            "permissions": {
                "max-default": int(MODERATOR_PERMISSIONS),
                "max-custom": int(MAX_CUSTOM_PERMISSIONS),
                "default": int(await server_default(session)),
            },
            "signaling": {
                "session-ping-limit": SESSION_PING_LIMIT,
                "hello-v2-token-key": core.hello_tokens.public_key,
                "mode": await core.configuration.signaling_mode(session),
            },
        },
        "config-local": {},
        "version": TALK_VERSION,
    }


async def capabilities(core: Core, session: AsyncSession, user_id: str | None) -> dict[str, Any]:
    """Return the data of ``GET cloud/capabilities``."""
    major, minor, micro = (int(part) for part in SERVER_VERSION.split("."))
    version = {"major": major, "minor": minor, "micro": micro, "string": SERVER_VERSION}
    return {
        "version": {**version, "edition": "", "extendedSupport": False},
        "capabilities": {
            "core": {"pollinterval": 60, "webdav-root": "remote.php/webdav"},
            "dav": {"chunking": "1.0"},
            "files": {"bigfilechunking": True, "undelete": False, "versioning": False},
            "files_sharing": {"api_enabled": True},
            "theming": {
                "name": PRODUCT,
                "url": core.config.public_url,
                "slogan": "",
                "color": COLOR,
                "color-text": "#ffffff",
                "logo": f"{core.config.public_url}/static/icon.svg",
            },
            "notifications": {
                "ocs-endpoints": [
                    "list",
                    "get",
                    "delete",
                    "delete-all",
                    "icons",
                    "rich-strings",
                    "user-status",
                    "exists",
                ],
                "push": [],
                "admin-notifications": [],
            },
            "spreed": await talk_capabilities(core, session, user_id),
        },
    }


def fingerprint(value: Any) -> str:
    """Return a short hash of *value*, for an ``ETag``."""
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:32]


async def talk_hash(core: Core, session: AsyncSession, user_id: str | None) -> str:
    """Return what ``X-Nextcloud-Talk-Hash`` says: another value means read the capabilities again."""
    signaling = await core.configuration.signaling_server(session)
    settings = [await talk_capabilities(core, session, user_id), signaling]
    # The wire's form is 40 hex digits; nobody relies on its strength.
    return hashlib.sha1(msgspec.json.encode(settings), usedforsecurity=False).hexdigest()
