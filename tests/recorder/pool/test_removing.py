"""What an operator deletes never comes back from a copy, whatever dies in between."""

import asyncio
import shutil

import pytest

from callrec.errors import OperatorRefused

from .machines import Machine, Machines, on_disk, operator_of, placed


@pytest.fixture
async def a(machines: Machines) -> Machine:
    """A recorder with a parked recording, of which there is a copy."""
    paths = on_disk(machines.folder / "a", "parked")
    machine = machines.add("a")
    await machine.ledger.prepare()
    await placed(machine.ledger, "r1", "a", state="parked")
    await machine.mirror.copy("r1", 1, paths, closed=True)
    return machine


async def is_forgotten(machine: Machine) -> None:
    async with asyncio.timeout(20):
        while await machine.ledger.mine():
            await asyncio.sleep(0.02)
    assert machine.recordings.ids() == machine.begun == []
    assert not await machine.mirror.has_copy("r1")


async def test_it_is_gone_though_the_recorder_died_at_once(machines: Machines, a: Machine) -> None:
    await operator_of(a).delete("r1")  # nothing runs that could tell the ledger afterwards
    again = machines.add("a")
    async with again.running():
        await is_forgotten(again)


async def test_it_is_gone_though_the_recorder_died_before_it_could_delete(
    machines: Machines, a: Machine
) -> None:
    await a.ledger.note("r1", "discarded", over=True)
    again = machines.add("a")
    async with again.running():
        await is_forgotten(again)
    assert again.recordings.set_aside() == []


@pytest.mark.parametrize("whose", ["a", "b"])
async def test_one_that_cannot_be_read_is_gone_where_it_lies(machines: Machines, whose: str) -> None:
    paths = on_disk(machines.folder / "a", "parked")
    copied = on_disk(machines.folder / "then", "parked")
    paths.manifest.write_text("{")
    a = machines.add("a")
    await a.ledger.prepare()
    await placed(a.ledger, "r1", whose, state="parked")
    await a.mirror.copy("r1", 1, copied, closed=True)
    await operator_of(a).delete("r1")
    assert not paths.root.exists()
    async with a.running():
        if whose == "a":
            await is_forgotten(a)
        else:
            entry = await a.ledger.entry("r1")
            assert entry is not None and entry.state == "parked", "the other one goes on with it"


async def test_while_the_recorder_runs(a: Machine) -> None:
    async with a.running():
        await operator_of(a).delete("r1")
        await is_forgotten(a)


async def test_without_the_ledger_it_is_refused(machines: Machines, a: Machine) -> None:
    machines.services.remove()
    with pytest.raises(OperatorRefused) as caught:
        await operator_of(a).delete("r1")
    assert caught.value.word == "pool_away"
    assert a.recordings.ids() == ["r1"]


async def test_what_another_has_is_deleted_there(a: Machine) -> None:
    await a.ledger.hand_over("r1", "b")
    with pytest.raises(OperatorRefused) as caught:
        await operator_of(a).delete("r1")
    assert caught.value.word == "elsewhere" and "b" in caught.value.text


async def test_what_the_disk_keeps_is_kept(a: Machine) -> None:
    def broken(*_args: object) -> None:
        raise OSError("read-only")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(a.recordings, "remove", broken)
        with pytest.raises(OperatorRefused):
            await operator_of(a).delete("r1")
    assert [entry.state for entry in await a.ledger.mine()] == ["parked"]


async def test_what_was_discarded_is_known_before_its_folder_goes(machines: Machines) -> None:
    on_disk(machines.folder / "a", "discarded", outcome="refused")
    a = machines.add("a")
    await a.ledger.prepare()
    await placed(a.ledger, "r1", "a", state="joining")
    await a.mirror.copy("r1", 1, on_disk(machines.folder / "then", "joining", outcome=None), closed=False)
    assert await a.member.keeps(a.manifest())
    shutil.rmtree(a.home / "r1")  # and dies
    again = machines.add("a")
    async with again.running():
        await is_forgotten(again)
