"""The database: schema, transactions, effects after the commit, pushes in order."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, delete, make_url, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from callrec.conversation.db.engine import Database
from callrec.conversation.db.metadata import metadata
from callrec.conversation.db.migrate import MIGRATIONS, migrate, newest
from callrec.conversation.db.tables_config import AppConfig
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_users import AppToken, FailedAttempt
from callrec.conversation.outbound.embedded_pushes import EmbeddedPushes
from callrec.errors import SettingsError
from tests.waiting import PATIENCE_S

from .storage import Embedded, Services, Storage, url_of


@pytest.fixture
async def db(storage: Storage) -> AsyncIterator[Database]:
    """A migrated database."""
    storage.prepare()
    database = Database(url_of(storage))
    yield database
    await database.close()


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """Connect to a database without our own engine."""
    sync = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}[url.get_backend_name()]
    engine = create_engine(url.set(drivername=sync))
    with engine.connect() as connection:
        yield connection
        connection.commit()
    engine.dispose()


def differences(url: URL) -> list[Any]:
    """Return how the schema of the database differs from the tables."""
    with connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, metadata)
    return found


def downgrade(url: URL, revision: str) -> None:
    """Take a database back to an older schema."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with connected(url) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_migrations_give_the_schema_of_the_tables(storage: Storage) -> None:
    storage.create()
    url = url_of(storage)
    migrate(url)
    migrate(url)  # again: nothing to do
    assert differences(url) == []


def test_the_newest_revision_is_known_without_alembic() -> None:
    assert newest() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_migrations_go_back_and_forth(storage: Storage) -> None:
    storage.create()
    url = url_of(storage)
    migrate(url)
    downgrade(url, "0001")
    assert differences(url) != []
    migrate(url)
    assert differences(url) == []


async def test_processes_that_start_at_once_migrate_once(services: Services) -> None:
    services.create()
    await asyncio.gather(*(asyncio.to_thread(migrate, url_of(services)) for _ in range(3)))
    assert differences(url_of(services)) == []


def test_a_database_of_the_future_is_told(storage: Storage) -> None:
    storage.prepare()
    with connected(url_of(storage)) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="newer callrec"):
        migrate(url_of(storage))


def test_a_database_that_cannot_be_reached_is_told_without_its_password(services: Services) -> None:
    with pytest.raises(SettingsError, match=r"database postgresql.*nosuch") as caught:
        migrate(make_url(f"{services.cluster}/nosuch"))
    assert "not-asked" not in str(caught.value)


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


async def test_effects_are_awaited_until_a_deadline_only(db: Database) -> None:
    told = []

    async def endless() -> None:
        told.append("begun")
        await asyncio.Event().wait()

    until_s = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE_S), db.write(until_s=until_s) as tx:
        tx.after_commit(endless)
        tx.after_commit(endless)
    assert told == ["begun"] * 2


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
    with pytest.raises(IntegrityError):
        async with db.write() as tx:
            tx.add(AppToken(user_id="nobody", token_hash="x"))


async def test_sqlite_is_durable(tmp_path: Path) -> None:
    storage = Embedded(tmp_path)
    storage.prepare()
    db = Database(url_of(storage))
    async with db.write() as session:
        connection = await session.connection()
        pragmas = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("foreign_keys", "journal_mode", "synchronous")
        ]
    assert pragmas == [1, "wal", 2]
    await db.close()


async def test_sqlite_reads_wait_for_no_writer_and_cannot_write(tmp_path: Path) -> None:
    storage = Embedded(tmp_path)
    storage.prepare()
    db = Database(url_of(storage))
    async with db.write() as tx:
        tx.add(AppConfig(app="test", key="a", value="before"))
    async with db.write() as tx:
        (await tx.get_one(AppConfig, ("test", "a"))).value = "after"
        await tx.flush()
        async with asyncio.timeout(10), db.read() as session:
            assert (await session.get_one(AppConfig, ("test", "a"))).value == "before"
    async with db.read() as session:
        assert (await session.get_one(AppConfig, ("test", "a"))).value == "after"
        with pytest.raises(OperationalError, match="readonly"):
            await session.execute(delete(AppConfig))
        await session.rollback()
        assert await session.get(AppConfig, ("test", "a")) is not None
    await asyncio.gather(*(_read_once(db) for _ in range(60)))  # more than the pool holds
    await db.close()


async def _read_once(db: Database) -> None:
    async with db.read() as session:
        await session.get_one(AppConfig, ("test", "a"))
        await asyncio.sleep(0)


async def test_large_numbers_are_only_not_found(db: Database) -> None:
    async with db.read() as session:
        assert await session.get(Node, (1 << 63) - 1) is None


async def test_u_0000_becomes_a_character_that_postgresql_can_hold(db: Database) -> None:
    async with db.write() as tx:
        tx.add(AppConfig(app="test", key="a", value="x\0y"))
    async with db.read() as session:
        value = await session.scalar(select(AppConfig.value).where(AppConfig.key != "\0"))
    assert value == ("x\0y" if db.exclusive else "x\ufffdy")


async def test_a_reader_sees_one_state(db: Database) -> None:
    async with db.read() as session:
        assert (await session.scalars(select(AppConfig))).all() == []
        async with db.write() as tx:
            tx.add(AppConfig(app="test", key="a", value="1"))
        assert (await session.scalars(select(AppConfig))).all() == []
    async with db.read() as session:
        assert len((await session.scalars(select(AppConfig))).all()) == 1


class SlowPush:
    """A signaling server that answers only when it is let."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.told: list[Any] = []

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        await self.may_answer.wait()
        self.told.append((token, request["type"]))


async def test_pushes_keep_the_order_of_commits(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callrec.conversation.outbound.embedded_pushes.FLUSH_TIMEOUT_S", 0.05)
    push = SlowPush()
    pushes = EmbeddedPushes(push)

    async def change(number: int) -> None:
        async with db.write() as tx:
            pushes.add(tx, "aaaa", {"type": str(number)})

    # A signaling server that hangs holds up nobody for long.
    await asyncio.gather(*(change(number) for number in range(10)))
    assert push.told == []
    push.may_answer.set()
    await change(10)
    await pushes.aclose()
    assert push.told == [("aaaa", str(number)) for number in range(11)]
