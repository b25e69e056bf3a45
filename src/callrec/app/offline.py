"""The conversation server's data without the server: for commands that work beside it or while it is down."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from callrec.app import running, secrets_file
from callrec.conversation.config import ConversationConfig
from callrec.conversation.core import Core, Hooks, build
from callrec.errors import AccountError, SettingsError
from callrec.settings import Settings, load


class _NobodyListens:
    """Stands where a server has its signaling server: what is done here is told to no client."""

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        """Drop the push."""


def conversation_config(data: Path, settings: Settings) -> ConversationConfig:
    """Return what the conversation server of *data* is given, as far as it can be known from outside.

    Raises:
        SettingsError: there is no data directory, or its secrets cannot be read.
    """
    if not (data / secrets_file.FILE_NAME).exists():
        raise SettingsError(f"data directory {data}: no server has run here; start `callrec serve` once")
    secrets = secrets_file.load_or_create(data)
    now = running.read(data)
    public_url = settings.public_url or (now.server_url if now else "http://127.0.0.1:8080")
    return ConversationConfig(
        data=data,
        public_url=public_url,
        settings=settings.conversation,
        recording_secret=secrets.recording,
        recorder_url=now.recorder_url if now else None,
        signaling_url=f"{public_url}/signaling",
        admin_password=secrets.admin_password,
        web=data,
    )


@asynccontextmanager
async def open_core(data: Path) -> AsyncIterator[Core]:
    """Open the database of the server in *data*, whether it runs or not.

    Raises:
        SettingsError: no server has run here.
        AccountError: the database cannot be used.
    """
    config = conversation_config(data, load(data))
    core = build(config, _NobodyListens(), Hooks())
    place = core.db.url
    if core.db.exclusive and not Path(place.database or "").exists():
        raise SettingsError(f"{place.database}: no such database; start `callrec serve` once")
    try:
        yield core
    except DBAPIError as error:
        raise AccountError(f"database {place!r}: {error.orig}") from error
    finally:
        await core.db.close()
