"""Settings: environment variables over a TOML file over defaults (docs/settings.md lists them all).

A recorder may have a ``server.conf`` beside them, which counts below the TOML file.

``CALLREC_PUBLIC_URL``, ``CALLREC_ADMIN_PASSWORD``, ``CALLREC_LOG_LEVEL`` …; nested ones with two underscores,
such as ``CALLREC_CONVERSATION__START_TIMEOUT_S``. The TOML file is ``callrec.toml`` in the data directory.
"""

from callrec.settings.backends import AnyBackendSettings, BackendSettings, SignalingServer
from callrec.settings.conversation import ConversationSettings
from callrec.settings.everything import FILE_NAME, Settings, load
from callrec.settings.operator import Webhook
from callrec.settings.pool import PoolSettings
from callrec.settings.recorder import RecorderSettings

__all__ = [
    "FILE_NAME",
    "AnyBackendSettings",
    "BackendSettings",
    "ConversationSettings",
    "PoolSettings",
    "RecorderSettings",
    "Settings",
    "SignalingServer",
    "Webhook",
    "load",
]
