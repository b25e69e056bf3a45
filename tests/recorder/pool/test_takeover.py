"""What becomes of the recordings of a recorder that is gone."""

import asyncio
import dataclasses
import shutil

import psycopg
import pytest

from callrec.recorder.pool import member, takeover
from callrec.wire.recording import Failed
from tests.recorder.folder.samples import MANIFEST

from .machines import BACKEND, Machine, Machines, on_disk, placed, until


@pytest.fixture
async def a(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A recorder that finds quickly who is gone; ``z`` never was there."""
    monkeypatch.setattr(member, "BEAT_EVERY_S", 0.05)
    machine = machines.add("a", dead_after_s=0.5)
    await machine.ledger.prepare()
    return machine


async def test_without_the_storage_orders_are_carried_out_that_nobody_has_begun(
    machines: Machines, a: Machine
) -> None:
    shutil.rmtree(machines.shared)
    machines.shared.touch()
    await placed(a.ledger, "r1", "z", state="capturing")
    await placed(a.ledger, "r2", "z")
    async with a.running():
        await until(lambda: a.begun == ["r2"])
        machines.shared.unlink()
        machines.shared.mkdir()
        await until(lambda: a.begun == ["r2", "r1"])  # it is noticed that it is back


async def test_who_is_alone_takes_all_at_once(a: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 10 s others go on with everything, however much it is."""
    for number in range(20):
        await placed(a.ledger, f"r{number}", "z", token=f"room{number}", state="capturing")
    a.member._taking_up.go_on = a.go_on
    async with a.member.membership():
        async with asyncio.timeout(20):
            while not await a.ledger.orphans({"capturing"}):
                await asyncio.sleep(0.02)
        await a.member._take_over.look()
        assert len(await a.ledger.mine()) == 20
        await until(lambda: len(a.begun) == 20)


async def test_a_storage_that_stands_still_keeps_no_call_waiting(
    a: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def never(_recording_id: str) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(takeover, "ASK_WITHIN_S", 0.1)
    monkeypatch.setattr(a.mirror, "has_copy", never)
    await placed(a.ledger, "r1", "z", state="finishing")
    async with a.running():
        await asyncio.wait_for(asked.wait(), 20)
        await placed(a.ledger, "r2", "z", state="capturing")
        await until(lambda: a.begun == ["r2"])


async def test_what_only_the_disk_of_its_recorder_holds_waits_for_it(machines: Machines, a: Machine) -> None:
    on_disk(machines.folder / "z", "finishing")
    await placed(a.ledger, "r1", "z", state="finishing")
    async with a.running():
        await until(lambda: a.member.waiting() == {"copy_missing": 1})
        (entry,) = [await a.ledger.entry("r1")]
        assert entry is not None and entry.recorder_id == "z" and entry.missing_s is not None
        z = machines.add("z")
        async with z.running():
            await until(lambda: not a.member.waiting())
            async with asyncio.timeout(20):
                while (await z.ledger.mine())[0].missing_s is not None:
                    await asyncio.sleep(0.05)
            await until((machines.shared / "recordings/r1/1/manifest.json").exists)
        # Now there is a copy, and it has left.
        await until(lambda: a.begun == ["r1"])
    assert a.manifest().outcome == "captured"


async def test_when_its_recorder_does_not_come_back_it_has_failed(machines: Machines, a: Machine) -> None:
    entry = await placed(a.ledger, "r1", "z", state="finishing")
    await a.ledger.note_missing(entry)
    with psycopg.connect(machines.url) as connection:
        connection.execute("UPDATE recorder_recordings SET copy_missing_at = now() - interval '8 days'")
    async with a.running():
        await until(lambda: a.begun == ["r1"])
    manifest = a.manifest()
    assert (manifest.state, manifest.outcome, manifest.cause) == ("reporting", "failed", "copy_lost")


async def test_what_its_own_disk_lost_waits_too(a: Machine) -> None:
    await placed(a.ledger, "r1", "a", state="uploading")
    async with a.running():
        await until(lambda: a.member.waiting() == {"copy_missing": 1})
        (entry,) = await a.ledger.mine()
        assert entry.missing_s is not None
    assert a.begun == []


async def test_what_nobody_has_room_for_is_over_after_a_while(
    a: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.me = dataclasses.replace(a.me, refusal="disk_low")
    await placed(a.ledger, "r1", "z")
    async with a.running():
        await until(lambda: a.member.waiting() == {"no_room": 1})
        assert a.backend.reports == []
        monkeypatch.setattr(takeover, "GIVE_UP_AFTER_S", 0.0)
        await until(lambda: a.failed)
    assert a.backend.reports == [Failed(MANIFEST.token)]
    assert a.failed == [(BACKEND.url, "disk_low")] and a.begun == []


async def test_of_what_was_discarded_the_copy_is_deleted(machines: Machines, a: Machine) -> None:
    await a.mirror.copy("r1", 1, on_disk(machines.folder / "z", "parked"), closed=True)
    await placed(a.ledger, "r1", "z", state="discarded")
    async with a.running():
        async with asyncio.timeout(20):
            while (entry := await a.ledger.entry("r1")) is None or entry.recorder_id != "a":
                await asyncio.sleep(0.02)
            while await a.ledger.mine():
                await asyncio.sleep(0.02)
    assert a.begun == [] and not await a.mirror.has_copy("r1")


async def test_what_still_lies_here_is_let_go_before_it_is_taken_back(machines: Machines, a: Machine) -> None:
    """It hung, ``z`` took its recording and died: what ``z`` has captured must not be left out."""
    paths = on_disk(machines.folder / "z", "finishing")
    paths.timeline.write_text("what z wrote\n")
    await a.mirror.copy("r1", 2, paths, closed=True)
    on_disk(a.home, "capturing")
    again = machines.add("a", dead_after_s=0.5)
    async with again.member.membership():
        await placed(a.ledger, "r1", "z", state="finishing")
        on_disk(again.home, "capturing", outcome=None, closed_at=None)
        again.recordings.adopt(again.home, "r1")
        task = asyncio.create_task(again.member.run(again.go_on))
        await until(lambda: again.captures.told == {"r1": "taken_over"})
        assert again.begun == []
        again.recordings.remove("r1", "elsewhere")  # as its life does when the capture has ended
        await until(lambda: again.begun == ["r1"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (again.home / "r1/timeline.jsonl").read_text() == "what z wrote\n"


async def test_who_ends_in_order_leaves_nothing_behind(machines: Machines, a: Machine) -> None:
    """Its capture is over, though the recording is not: the segment that was written last goes with it."""
    paths = on_disk(a.home, "capturing", outcome=None, closed_at=None)
    paths.track(0).mkdir()
    paths.segment(0, 0).write_bytes(b"packets")
    await placed(a.ledger, "r1", "a", state="capturing")
    leaving = machines.add("a", dead_after_s=0.5)
    async with leaving.running():
        pass
    assert await a.mirror.fetch("r1", machines.folder / "there")
    assert (machines.folder / "there/tracks/0/0.rtpdump").read_bytes() == b"packets"
