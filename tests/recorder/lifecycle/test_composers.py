"""Composing that is ended in its middle: no process is left, and nobody writes any more."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.nursery import forkserver_context
from callrec.recorder.lifecycle.recordings import Recordings
from tests.recorder.compose.processes import children_of, lives, until
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording

LARGE = ComposeOptions(1920, 1080)
"""Takes long enough to be ended meanwhile."""


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


def composing() -> list[int]:
    """Return what the server of which workers are forked has for children."""
    return [worker for server in children_of(os.getpid()) for worker in children_of(server)]


def descendants(pid: int) -> list[int]:
    return [pid, *(below for child in children_of(pid) for below in descendants(child))]


async def test_a_worker_ends_with_its_helpers(composers: Composers, tmp_path: Path) -> None:
    worker = composers.begin("r1")
    pids: list[int] = []

    def helped() -> bool:
        pids[:] = [pid for child in composing() for pid in descendants(child)]
        return len(pids) > 1

    await asyncio.to_thread(until, helped)
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
