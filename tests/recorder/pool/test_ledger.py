"""The ledger on a real PostgreSQL."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from callrec.errors import LedgerAway
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.pick import Member
from tests.conversation.storage import administer

from .conftest import Pool

URL = "https://talk.example"
ENTRY = Entry(
    recording_id="r1",
    backend=URL,
    token="room1",
    file_name="Recording.webm",
    request={"status": 1, "owner": "mira", "actor": {"type": "users", "id": "mira"}},
    recorder_id="a",
    state="accepted",
    stop=None,
    repeats=0,
)
MEMBER = Member("a", None, 0, 0, 2, 12.5)


@pytest.fixture
async def ledgers(pool: Pool) -> AsyncIterator[tuple[Ledger, Ledger]]:
    both = Ledger(pool.database_url, "a"), Ledger(pool.database_url, "b")
    await asyncio.gather(*(ledger.prepare() for ledger in both))
    yield both
    for ledger in both:
        await ledger.close()


async def add(ledger: Ledger, **fields: Any) -> Entry:
    entry = dataclasses.replace(ENTRY, **fields)
    async with ledger.room(entry.backend, entry.token) as room:
        await room.add(entry)
    return entry


async def test_what_one_writes_the_other_reads(ledgers: tuple[Ledger, Ledger]) -> None:
    a, b = ledgers
    entry = await add(a)
    async with b.room(URL, "room1") as room:
        assert await room.latest() == entry
        assert await room.file_names() == {"Recording.webm"}
        await room.ask_stop(entry, {"actor": {"type": "users", "id": "ole"}})
        await room.ask_stop(entry, {})  # the first stop counts
        await room.ask_repeat(entry)
    assert await a.mine() == [
        dataclasses.replace(entry, stop={"actor": {"type": "users", "id": "ole"}}, repeats=1)
    ]
    assert await b.mine() == []
    assert await b.owner("r1") == "a" and await b.owner("r2") is None
    assert await b.newest() == {}  # it has none of that room
    assert await a.newest() == {(URL, "room1"): "r1"}
    await add(b, recording_id="r2", file_name="other", recorder_id="b")
    assert await a.newest() == {(URL, "room1"): "r2"}
    await b.end("r1")  # not its own
    assert len(await a.mine()) == 1
    await a.end("r1")
    assert await a.mine() == []
    assert await a.owner("r1") == "a"  # remembered


async def test_one_at_a_time_decides_about_a_room(ledgers: tuple[Ledger, Ledger]) -> None:
    order = []

    async def decide(ledger: Ledger, token: str) -> None:
        async with ledger.room(URL, token) as room:
            order.append(f"{ledger.recorder_id} in")
            await room.latest()
            await asyncio.sleep(0)
            order.append(f"{ledger.recorder_id} out")

    for _ in range(5):
        order.clear()
        await asyncio.gather(*(decide(ledger, "room1") for ledger in ledgers))
        assert order[0][0] == order[1][0]


async def test_recordings_of_the_dead_are_taken_once(ledgers: tuple[Ledger, Ledger]) -> None:
    a, b = ledgers
    await a.beat(MEMBER)
    await b.beat(dataclasses.replace(MEMBER, recorder_id="b"))
    await add(a, state="capturing")
    await add(a, recording_id="r2", file_name="2", state="retained")
    assert [m.recorder_id for m in await a.members(60)] == ["a", "b"]
    assert await b.take_over(60, LIVE) is None
    assert await a.take_over(0, LIVE) is None  # its own
    taken = await b.take_over(0, LIVE)
    assert taken is not None and (taken.recording_id, taken.recorder_id) == ("r1", "b")
    assert await b.take_over(0, LIVE) is None
    await a.note_state("r1", "failed")  # it has nothing to say about it any more
    assert (await b.mine())[0].state == "capturing"


async def test_who_leaves_is_dead_at_once(ledgers: tuple[Ledger, Ledger]) -> None:
    a, b = ledgers
    await a.beat(MEMBER)
    await add(a)
    await a.leave()
    assert await b.members(60) == []
    assert await b.take_over(60, LIVE) is not None


async def test_handing_over(ledgers: tuple[Ledger, Ledger]) -> None:
    a, b = ledgers
    await add(a, state="finishing")
    assert not await b.hand_over("r1", "b")
    assert await a.hand_over("r1", "b")
    assert [entry.recording_id for entry in await b.mine()] == ["r1"]


async def test_who_has_something_to_do_is_woken(ledgers: tuple[Ledger, Ledger]) -> None:
    a, b = ledgers
    news = asyncio.Event()
    listening = asyncio.create_task(b.listen(news.set))
    await asyncio.wait_for(news.wait(), 10)  # it listens
    news.clear()
    await add(a, recorder_id="a")
    await add(a, recording_id="r2", file_name="2", recorder_id="b")
    await asyncio.wait_for(news.wait(), 10)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_database_that_goes_and_comes_back(pool: Pool, ledgers: tuple[Ledger, Ledger]) -> None:
    a, _ = ledgers
    await add(a)
    administer(
        pool.services.cluster,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{pool.services.name}'",
    )
    with pytest.raises(LedgerAway):
        await a.mine()
    assert len(await a.mine()) == 1


async def test_no_database_at_all() -> None:
    ledger = Ledger("postgresql://nobody:secret-word@127.0.0.1:1/none", "a")
    with pytest.raises(LedgerAway) as caught:
        await ledger.beat(MEMBER)
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    assert "secret-word" not in str(caught.value)
    await ledger.close()
