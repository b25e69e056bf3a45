"""What was given to a recorder and cannot be begun there, and what takes long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from obstore.store import LocalStore

from callrec.recorder.folder.manifest import read_manifest
from callrec.recorder.pool import decisions, member
from callrec.recorder.pool.mirror import Mirror
from callrec.wire.recording import Failed, Stopped
from tests.recorder.folder.samples import MANIFEST

from .machines import BACKEND, VIDEO, Machine, Machines, on_disk, placed, until

FAILED = Failed(MANIFEST.token)


@pytest.fixture
async def a(machines: Machines) -> Machine:
    machine = machines.add("a")
    await machine.ledger.prepare()
    return machine


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again soon, and it is long until they are given up."""
    monkeypatch.setattr(decisions, "FIRST_WAIT_S", 0.1)


def break_disk(machine: Machine) -> None:
    machine.home.rmdir()
    machine.home.touch()  # nothing can be created in there


def mend_disk(machine: Machine) -> None:
    machine.home.unlink()
    machine.home.mkdir()


async def test_a_start_that_the_disk_does_not_take_goes_to_another(machines: Machines, a: Machine) -> None:
    b = machines.add("b")
    break_disk(a)
    await placed(a.ledger, "r1", "a")
    async with a.running(), b.running():
        await until(lambda: b.begun == ["r1"])
        # It is given no other for a while.
        async with asyncio.timeout(20):
            while [m.refusal for m in await b.ledger.members()] != ["disk_failed", None]:
                await asyncio.sleep(0.05)
        await b.front.start(BACKEND, "room2", VIDEO)
        await until(lambda: len(b.begun) == 2)
    assert a.begun == [] and a.backend.reports == []


async def test_a_disk_that_fails_in_the_middle_keeps_nothing(
    machines: Machines, a: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_changes: object) -> None:
        raise OSError(28, "No space left on device")

    b = machines.add("b")
    monkeypatch.setattr(a.recordings, "update", full)
    await placed(a.ledger, "r1", "a", state="joining")
    async with b.running(), a.running():
        await until(lambda: b.begun == ["r1"])
    assert not a.recordings.ids() and not a.recordings.set_aside() and not (a.home / "r1").exists()


@pytest.mark.usefixtures("patient")
async def test_without_another_it_is_tried_again(a: Machine) -> None:
    break_disk(a)
    await placed(a.ledger, "r1", "a")
    async with a.running():
        await until(lambda: a.member.waiting() == {"disk_failed": 1})
        mend_disk(a)
        await until(lambda: a.begun == ["r1"])
    assert not a.member.waiting() and a.backend.reports == []


async def test_it_is_reported_as_failed_in_the_end(a: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "GIVE_UP_AFTER_S", 0.3)
    monkeypatch.setattr(decisions, "LONGEST_WAIT_S", 0.1)
    break_disk(a)
    a.backend.is_away = True
    await placed(a.ledger, "r1", "a")
    async with a.running():
        await until(lambda: a.member.waiting() == {"disk_failed": 1})
        assert len(await a.ledger.mine()) == 1
        a.backend.is_away = False
        await until(lambda: a.failed)
        assert await a.ledger.mine() == []
        assert not a.member.waiting()
    assert a.backend.reports == [FAILED]
    assert a.failed == [(BACKEND.url, "disk_failed")]


async def test_a_stop_of_what_could_not_be_begun_is_carried_out_at_once(a: Machine) -> None:
    break_disk(a)
    await placed(a.ledger, "r1", "a")
    async with a.running():
        await until(lambda: a.member.waiting() == {"disk_failed": 1})
        await placed(a.ledger, "r2", "a", stop=True, token="other")  # not even tried again
        await until(lambda: a.backend.reports == [Stopped("other", None)])
    assert a.failed == []


async def test_what_was_captured_is_never_given_up(a: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setattr(decisions, "LONGEST_WAIT_S", 0.1)
    await a.mirror.copy("r1", 1, on_disk(a.home.parent / "z", "capturing"), closed=False)
    break_disk(a)
    await placed(a.ledger, "r1", "a", state="capturing")
    async with a.running():
        await until(lambda: a.member.waiting() == {"disk_failed": 1})
        await asyncio.sleep(0.5)  # nothing to wait for: nothing is to happen
        assert a.backend.reports == []
        mend_disk(a)
        await until(lambda: a.begun == ["r1"])


@pytest.mark.usefixtures("patient")
async def test_a_start_of_a_backend_that_only_others_know_goes_to_them_once(
    machines: Machines, a: Machine
) -> None:
    b = machines.add("b")
    await placed(a.ledger, "r1", "a", backend="https://unknown.example")
    async with a.running(), b.running():
        async with asyncio.timeout(20):
            while [entry.epoch for entry in await a.ledger.mine()] != [3]:  # there and back
                await asyncio.sleep(0.02)
        await until(lambda: a.member.waiting() == {"no_such_backend": 1})


class SlowMirror(Mirror):
    """Takes its time to fetch."""

    def __init__(self, store: LocalStore) -> None:
        super().__init__(store)
        self.fetching: list[str] = []
        self.may_go_on = asyncio.Event()

    async def fetch(self, recording_id: str, target: Path) -> bool:
        self.fetching.append(recording_id)
        found = await super().fetch(recording_id, target)
        await self.may_go_on.wait()
        return found


@pytest.fixture
async def slow(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Machine]:
    """Recorder ``a``, which fetches the copy of ``r1``."""
    monkeypatch.setattr(member, "LOOK_EVERY_S", 0.05)
    mirror = SlowMirror(LocalStore(str(machines.shared), mkdir=True))
    machine = machines.add("a", mirror)
    await machine.ledger.prepare()
    await mirror.copy("r1", 1, on_disk(machines.folder / "z", "finishing"), closed=True)
    await placed(machine.ledger, "r1", "a", state="finishing", token="other")
    async with machine.running():
        await until(lambda: mirror.fetching == ["r1"])
        yield machine
    assert mirror.fetching == ["r1"]  # never two at a time, and none left behind
    assert not list(machine.home.glob(".new-*"))


async def test_a_stop_does_not_wait_for_a_large_copy(slow: Machine) -> None:
    slow.recordings.create(BACKEND, MANIFEST.token, VIDEO, ("r2", "r2.webm"))
    await placed(slow.ledger, "r2", "a", stop=True)
    await until(lambda: "r2" in slow.orders.stopped)
    assert slow.begun == []


async def test_a_copy_counts_only_for_who_still_has_the_recording(slow: Machine) -> None:
    await slow.ledger.hand_over("r1", "b")
    assert isinstance(slow.mirror, SlowMirror)
    slow.mirror.may_go_on.set()
    await until(lambda: not list(slow.home.glob(".new-*")))
    assert slow.recordings.ids() == slow.begun == []
    assert not (slow.home / "r1").exists()


async def test_a_copy_that_is_there_is_gone_on_from(slow: Machine) -> None:
    assert isinstance(slow.mirror, SlowMirror)
    slow.mirror.may_go_on.set()
    await until(lambda: slow.begun == ["r1"])
    manifest = read_manifest(slow.home / "r1" / "manifest.json")
    assert manifest.state == "finishing"
    with contextlib.suppress(FileNotFoundError):
        assert not (slow.home / ".new-r1").exists()
