"""The database: schema, transactions, effects after the commit, pushes in order."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select
from sqlalchemy.exc import StatementError

from callrec.conversation.db.engine import Database
from callrec.conversation.db.metadata import metadata
from callrec.conversation.db.migrate import migrate
from callrec.conversation.db.tables_config import AppConfig
from callrec.conversation.db.tables_users import FailedAttempt, User
from callrec.conversation.signaling_outbox import SignalingOutbox


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated database."""
    path = tmp_path / "test.db"
    await asyncio.to_thread(migrate, path)
    database = Database(path)
    yield database
    await database.close()


def test_migrations_give_the_schema_of_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    migrate(path)
    migrate(path)  # again: nothing to do
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_read_modify_write_loses_nothing(db: Database) -> None:
    async with db.write() as tx:
        tx.add(AppConfig(app="test", key="count", value="0"))

    async def increment() -> None:
        async with db.write() as tx:
            row = await tx.get_one(AppConfig, ("test", "count"))
            await asyncio.sleep(0)
            row.value = str(int(row.value) + 1)

    await asyncio.gather(*(increment() for _ in range(50)))
    async with db.read() as session:
        assert (await session.get_one(AppConfig, ("test", "count"))).value == "50"


async def test_effects_follow_the_commit(db: Database) -> None:
    told: list[str] = []

    async def later() -> None:
        told.append("awaited")

    with pytest.raises(RuntimeError):
        async with db.write() as tx:
            tx.add(AppConfig(app="test", key="a", value="1"))
            tx.after_commit(lambda: told.append("never"))
            raise RuntimeError
    async with db.read() as session:
        assert (await session.scalars(select(AppConfig))).all() == []
    async with db.write() as tx:
        tx.add(AppConfig(app="test", key="a", value="1"))
        tx.after_commit(later)
        tx.after_commit(lambda: told.append("first"))
        assert told == []
    assert told == ["first", "awaited"]


async def test_times_are_utc(db: Database) -> None:
    moment = datetime(2026, 3, 1, 14, 5, 9, tzinfo=timezone(timedelta(hours=2)))
    async with db.write() as tx:
        tx.add(FailedAttempt(action="x", subnet="y", at=moment))
    async with db.read() as session:
        read = await session.scalar(select(FailedAttempt.at))
    assert read == moment
    assert read.tzinfo is UTC
    with pytest.raises(StatementError):
        async with db.write() as tx:
            tx.add(FailedAttempt(action="x", subnet="y", at=moment.replace(tzinfo=None)))


async def test_foreign_keys_hold(db: Database) -> None:
    with warnings.catch_warnings():
        async with db.read() as session:
            assert await session.get(User, "nobody") is None
    async with db.read() as session:
        connection = await session.connection()
        pragmas = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("foreign_keys", "journal_mode", "synchronous")
        ]
    assert pragmas == [1, "wal", 2]


class SlowPush:
    """A signaling server that answers only when it is let."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.told: list[Any] = []

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        await self.may_answer.wait()
        self.told.append((token, request["type"]))


async def test_pushes_keep_the_order_of_commits(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callrec.conversation.signaling_outbox.FLUSH_TIMEOUT_S", 0.05)
    push = SlowPush()
    async with SignalingOutbox(push) as outbox:

        async def change(number: int) -> None:
            async with db.write() as tx:
                outbox.add(tx, "aaaa", {"type": str(number)})

        # A signaling server that hangs holds up nobody for long.
        await asyncio.gather(*(change(number) for number in range(10)))
        assert push.told == []
        push.may_answer.set()
        await change(10)
    assert push.told == [("aaaa", str(number)) for number in range(11)]
