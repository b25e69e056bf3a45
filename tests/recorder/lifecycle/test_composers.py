"""Composing that is ended in its middle: no process is left, and nobody writes any more."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.lifecycle import compose_process
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.nursery import forkserver_context
from callrec.recorder.lifecycle.recordings import Recordings
from tests.recorder.compose.processes import children_of, command, descendants, lives
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording
from tests.waiting import wait_until

LARGE = ComposeOptions(1920, 1080)
"""Takes long enough to be ended meanwhile."""
SMALL = ComposeOptions(320, 180)


@pytest.fixture
async def composers(tmp_path: Path) -> AsyncIterator[Composers]:
    recording = SyntheticRecording(tmp_path / "recordings" / "r1", [ANNA, BEN], 60_000)
    recording.write()
    recording.close()
    composers = Composers(
        Recordings(tmp_path / "recordings"), lambda _id: LARGE, forkserver_context(), Hands(2)
    )
    yield composers
    await composers.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Composers]:
    """Of a recording that is still captured."""
    recording = SyntheticRecording(tmp_path / "recordings" / "r1", [ANNA], 2000)
    recording.write()
    composers = Composers(
        Recordings(tmp_path / "recordings"), lambda _id: SMALL, forkserver_context(), Hands(1)
    )
    yield composers
    await composers.close()
    recording.close()


def composing() -> list[int]:
    """Return what the server of which workers are forked has for children."""
    return [worker for server in servers() for worker in children_of(server)]


def servers() -> list[int]:
    """Return the servers of which workers are forked: other children may be browsers of other tests."""
    return [child for child in children_of(os.getpid()) if "forkserver" in command(child)]


def server_of(worker: int) -> int:
    return next(server for server in servers() if worker in children_of(server))


async def only() -> int:
    """Wait for the one worker."""
    await asyncio.to_thread(wait_until, lambda: len(composing()) == 1)
    return composing()[0]


async def test_a_worker_ends_with_its_helpers(composers: Composers, tmp_path: Path) -> None:
    worker = composers.begin("r1")
    pids: list[int] = []

    def helped() -> bool:
        pids[:] = [pid for child in composing() for pid in (child, *descendants(child))]
        return len(pids) > 1

    await asyncio.to_thread(wait_until, helped)
    await composers.end("r1")
    assert worker.cancelled() and [pid for pid in pids if lives(pid)] == []
    recordings = composers._recordings
    recordings.remove("r1")
    assert list((tmp_path / "recordings").iterdir()) == []


async def test_one_that_is_only_being_started_ends_too(composers: Composers) -> None:
    worker = composers.begin("r1")
    while not composing():
        await asyncio.sleep(0)  # until the thread that starts it is about to return, or just before
    await composers.end("r1")
    assert worker.cancelled() and composing() == []


async def test_one_that_is_stopped_ends_all_the_same(composers: Composers) -> None:
    composers.begin("r1")
    os.kill(await only(), signal.SIGSTOP)
    await composers.end("r1")
    assert composing() == []


async def test_one_that_hangs_is_killed(composers: Composers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose_process, "LOOK_EVERY_S", 0.2)
    worker = composers.begin("r1")
    os.kill(await only(), signal.SIGSTOP)
    async with asyncio.timeout(60):
        assert await worker == -signal.SIGKILL
    assert composing() == []


@pytest.mark.parametrize("victim", ["worker", "what forks it"])
async def test_one_that_dies_in_mid_call_is_begun_again(
    running: Composers, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    monkeypatch.setattr("callrec.recorder.lifecycle.composers.AGAIN", Backoff(0.1, 0.1, 1e9))
    worker = running.begin("r1")
    first = await only()
    os.kill(first if victim == "worker" else server_of(first), signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: len(composing()) == 1 and composing() != [first])
    await asyncio.to_thread(wait_until, lambda: not lives(first))
    assert not worker.done()
    running._recordings.update("r1", closed_at=1.0, stop_ms=1500)
    assert running.begin("r1") is worker
    async with asyncio.timeout(60):
        assert await worker == 0


async def test_who_wants_the_film_does_not_wait_for_the_next_time(
    running: Composers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callrec.recorder.lifecycle.composers.AGAIN", Backoff(1e6, 1e6, 1e9))
    worker = running.begin("r1")
    first = await only()
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: not lives(first))
    running._recordings.update("r1", closed_at=1.0, stop_ms=1500)
    async with asyncio.timeout(60):
        while await running.begin("r1") != 0:  # it may have died as the one that was for the call
            pass
    assert worker.done()
