"""Who goes on with a recording, as one recorder sees it: real ledger, real copies, recordings on disk."""

import asyncio
import dataclasses
from pathlib import Path

import msgspec
import pytest

from callrec.errors import PoolAway, StartRefused
from callrec.wire.recording import Start, Stop, encode_stop
from tests.recorder.folder.samples import MANIFEST

from .machines import BACKEND, VIDEO, Machine, Machines, on_disk, placed, until


@pytest.fixture
async def a(machines: Machines) -> Machine:
    """A recorder with one recording, which is finishing."""
    on_disk(machines.folder / "a", "finishing")
    machine = machines.add("a")
    await machine.ledger.prepare()
    return machine


async def test_its_own_are_kept_and_those_of_others_are_not(a: Machine) -> None:
    assert await a.member.keeps(a.manifest())  # nobody has heard of it yet
    await placed(a.ledger, "r1", "a", state="reporting")
    assert await a.member.keeps(a.manifest())
    (entry,) = await a.ledger.mine()
    assert entry.state == "finishing"  # the ledger knows before anything is done
    await a.ledger.hand_over("r1", "b")
    assert not await a.member.keeps(a.manifest())


async def test_nobody_can_tell_without_the_ledger(machines: Machines, a: Machine) -> None:
    machines.services.remove()
    with pytest.raises(PoolAway):
        await a.member.keeps(a.manifest())


async def test_composing_is_handed_over_with_a_copy(machines: Machines, a: Machine, tmp_path: Path) -> None:
    b = machines.add("b")
    await b.ledger.beat(b.me)
    await placed(a.ledger, "r1", "a", state="finishing")
    assert await a.member.keeps(a.manifest())  # it has time
    a.me = dataclasses.replace(a.me, composing=3)
    # In other states nothing is handed over.
    assert await a.member.keeps(msgspec.structs.replace(a.manifest(), state="reporting"))
    assert not await a.member.keeps(a.manifest())
    assert [(entry.recording_id, entry.epoch) for entry in await b.ledger.mine()] == [("r1", 2)]
    assert await b.mirror.fetch("r1", tmp_path / "there")


async def test_without_an_idle_one_it_composes_itself(machines: Machines, a: Machine) -> None:
    await placed(a.ledger, "r1", "a", state="finishing")
    b = machines.add("b")
    await b.ledger.beat(dataclasses.replace(b.me, composing=2))
    a.me = dataclasses.replace(a.me, composing=3)
    assert await a.member.keeps(a.manifest())


async def test_before_anything_goes_on_it_lets_go_of_what_others_have(a: Machine) -> None:
    await placed(a.ledger, "r1", "b", state="finishing")
    async with asyncio.timeout(20), a.member.membership():
        assert a.recordings.ids() == []
    # It may hold what the other one lacks.
    assert [folder.name for folder in a.recordings.set_aside()] == [".elsewhere-r1"]


async def test_one_that_cannot_be_begun_holds_up_neither_stops_nor_others(a: Machine) -> None:
    await placed(a.ledger, "r0", "a", backend="https://unknown.example")
    await placed(a.ledger, "../r0", "a")
    a.recordings.create(BACKEND, MANIFEST.token, VIDEO, ("r2", "r2.webm"))
    await placed(a.ledger, "r2", "a", stop=True)
    await placed(a.ledger, "r3", "a")
    async with a.running():
        await until(lambda: "r2" in a.orders.stopped and "r3" in a.begun)
    assert sorted(a.recordings.ids()) == ["r1", "r2", "r3"]


async def test_a_refused_start_stops_what_it_was_to_replace(a: Machine) -> None:
    await placed(a.ledger, "r5", "a")
    a.me = dataclasses.replace(a.me, refusal="disk_low")
    with pytest.raises(StartRefused):
        await a.front.start(BACKEND, MANIFEST.token, Start(2, "mira", VIDEO.actor))
    (entry,) = await a.ledger.mine()
    assert entry.stop == encode_stop(Stop())
    assert a.refused == [(BACKEND.url, "disk_low")]


async def test_a_recorder_ends_in_order_without_the_ledger(machines: Machines, a: Machine) -> None:
    async with a.running():
        machines.services.remove()


async def test_the_ledger_hears_where_a_recording_stands_also_after_a_restart(a: Machine) -> None:
    await placed(a.ledger, "r1", "a", state="capturing")  # it died before it could tell
    async with a.running():
        async with asyncio.timeout(20):
            while (await a.ledger.mine())[0].state != "finishing":
                await asyncio.sleep(0.02)


async def test_who_ends_takes_nothing_more_and_is_not_taken_for_dead(a: Machine) -> None:
    async with a.running():
        a.member.condition.is_closing = True
        async with asyncio.timeout(20):
            while [m.refusal for m in await a.ledger.members()] != ["closing"]:
                await asyncio.sleep(0.05)
    assert await a.ledger.members() == []


async def test_what_was_just_placed_counts(machines: Machines, a: Machine) -> None:
    b = machines.add("b")
    await a.ledger.beat(a.me)
    await b.ledger.beat(b.me)
    for number in range(4):
        await a.front.start(BACKEND, f"room{number}", VIDEO)
    assert len(await a.ledger.mine()) == len(await b.ledger.mine()) == 2


async def test_starts_that_come_at_once_are_spread(machines: Machines, a: Machine) -> None:
    b = machines.add("b")
    for one in (a, b):
        await one.ledger.prepare()
        await one.ledger.beat(one.me)
    fronts = [a.front, b.front] * 5
    await asyncio.gather(*(front.start(BACKEND, f"room{n}", VIDEO) for n, front in enumerate(fronts)))
    assert len(await a.ledger.mine()) == len(await b.ledger.mine()) == 5


async def test_of_starts_at_once_none_is_given_more_than_it_takes(machines: Machines, a: Machine) -> None:
    b = machines.add("b")
    a.me, b.me = dataclasses.replace(a.me, most=2), dataclasses.replace(b.me, most=1)
    for one in (a, b):
        await one.ledger.beat(one.me)
    fronts = [a.front, b.front, a.front, b.front, a.front]
    came = await asyncio.gather(
        *(front.start(BACKEND, f"room{n}", VIDEO) for n, front in enumerate(fronts)), return_exceptions=True
    )
    assert sorted(str(one) for one in came) == ["None"] * 3 + ["too_many_recordings"] * 2
    assert (len(await a.ledger.mine()), len(await b.ledger.mine())) == (2, 1)


async def test_what_is_to_be_composed_at_once_is_shared(machines: Machines, a: Machine) -> None:
    b = machines.add("b")
    await b.ledger.beat(b.me)
    for number in range(2, 6):
        on_disk(a.home, "finishing", f"r{number}")
        a.recordings.adopt(a.home, f"r{number}")
    for recording_id in a.recordings.ids():
        await placed(a.ledger, recording_id, "a", token=recording_id, state="finishing")
    a.me = dataclasses.replace(a.me, composing=5)
    kept = await asyncio.gather(*(a.member.keeps(manifest) for manifest in a.recordings.all()))
    assert sum(kept) == 3
    assert len(await b.ledger.mine()) == 2  # as many as it composes at a time
