"""Parked recordings of a recorder that is gone: seen by the others, fetched and deleted when told so."""

import asyncio

import pytest

from callrec.errors import OperatorRefused
from callrec.recorder.pool import member, parked

from .machines import Machine, Machines, on_disk, operator_of, placed, until


@pytest.fixture
async def a(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A recorder that finds quickly who is gone; ``z`` never was there."""
    monkeypatch.setattr(member, "BEAT_EVERY_S", 0.05)
    monkeypatch.setattr(member, "PARKED_EVERY_S", 0.05)
    machine = machines.add("a", dead_after_s=0.5)
    await machine.ledger.prepare()
    return machine


async def parked_at_z(machines: Machines, a: Machine) -> None:
    paths = on_disk(machines.folder / "z", "parked", parked_from="uploading", error="store: HTTP 507")
    await a.mirror.copy("r1", 1, paths, closed=True)
    await placed(a.ledger, "r1", "z", state="parked")


async def test_it_is_seen_and_goes_on_here_when_told_so(machines: Machines, a: Machine) -> None:
    await parked_at_z(machines, a)
    operator = operator_of(a)
    async with a.running():
        await until(lambda: a.member.waiting() == {"parked": 1})
        (line,) = await operator.list()
        assert (line.id, line.state, line.at, line.error) == ("r1", "parked", "z", "store: HTTP 507")
        assert line.may == ["retry", "delete"]
        details = await operator.show("r1")
        assert (details.recording, details.folder) == (line, "")
        assert a.recordings.ids() == []  # nobody has asked for it
        entry = await operator.retry("r1")
        assert (entry.state, entry.at) == ("uploading", None)
        assert a.manifest().state == "uploading" and a.begun[-1] == "r1"
        assert [(one.id, one.at) for one in await operator.list()] == [("r1", None)]
        await until(lambda: not a.member.waiting())
        assert [(one.recorder_id, one.epoch) for one in await a.ledger.mine()] == [("a", 2)]


async def test_a_long_copy_comes_without_the_operator(
    machines: Machines, a: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await parked_at_z(machines, a)
    monkeypatch.setattr(parked, "FETCH_WAIT_S", 0.0)
    operator = operator_of(a)
    async with a.running():
        await until(a.member.parked.all)
        with pytest.raises(OperatorRefused) as caught:
            await operator.retry("r1")
        assert caught.value.word == "on_its_way"
        await until(lambda: a.recordings.ids() == ["r1"])
        assert a.manifest().state == "parked"
        assert (await operator.retry("r1")).state == "uploading"


async def test_it_is_deleted_for_all(machines: Machines, a: Machine) -> None:
    await parked_at_z(machines, a)
    operator = operator_of(a)
    async with a.running():
        await until(a.member.parked.all)
        assert (await operator.delete("r1")).delivered is False
        async with asyncio.timeout(20):
            while await a.mirror.has_copy("r1") or await a.ledger.mine():
                await asyncio.sleep(0.02)
        assert await operator.list() == [] and a.recordings.ids() == []
        z = machines.add("z")
        async with z.member.membership():
            assert z.recordings.ids() == []


async def test_what_only_its_disk_holds_is_seen_and_stays(machines: Machines, a: Machine) -> None:
    on_disk(machines.folder / "z", "parked")
    await placed(a.ledger, "r1", "z", state="parked")
    operator = operator_of(a)
    async with a.running():
        await until(a.member.parked.all)
        (line,) = await operator.list()
        assert (line.at, line.may) == ("z", [])
        for act in (operator.retry, operator.delete):
            with pytest.raises(OperatorRefused) as caught:
                await act("r1")
            assert caught.value.word == "elsewhere" and "disk of the recorder z" in caught.value.text


async def test_what_a_living_one_has_is_looked_after_there(machines: Machines, a: Machine) -> None:
    await parked_at_z(machines, a)
    z = machines.add("z")
    operator = operator_of(a)
    async with a.running(), z.running():
        with pytest.raises(OperatorRefused) as caught:
            await operator.retry("r1")
        assert caught.value.word == "elsewhere"
        assert await operator.list() == [] and not a.member.waiting()
    with pytest.raises(OperatorRefused) as caught:
        await operator.retry("r2")
    assert caught.value.word == "no_such_recording"
