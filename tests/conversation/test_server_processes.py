"""Several server processes on one PostgreSQL: one writer at a time, and changes are heard everywhere."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from callrec.conversation.db import postgresql as postgresql_module
from callrec.conversation.db.engine import Database
from callrec.conversation.db.tables_config import AppConfig
from callrec.conversation.db.tables_outbox import OutboxEntry
from tests.waiting import PATIENCE_S, eventually, until

from .conftest import API1, API4, World, config_for, serving
from .far_signaling import far_signaling, kind
from .storage import Services, administer, url_of

SECRET = "the signaling secret"
CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"


@pytest.fixture
async def databases(services: Services) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' views of one database."""
    services.prepare()
    pair = Database(url_of(services)), Database(url_of(services))
    async with pair[0].listening(), pair[1].listening():
        yield pair
    for database in pair:
        await database.close()


async def test_decisions_of_two_processes_follow_one_another(databases: tuple[Database, Database]) -> None:
    async with databases[0].write() as tx:
        tx.add(AppConfig(app="test", key="count", value="0"))

    async def increment(db: Database) -> None:
        async with db.write() as tx:
            row = await tx.get_one(AppConfig, ("test", "count"))
            await asyncio.sleep(0)
            row.value = str(int(row.value) + 1)

    await asyncio.gather(*(increment(databases[number % 2]) for number in range(40)))
    async with databases[1].read() as session:
        assert (await session.get_one(AppConfig, ("test", "count"))).value == "40"


async def test_only_one_of_two_processes_adds_what_is_missing(databases: tuple[Database, Database]) -> None:
    async def add(db: Database) -> bool:
        async with db.write() as tx:
            if await tx.get(AppConfig, ("test", "one")) is not None:
                return False
            tx.add(AppConfig(app="test", key="one", value=""))
            return True

    added = await asyncio.gather(*(add(databases[number % 2]) for number in range(20)))
    assert sum(added) == 1


async def test_a_reader_never_waits_for_a_writer(databases: tuple[Database, Database]) -> None:
    async with databases[0].write() as tx:
        tx.add(AppConfig(app="test", key="a", value=""))
        await tx.flush()
        async with asyncio.timeout(PATIENCE_S), databases[1].read() as session:
            assert (await session.scalars(select(AppConfig))).all() == []


def heard_by(db: Database, topic: str) -> list[str | None]:
    heard: list[str | None] = []
    db.notices.subscribe(topic, heard.append)
    return heard


async def test_notices_are_heard_after_the_commit_and_only_then(databases: tuple[Database, Database]) -> None:
    here, there = heard_by(databases[0], "t"), heard_by(databases[1], "t")
    await until(lambda: here == there == [None])  # what was said before anybody listened
    with pytest.raises(RuntimeError):
        async with databases[0].write() as tx:
            tx.notice("t", "rolled-back")
            raise RuntimeError
    async with databases[0].write() as tx:
        tx.notice("t", "1")
        tx.notice("t", "1")
        tx.notice("other", "2")
        tx.notice("t", "3")
        assert here == [None]
    assert here == [None, "1", "3"]
    await until(lambda: there == [None, "1", "3"])
    assert here == [None, "1", "3"]  # its own are not heard twice


async def test_very_many_notices_wake_everybody(databases: tuple[Database, Database]) -> None:
    there = heard_by(databases[1], "t")
    await until(lambda: there == [None])
    async with databases[0].write() as tx:
        for number in range(3000):
            tx.notice("t", str(number))
    await until(lambda: there == [None, None])


async def test_a_listener_that_was_cut_off_listens_again(
    databases: tuple[Database, Database], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_module, "RELISTEN_S", 0.05)
    there = heard_by(databases[1], "t")
    await until(lambda: there == [None])
    administer(
        services.cluster,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{services.name}' AND query LIKE 'LISTEN%'",
    )
    await until(lambda: len(there) >= 3)  # cut off, and heard again
    async with databases[0].write() as tx:
        tx.notice("t", "after")
    await until(lambda: there[-1] == "after")


