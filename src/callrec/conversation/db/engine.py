"""The database: reads, one writer at a time, and what is told to others after a commit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from callrec.conversation.db import sqlite, sqlite_reading
from callrec.conversation.db.notices import Notices

AfterCommit = Callable[[], Awaitable[None] | None]

log = structlog.get_logger()


class WriteSession(AsyncSession):
    """A session of a write transaction, with the effects that follow its commit."""

    def __init__(self, *args: Any, notices: Notices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._notices = notices
        self._after_commit: list[AfterCommit] = []
        self.noticed: dict[tuple[str, str], None] = {}
        """What the other server processes are to hear, without repetitions."""

    def after_commit(self, effect: AfterCommit) -> None:
        """Call *effect* once the transaction is committed, in the order of registration.

        Effects are called before any other write transaction of this process begins, so queues see the
        order of the commits. They must not block; an awaitable that one returns is awaited before
        ``Database.write`` ends, after the next writer was let in. Nothing happens when the transaction is
        rolled back.
        """
        self._after_commit.append(effect)

    def notice(self, topic: str, key: str = "") -> None:
        """Wake those who have subscribed to *topic*, in every server process, once this is committed.

        *key* says what it is about; it has no blanks.
        """
        if (topic, key) not in self.noticed:
            self.noticed[topic, key] = None
            self.after_commit(lambda: self._notices.ring(topic, key))

    def run_effects(self) -> list[Awaitable[None]]:
        """Call the registered effects and return what is left to wait for."""
        effects, self._after_commit = self._after_commit, []
        waits = [effect() for effect in effects]
        return [wait for wait in waits if wait is not None]


class Database:
    """The conversation server's database at *url*: SQLite or PostgreSQL."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.notices = Notices()
        self.exclusive = url.get_backend_name() == "sqlite"
        """No other server process writes here."""
        if self.exclusive:
            self._shared = None
            self._engine = sqlite.create(url)
            self._reading = reads = sqlite_reading.reading(url)
            writes = sqlite.writing(self._engine)
        else:
            # Imported here: the driver takes 25 MB that an embedded database does not need.
            from callrec.conversation.db import postgresql

            self._shared = postgresql
            self._engine = writes = postgresql.create(url)
            self._reading = reads = postgresql.reading(self._engine)
        self._reads = async_sessionmaker(reads, expire_on_commit=False)
        self._writes = async_sessionmaker(
            writes, class_=WriteSession, expire_on_commit=False, notices=self.notices
        )
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one state of the database. Do not wait for the network inside."""
        async with self._reads() as session:
            yield session

    @asynccontextmanager
    async def write(self, *, until_s: float | None = None) -> AsyncIterator[WriteSession]:
        """Open the write transaction: commit at the end, roll back on an exception, then run its effects.

        What is left to wait for after the commit is waited for until *until_s* (time of the event loop) only.

        Keep it short and never wait for the network inside: there is one writer at a time, over all server
        processes. So what is read inside is still true at the commit.
        """
        async with self._writer, self._writes() as session:
            async with session.begin():
                if self._shared:
                    await self._shared.become_writer(session)
                yield session
                if self._shared:
                    await self._shared.notify(session, self.notices.sender, session.noticed)
            # Before anything that can be cancelled: what is committed must be told.
            waits = session.run_effects()
        for wait in waits:
            try:
                async with asyncio.timeout_at(until_s):
                    await wait
            except TimeoutError:
                log.info("effect_not_awaited")  # it is under way all the same

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear the notices of other server processes while the context is open."""
        if self._shared is None:
            yield
            return
        listening = asyncio.create_task(self._shared.listen(self._engine, self.notices), name="notices")
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def close(self) -> None:
        """Close all connections."""
        await self._reading.dispose()
        await self._engine.dispose()
