"""App config: what an administrator has set wins over the built-in defaults (docs/wire.md, App config)."""

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.config import ConversationConfig
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_config import AppConfig

TALK = "spreed"
INTERNAL = "callrec"
"""Our own values, secrets among them: not to be seen or set over the API."""
RECORDING_SERVERS = "recording_servers"
SIGNALING_SERVERS = "signaling_servers"
SIGNALING_MODE = "signaling_mode"
CALL_RECORDING = "call_recording"


@dataclass(frozen=True)
class RecordingServers:
    """The recording servers that are in use now, and the secret shared with them."""

    servers: tuple[str, ...]
    secret: str


class Configuration:
    """App config with the built-in defaults of *config*. The values are kept in memory between changes."""

    def __init__(self, config: ConversationConfig) -> None:
        recorders = [{"server": config.recorder_url, "verify": True}] if config.recorder_url else []
        self._defaults = {
            (TALK, RECORDING_SERVERS): _json({"servers": recorders, "secret": config.recording_secret}),
            (TALK, SIGNALING_SERVERS): _json({"servers": [{"server": config.signaling_url, "verify": True}]}),
            (TALK, CALL_RECORDING): "yes",
        }
        self._set: dict[tuple[str, str], str] | None = None
        self._change = 0

    async def get(self, session: AsyncSession, app: str, key: str) -> str | None:
        """Return the value that counts, None when there is none."""
        writes = isinstance(session, WriteSession)  # it may have changed something itself
        values = None if writes else self._set
        if values is None:
            change = self._change
            rows = await session.scalars(select(AppConfig))
            values = {(row.app, row.key): row.value for row in rows}
            if change == self._change and not writes:
                self._set = values
        return values.get((app, key), self._defaults.get((app, key)))

    async def set(self, tx: WriteSession, app: str, key: str, value: str) -> None:
        """Set a value; it counts from the next request on."""
        statement = insert(AppConfig).values(app=app, key=key, value=value)
        await tx.execute(
            statement.on_conflict_do_update(index_elements=["app", "key"], set_={"value": value})
        )
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
        tx.after_commit(self._forget)

    def _forget(self) -> None:
        self._change += 1  # who is reading the old values now does not keep them
        self._set = None

    async def recording_servers(self, session: AsyncSession) -> RecordingServers:
        """Return the recording servers; what cannot be read counts as not configured."""
        value = _object(await self.get(session, TALK, RECORDING_SERVERS))
        secret = value.get("secret")
        return RecordingServers(_urls(value), secret if isinstance(secret, str) else "")

    async def signaling_server(self, session: AsyncSession) -> str | None:
        """Return the address of the signaling server as configured, None when there is none."""
        if await self.get(session, TALK, SIGNALING_MODE) == "internal":
            return None
        return next(iter(_urls(_object(await self.get(session, TALK, SIGNALING_SERVERS)))), None)

    async def recording_enabled(self, session: AsyncSession) -> bool:
        """Tell whether calls can be recorded at all (docs/wire.md, Recording enabled)."""
        recorders = await self.recording_servers(session)
        return (
            bool(recorders.servers and recorders.secret)
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


def _urls(value: dict[str, Any]) -> tuple[str, ...]:
    servers = value.get("servers")
    if not isinstance(servers, list):
        return ()
    urls = (entry.get("server") for entry in servers if isinstance(entry, dict))
    return tuple(url for url in urls if isinstance(url, str) and url)