async def test_a_writer_that_hangs_is_put_out(
    databases: tuple[Database, Database], services: Services
) -> None:
    address = url_of(services).set(drivername="postgresql").render_as_string(hide_password=False)
    stuck = await psycopg.AsyncConnection.connect(address)
    try:
        await stuck.execute("SET idle_in_transaction_session_timeout = 300")
        await stuck.commit()
        await stuck.execute("SELECT pg_advisory_xact_lock(%s)", (postgresql_module.WRITER_LOCK,))
        async with databases[0].write() as tx:
            tx.add(AppConfig(app="test", key="a", value=""))
    finally:
        await stuck.close()


async def test_connections_that_were_cut_off_are_replaced(
    databases: tuple[Database, Database], services: Services
) -> None:
    async with databases[0].read() as session:
        await session.scalars(select(AppConfig))
    administer(
        services.cluster,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{services.name}'",
    )
    async with databases[0].write() as tx:
        tx.add(AppConfig(app="test", key="a", value=""))
    async with databases[0].read() as session:
        assert len((await session.scalars(select(AppConfig))).all()) == 1


@pytest.fixture
async def pair(services: Services, web: Path) -> AsyncIterator[tuple[World, World]]:
    """Two servers on one database."""
    services.prepare()
    config = config_for(services.data, web, **services.settings)
    async with AsyncExitStack() as stack:
        yield tuple([await stack.enter_async_context(serving(config)) for _ in range(2)])  # type: ignore[misc]


async def test_a_long_poll_hears_what_is_said_at_another_server(pair: tuple[World, World]) -> None:
    first, second = pair
    mira = await first.user("mira")
    token = await first.room(mira)
    there = await second.client("mira")
    known = (await there.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0}))[0]["id"]
    poll = asyncio.ensure_future(
        there.data(
            "GET",
            f"{API1}/chat/{token}",
            params={"lookIntoFuture": 1, "lastKnownMessageId": known, "timeout": 20},
        )
    )
    await until(lambda: bool(second.conversation._core.chat.new_messages._events))
    said_s = time.monotonic()
    await mira.data("POST", f"{API1}/chat/{token}", json={"message": "over here"}, status=201)
    messages = await poll
    assert [message["message"] for message in messages] == ["over here"]
    assert time.monotonic() - said_s < 10, "it was heard, and not found at the end"


async def test_each_request_to_a_far_side_is_sent_once(pair: tuple[World, World]) -> None:
    servers = pair
    async with far_signaling(SECRET) as far:
        value = json.dumps({"servers": [{"server": far.url}], "secret": SECRET})
        admin = await servers[0].admin()
        await admin.data("POST", f"{CONFIG}/signaling_servers", json={"value": value})
        mira = [await servers[0].user("mira"), await servers[1].client("mira")]
        token = await servers[0].room(mira[0], kind=3)
        far.take()
        names = [f"Room {n}" for n in range(12)]
        far.answers = [500]
        for n, name in enumerate(names):
            await mira[n % 2].data("PUT", f"{API4}/room/{token}", json={"roomName": name})

        async def delivered() -> bool:
            async with servers[0].core.db.read() as session:
                return await session.scalar(select(OutboxEntry.id).limit(1)) is None

        await eventually(delivered)
        requests = [json.loads(body) for body in far.take()]
        assert [kind(request) for request in requests] == ["chat", "update"] * len(names)
        assert [request["update"]["properties"]["name"] for request in requests[1::2]] == names
        assert far.problems == []


async def test_app_config_counts_everywhere(pair: tuple[World, World]) -> None:
    first, second = pair
    admin, there = await first.admin(), await second.admin()

    async def enabled() -> bool:
        capabilities = await there.data("GET", "/ocs/v2.php/cloud/capabilities")
        return bool(capabilities["capabilities"]["spreed"]["config"]["call"]["recording"])

    assert await enabled()
    path = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/call_recording"
    await admin.data("POST", path, data={"value": "no"})

    async def disabled() -> bool:
        return not await enabled()

    await eventually(disabled)


async def test_failures_count_for_all_servers(pair: tuple[World, World]) -> None:
    codes = []
    for number in range(12):
        client = await pair[number % 2].client("admin", "wrong")
        codes.append((await client.ocs("GET", "/ocs/v2.php/cloud/user")).status_code)
    assert codes[:10] == [401] * 10
    assert codes[-1] == 429
    assert (await (await pair[0].admin()).ocs("GET", "/ocs/v2.php/cloud/user")).status_code == 429
