"""App config: what an administrator has set wins over the built-in defaults (docs/wire.md, App config)."""

from typing import Any

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.config import ConversationConfig
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.notices import CONFIG, Notices
from callrec.conversation.db.tables_config import AppConfig
from callrec.conversation.recording_servers import RecordingServers, recording_servers
from callrec.conversation.signaling_servers import SignalingServer, SignalingServers, signaling_servers

TALK = "spreed"
INTERNAL = "callrec"
"""Our own values, secrets among them: not to be seen or set over the API."""
RECORDING_SERVERS = "recording_servers"
SIGNALING_SERVERS = "signaling_servers"
SIGNALING_MODE = "signaling_mode"
CALL_RECORDING = "call_recording"
STUN_SERVERS = "stun_servers"
TURN_SERVERS = "turn_servers"

_VALUES = "app_config"
"""Under this name a write transaction keeps the values that it has read."""


class Configuration:
    """App config with the built-in defaults of *config*. The values are kept in memory between changes."""

    def __init__(self, config: ConversationConfig, notices: Notices) -> None:
        recorders = [{"server": config.recorder_url, "verify": True}] if config.recorder_url else []
        self._defaults = {
            (TALK, RECORDING_SERVERS): _json({"servers": recorders, "secret": config.recording_secret}),
            (TALK, SIGNALING_SERVERS): _json({"servers": [{"server": config.signaling_url, "verify": True}]}),
            (TALK, CALL_RECORDING): "yes",
        }
        self._set: dict[tuple[str, str], str] | None = None
        # The console of test mode changes them beside the server, which on SQLite hears nothing of it.
        self._keeps = not config.settings.test_mode
        self._change = 0
        notices.subscribe(CONFIG, self._forget)

    async def get(self, session: AsyncSession, app: str, key: str) -> str | None:
        """Return the value that counts, None when there is none."""
        writes = isinstance(session, WriteSession)  # it may have changed something itself
        values = session.info.get(_VALUES) if writes else self._set
        if values is None:
            change = self._change
            # A transaction that began earlier may not see what the last change was.
            fresh = not session.in_transaction()
            rows = await session.scalars(select(AppConfig))
            values = {(row.app, row.key): row.value for row in rows}
            if writes:
                session.info[_VALUES] = values
            elif self._keeps and fresh and change == self._change:
                self._set = values
        return values.get((app, key), self._defaults.get((app, key)))

    async def set(self, tx: WriteSession, app: str, key: str, value: str) -> None:
        """Set a value; it counts from the next request on."""
        row = await tx.get(AppConfig, (app, key))
        if row is None:
            tx.add(AppConfig(app=app, key=key, value=value))
        else:
            row.value = value
        await tx.flush()
        self._changed(tx)

    async def get_or_create(self, tx: WriteSession, key: str, value: str) -> str:
        """Return an internal value; the first time it becomes *value*."""
        existing = await self.get(tx, INTERNAL, key)
        if existing is None:
            await self.set(tx, INTERNAL, key, value)
        return value if existing is None else existing

    async def unset(self, tx: WriteSession, app: str, key: str) -> None:
        """Go back to the built-in default."""
        await tx.execute(delete(AppConfig).where(AppConfig.app == app, AppConfig.key == key))
        self._changed(tx)

    def _changed(self, tx: WriteSession) -> None:
        tx.info.pop(_VALUES, None)
        tx.notice(CONFIG)

    def _forget(self, _key: str | None) -> None:
        self._change += 1  # who is reading the old values now does not keep them
        self._set = None

    async def recording_servers(self, session: AsyncSession) -> RecordingServers:
        """Return the recording servers; what cannot be read counts as not configured."""
        return recording_servers(_object(await self.get(session, TALK, RECORDING_SERVERS)))

    async def signaling_servers(self, session: AsyncSession) -> SignalingServers:
        """Return the signaling servers that are in use now; none in the mode ``internal``."""
        if await self.get(session, TALK, SIGNALING_MODE) == "internal":
            return SignalingServers((), "")
        return signaling_servers(_object(await self.get(session, TALK, SIGNALING_SERVERS)))

    async def signaling_mode(self, session: AsyncSession) -> str:
        """Return ``internal`` without signaling server, else ``external`` or ``conversation_cluster``."""
        if not (await self.signaling_servers(session)).servers:
            return "internal"
        mode = await self.get(session, TALK, SIGNALING_MODE)
        return mode if mode == "conversation_cluster" else "external"

    async def signaling_server(self, session: AsyncSession, token: str = "") -> SignalingServer | None:
        """Return the signaling server of a room (of no room in particular), None when there is none."""
        return (await self.signaling_servers(session)).of_room(token)

    async def recording_enabled(self, session: AsyncSession) -> bool:
        """Tell whether calls can be recorded at all (docs/wire.md, Recording enabled)."""
        return (
            (await self.recording_servers(session)).used is not None
            and await self.get(session, TALK, CALL_RECORDING) == "yes"
            and await self.signaling_server(session) is not None
        )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
