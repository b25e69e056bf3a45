"""A stop after the end of the capture tells the end again, as a single recorder does."""

from functools import partial

import pytest

from callrec.wire.recording import Actor, Stop, Stopped
from tests.recorder.folder.samples import MANIFEST

from .machines import BACKEND, Machine, Machines, on_disk, until

STOP = Stop(Actor("users", "ole"))


def is_told(machine: Machine, times: int) -> bool:
    return len(machine.backend.reports) == times


@pytest.fixture
async def a(machines: Machines) -> Machine:
    on_disk(machines.folder / "a", "uploading")
    machine = machines.add("a")
    await machine.ledger.prepare()
    return machine


@pytest.mark.parametrize("asked", ["a", "b"])
async def test_the_end_is_told_again(machines: Machines, a: Machine, asked: str) -> None:
    front = a.front if asked == "a" else machines.add(asked).front
    async with a.running():
        await until(lambda: a.member.newest((BACKEND.url, MANIFEST.token)) == "r1")
        for number in (1, 2):
            assert await front.stop(BACKEND, MANIFEST.token, STOP)
            await until(partial(is_told, a, number))
    assert all(isinstance(report, Stopped) for report in a.backend.reports)
    again = machines.add("a")
    async with again.running():  # after a restart nothing is told by itself
        await until(lambda: again.member.newest((BACKEND.url, MANIFEST.token)) == "r1")
        assert await again.front.stop(BACKEND, MANIFEST.token, STOP)
        await until(lambda: again.backend.reports)
    assert len(again.backend.reports) == 1


async def test_nobody_has_what_is_delivered_and_was_told(machines: Machines) -> None:
    on_disk(machines.folder / "a", "retained", end_reported=True)
    on_disk(machines.folder / "a", "reporting", "r2", token="refused", outcome="failed")
    a = machines.add("a")
    async with a.running():
        for token in (MANIFEST.token, "refused"):
            await until(partial(a.member.newest, (BACKEND.url, token)))
            assert not await a.front.stop(BACKEND, token, STOP)
    assert a.backend.reports == []
