"""Reading SQLite on the event loop itself.

A small query takes some ten microseconds; the usual driver hands each step of it to a thread, which takes ten
times as long and much longer on a busy machine. Readers of a WAL database never wait for a writer, and
``query_only`` keeps these connections from ever becoming one. So they run where they are asked.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS = 200
"""Only a shell that locks the whole file makes a reader wait; the loop must not."""


def reading(url: URL) -> AsyncEngine:
    """Return an engine for the database file at *url* that can only read."""

    async def connect(*_arguments: Any, **_options: Any) -> _Connection:
        return _Connection(Path(url.database or ""))

    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), async_creator=connect)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


class _Cursor:
    """A cursor whose methods are coroutines that never suspend, as SQLAlchemy's dialect wants them."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] | None = None) -> Self:
        self._cursor.execute(statement, parameters or ())
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Self:
        self._cursor.executemany(statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid


class _Connection:
    """What SQLAlchemy's dialect takes for a connection of aiosqlite."""

    def __init__(self, path: Path) -> None:
        # As the dialect opens it: any thread, because the pool may close connections from another one.
        self._connection: sqlite3.Connection | None = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode=WAL", f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON"):
            self._connection.execute(f"PRAGMA {pragma}")

    @property
    def _conn(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError("no active connection")
        return self._connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._conn.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._conn.create_function(*arguments, **options)

    async def commit(self) -> None:
        self._conn.commit()

    async def rollback(self) -> None:
        self._conn.rollback()

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Close at once; may be repeated."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
