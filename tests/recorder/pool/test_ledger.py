"""The ledger on a real PostgreSQL."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from callrec.errors import LedgerAway
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool import session
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
        await room.ask_stop(entry, {})  # the first stop counts, the others are counted
        await room.ask_repeat(entry)
    assert await a.mine() == [
        dataclasses.replace(entry, stop={"actor": {"type": "users", "id": "ole"}}, stops=2, repeats=1)
    ]
    assert await b.mine() == []
    assert await b.entry("r1") == (await a.mine())[0] and await b.entry("r2") is None
    assert await b.newest() == {}  # it has none of that room
    assert await a.newest() == {(URL, "room1"): "r1"}
    await add(b, recording_id="r2", file_name="other", recorder_id="b")
    assert await a.newest() == {(URL, "room1"): "r2"}
    await b.end("r1")  # not its own
    assert len(await a.mine()) == 1
    await a.end("r1")
    assert await a.mine() == []
    gone = await a.entry("r1")
    assert gone is not None and (gone.recorder_id, gone.over) == ("a", True)  # remembered


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


async def steady(ledger: Ledger) -> None:
    """Beat until *ledger* can tell who is dead."""
    me = dataclasses.replace(MEMBER, recorder_id=ledger.recorder_id)
    async with asyncio.timeout(20):
        await ledger.beat(me)
        while not await ledger.orphans(LIVE):
            await asyncio.sleep(0.02)
            await ledger.beat(me)


async def test_recordings_of_the_dead_are_taken_once(pool: Pool, ledgers: tuple[Ledger, Ledger]) -> None:
    a, _ = ledgers
    b, c = (Ledger(pool.database_url, name, dead_after_s=0.3) for name in "bc")
    await a.beat(MEMBER)
    await add(a, state="capturing")
    await add(a, recording_id="r2", file_name="2", state="retained")
    assert [m.recorder_id for m in await a.members()] == ["a"]
    await steady(b)
    assert await a.orphans(LIVE) == []  # its own
    (orphan,) = await b.orphans(LIVE)
    both = await asyncio.gather(b.take(orphan), c.take(orphan))
    (taken,) = [entry for entry in both if entry is not None]
    assert (taken.recording_id, taken.recorder_id, taken.epoch) in (("r1", "b", 2), ("r1", "c", 2))
    assert await a.entry("r1") == taken
    assert await b.take(orphan) is None
    await a.note("r1", "failed", over=True)  # it has nothing to say about it any more
    assert await a.entry("r1") == taken
    await b.close()
    await c.close()


async def test_who_was_silent_himself_cannot_tell_who_is_dead(
    pool: Pool, ledgers: tuple[Ledger, Ledger]
) -> None:
    """As after a pause of the database, or of all machines: all beats are old, also those of the living."""
    a, _ = ledgers
    await a.beat(MEMBER)
    await add(a, state="capturing")
    b = Ledger(pool.database_url, "b", dead_after_s=0.5)
    await steady(b)
    late = "UPDATE recorder_members SET beat_at = beat_at - interval '1 min' WHERE recorder_id = 'b'"
    with psycopg.connect(pool.database_url) as connection:
        connection.execute(late)
    assert await b.orphans(LIVE) == []
    await b.beat(dataclasses.replace(MEMBER, recorder_id="b"))
    assert await b.orphans(LIVE) == []  # it is back, but who else is?
    await b.close()


async def test_who_leaves_is_dead_at_once(pool: Pool, ledgers: tuple[Ledger, Ledger]) -> None:
    a, b = ledgers
    await a.beat(MEMBER)
    entry = await add(a)
    assert await b.take(entry) is None
    await a.leave()
    assert await b.members() == []
    assert await b.take(entry) is not None


async def test_what_has_no_copy_is_known_once_and_until_its_owner_is_back(
    ledgers: tuple[Ledger, Ledger],
) -> None:
    a, b = ledgers
    entry = await add(a, state="finishing")
    assert await b.note_missing(entry) and not await b.note_missing(entry)
    (known,) = await a.mine()
    assert known.missing_s is not None and known.missing_s >= 0
    await a.note("r1", "finishing", over=False)
    assert await a.mine() == [entry]
    await a.hand_over("r1", "b")
    assert not await b.note_missing(entry)  # of an owner before


async def test_what_was_discarded_stays_so_unless_it_is_brought_back(ledgers: tuple[Ledger, Ledger]) -> None:
    a, _ = ledgers
    await add(a, state="parked")
    await a.note("r1", "discarded", over=True)
    await a.note("r1", "parked", over=False)
    assert [entry.state for entry in await a.mine()] == ["discarded"]
    await a.bring_back("r1", "parked", over=False)
    assert [(entry.state, entry.over) for entry in await a.mine()] == [("parked", False)]


async def test_a_recorder_that_hangs_holds_a_room_not_for_ever_and_nobodys_beats(
    pool: Pool, ledgers: tuple[Ledger, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, b = ledgers
    monkeypatch.setattr(session, "IDLE_TIMEOUT_MS", 700)
    a = Ledger(pool.database_url, "a")
    hangs = asyncio.Event()

    async def hang() -> None:
        async with a.room(URL, "room1") as room:
            await room.latest()
            hangs.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await asyncio.wait_for(hangs.wait(), 10)
    waiting = asyncio.create_task(add(b))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await b.beat(dataclasses.replace(MEMBER, recorder_id="b"))
        assert not waiting.done()
        await waiting
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    await a.close()


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


async def test_recorders_that_are_long_gone_are_forgotten(pool: Pool, ledgers: tuple[Ledger, Ledger]) -> None:
    a, _b = ledgers
    await add(a, recording_id="kept", recorder_id="with a recording")
    await add(a, recording_id="over", recorder_id="a")
    for member in ("a", "with a recording", "without", "left", "young"):
        await a.beat(dataclasses.replace(MEMBER, recorder_id=member))
    async with await psycopg.AsyncConnection.connect(pool.database_url, autocommit=True) as connection:
        await connection.execute(
            "UPDATE recorder_members SET steady_since = now() - interval '31 days', beat_at = CASE"
            " recorder_id WHEN 'left' THEN to_timestamp(0) WHEN 'young' THEN now() - interval '29 days'"
            " ELSE now() - interval '31 days' END WHERE recorder_id <> 'a'"
        )
        await a.end("over")
        rows = await connection.execute("SELECT recorder_id FROM recorder_members ORDER BY 1")
        assert [row[0] for row in await rows.fetchall()] == ["a", "with a recording", "young"]
