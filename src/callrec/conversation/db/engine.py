"""The engine: SQLite in WAL mode, one writer at a time, and what is told to others after a commit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

BUSY_TIMEOUT_MS = 10_000
"""How long SQLite waits for another process (a backup, a shell) that holds the write lock."""

AfterCommit = Callable[[], Awaitable[None] | None]


class WriteSession(AsyncSession):
    """A session of a write transaction, with the effects that follow its commit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._after_commit: list[AfterCommit] = []

    def after_commit(self, effect: AfterCommit) -> None:
        """Call *effect* once the transaction is committed, in the order of registration.

        Effects are called before any other write transaction begins, so queues see the order of the
        commits. They must not block; an awaitable that one returns is awaited before ``Database.write``
        ends, after the next writer was let in. Nothing happens when the transaction is rolled back.
        """
        self._after_commit.append(effect)

    def run_effects(self) -> list[Awaitable[None]]:
        """Call the registered effects and return what is left to wait for."""
        effects, self._after_commit = self._after_commit, []
        waits = [effect() for effect in effects]
        return [wait for wait in waits if wait is not None]


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


class Database:
    """The conversation server's database file at *path*."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        event.listen(self._engine.sync_engine, "connect", _configure)
        event.listen(self._engine.sync_engine, "begin", _begin)
        self._reads = async_sessionmaker(self._engine, expire_on_commit=False)
        self._writes = async_sessionmaker(
            self._engine.execution_options(writes=True), class_=WriteSession, expire_on_commit=False
        )
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one state of the database. Do not wait for the network inside."""
        async with self._reads() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """Open the write transaction: commit at the end, roll back on an exception, then run its effects.

        Keep it short and never wait for the network inside: there is one writer at a time.
        """
        async with self._writer, self._writes() as session:
            async with session.begin():
                yield session
            # Before anything that can be cancelled: what is committed must be told.
            waits = session.run_effects()
        for wait in waits:
            await wait

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
