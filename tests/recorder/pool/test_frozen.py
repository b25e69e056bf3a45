"""A database that stands still, not one that is gone: nothing tells, and nothing ends by itself."""

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from callrec.errors import PoolAway
from callrec.recorder.pool import ledger, session
from callrec.recorder.pool.front import ANSWER_WITHIN_S
from callrec.wire.recording import Actor, Start, Stop, Stopped
from tests.recorder.captured import flowing, folder_of
from tests.recorder.folder.samples import MANIFEST
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import Publisher

from .conftest import Pool
from .frozen import frozen
from .machines import BACKEND, VIDEO, Machine, Machines, on_disk, placed, until
from .test_pool import folders

SLACK_S = 5.0
"""The machine is busy; what is not bounded never comes."""
AUDIO = Start(2, "mira", Actor("users", "mira"))


@pytest.fixture
async def a(machines: Machines) -> Machine:
    """A recorder that captures one recording."""
    on_disk(machines.folder / "a", "capturing", outcome=None, closed_at=None, started_ms=0, stop_ms=None)
    machine = machines.add("a")
    await machine.ledger.prepare()
    await placed(machine.ledger, "r1", "a", state="capturing")
    return machine


async def outcome_of(request: Any) -> tuple[object, float]:
    begun_s = time.monotonic()
    try:
        return await request, time.monotonic() - begun_s
    except PoolAway as error:
        return error, time.monotonic() - begun_s


async def test_requests_are_answered_and_all_goes_on_when_it_does(machines: Machines, a: Machine) -> None:
    async with a.running():
        await until(lambda: a.member.newest((BACKEND.url, MANIFEST.token)))
        with frozen(machines.url):
            requests = [
                *(a.front.start(BACKEND, f"room{number}", VIDEO) for number in range(4)),
                a.front.stop(BACKEND, MANIFEST.token, Stop()),
            ]
            answers = await asyncio.gather(*map(outcome_of, requests))
            for came, took_s in answers:
                assert isinstance(came, PoolAway)
                assert took_s < ANSWER_WITHIN_S + SLACK_S
            assert a.orders.stopped == ["r1"]  # nobody is recorded on because a database stands still
            assert a.captures.told == {}
        async with asyncio.timeout(20):
            while (await outcome_of(a.front.start(BACKEND, "room9", VIDEO)))[0] is not None:
                await asyncio.sleep(0.05)
        await until(lambda: any(a.recordings.get(id_) for id_ in a.begun))  # it was heard of at once, too
        async with asyncio.timeout(20):
            while [m.recorder_id for m in await a.ledger.members()] != ["a"]:
                await asyncio.sleep(0.05)
        assert (await a.ledger.mine())[0].stop is None  # nothing of what was refused has come to be


async def test_a_recorder_ends_while_it_stands_still(machines: Machines, a: Machine) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "LIMIT_S", 1.0)
        running = a.running()
        await running.__aenter__()
        with frozen(machines.url):
            async with asyncio.timeout(30):
                await running.__aexit__(None, None, None)


async def test_who_listens_to_nobody_notices_and_listens_again(
    machines: Machines, a: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CONNECT_TIMEOUT_S", 1)
    monkeypatch.setattr(ledger, "LIMIT_S", 0.3)
    monkeypatch.setattr(ledger, "RELISTEN_EVERY_S", 0.05)
    news = asyncio.Event()
    listening = asyncio.create_task(a.ledger.listen(news.set))
    await asyncio.wait_for(news.wait(), 20)
    with frozen(machines.url), capture_logs() as logs:
        await until(lambda: logs)
        assert logs[0]["event"] == "pool_not_listening"
        news.clear()
    await asyncio.wait_for(news.wait(), 20)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_capture_goes_on_ends_when_told_and_is_delivered(pool: Pool, lab: Lab) -> None:
    one = await pool.add(CALLREC_RECORDER__EMPTY_TIMEOUT_S="300")
    control = Control(one.url, lab.url)
    async with Publisher(lab, "mira", 200, 440):
        await lab.set_call(mira=7)
        assert (await control.send(AUDIO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        with frozen(pool.database_url):
            begun_s = time.monotonic()
            answer = await control.send(AUDIO, "labroom1")
            assert (answer.status_code, answer.json()) == (503, {"error": "pool_away"})
            assert time.monotonic() - begun_s < ANSWER_WITHIN_S + SLACK_S
            await flowing(one, "users/mira microphone", more=350)  # longer than a recorder may be silent
            assert (await control.send(Stop())).status_code == 503
            await until(lambda: folder_of(one).manifest().closed_at)
            assert len(lab.reports) == 1 and lab.uploads == []
        await lab.wait(lambda: any(isinstance(report, Stopped) for report in lab.reports), 30)
        await lab.wait(lambda: bool(lab.uploads), 60)
    await until(lambda: not folders(one))
    assert len(lab.uploads) == 1 and len(lab.reports) == 2
