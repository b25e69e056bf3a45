"""PostgreSQL, for any number of server processes: one writer at a time, and notices between them.

A write transaction begins by taking an advisory lock of the database, which its end gives back, so writers
follow one another as with SQLite, and every decision that reads before it writes stays right without a
retry. It costs one round trip; other processes' readers never wait.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import psycopg
import structlog
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from callrec.conversation.db.notices import Notices

WRITER_LOCK = 0x63616C6C01
MIGRATION_LOCK = 0x63616C6C02
"""Keys of our advisory locks ("call" and a number); they count within one database."""
LOCK_TIMEOUT_MS = 10_000
"""How long a writer waits for the one before it."""
IDLE_TIMEOUT_MS = 30_000
"""A process that stops in the middle of a transaction loses it after this, and with it the writer's lock."""
RELISTEN_S = 1.0
"""While notices cannot be heard everybody is woken this often, to look for himself."""
MAX_PAYLOAD_BYTES = 7_000
"""PostgreSQL's limit is 8,000."""

_CHANNEL = "callrec"
_EVERYTHING = "*"
_CONNECTION: dict[str, Any] = {
    "connect_timeout": 5,
    # A machine that is gone is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": f"-c lock_timeout={LOCK_TIMEOUT_MS} -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS}",
}

log = structlog.get_logger()


class _TextDumper(StrDumperUnknown):
    """PostgreSQL's text cannot hold U+0000, which clients may send anywhere: U+FFFD takes its place."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd"))


def create(url: URL) -> AsyncEngine:
    """Return the engine of the database at *url*."""
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=_CONNECTION
    )
    event.listen(engine.sync_engine, "connect", _configure)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """Return *engine* for transactions that see one state and write nothing."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _configure(connection: Any, _record: object) -> None:
    connection.driver_connection.adapters.register_dumper(str, _TextDumper)


async def become_writer(session: AsyncSession) -> None:
    """Wait for the writers before; the lock is given back by the end of the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})


async def notify(session: AsyncSession, sender: str, noticed: Iterable[tuple[str, str]]) -> None:
    """Tell the other processes, as soon as the transaction of *session* is committed, what was *noticed*."""
    words = " ".join(f"{topic}:{key}" for topic, key in noticed)
    if not words:
        return
    if len(words) > MAX_PAYLOAD_BYTES:
        words = _EVERYTHING
    payload = f"{sender} {words}"
    await session.execute(
        text("SELECT pg_notify(:channel, :payload)"), {"channel": _CHANNEL, "payload": payload}
    )


async def listen(engine: AsyncEngine, notices: Notices) -> None:
    """Pass on what other processes notify, for ever; to be cancelled."""
    _, options = engine.dialect.create_connect_args(engine.url)
    heard = True
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(**{**options, **_CONNECTION}, autocommit=True)
            async with connection:
                await connection.execute(f"LISTEN {_CHANNEL}")
                if not heard:
                    log.info("notices_heard_again")
                heard = True
                notices.ring_all()  # something may have been said before we listened
                async for notify in connection.notifies():
                    _hear(notify.payload, notices)
        except (psycopg.Error, OSError) as error:
            if heard:
                log.warning("notices_not_heard", error=str(error))
            heard = False
        notices.ring_all()
        await asyncio.sleep(RELISTEN_S)


def _hear(payload: str, notices: Notices) -> None:
    sender, *words = payload.split(" ")
    if sender == notices.sender:
        return  # was told when it was committed
    for word in words:
        if word == _EVERYTHING:
            notices.ring_all()
            continue
        topic, _, key = word.partition(":")
        notices.ring(topic, key)
