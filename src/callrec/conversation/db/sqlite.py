"""SQLite: one file in WAL mode, for one server process."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS = 10_000
"""How long SQLite waits for another process (a backup, a shell) that holds the write lock."""


def sqlite_url(path: Path) -> URL:
    """Return the address of the database file at *path*."""
    return URL.create("sqlite", database=str(path))


def create(url: URL) -> AsyncEngine:
    """Return the engine of the database file at *url*."""
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"))
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def writing(engine: AsyncEngine) -> AsyncEngine:
    """Return *engine* for transactions that write."""
    return engine.execution_options(writes=True)


def _configure(connection: Any, _record: object) -> None:
    # The driver begins no transactions by itself: _begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered survives a power loss
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a write fails when another one wrote meanwhile.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
