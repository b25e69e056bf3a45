"""Who composes which chunks, and how many at once."""

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from callrec.recorder.compose.division import Division, useful_workers
from callrec.recorder.compose.film import Chunk, chunks_of
from callrec.recorder.compose.slots import Slots

_SPAWN = multiprocessing.get_context("spawn")


def chunks(count: int) -> list[Chunk]:
    return chunks_of(count * 12_800, 25)


def taken(division: Division, worker: int) -> int | None:
    chunk = division.next(worker)
    return None if chunk is None else chunk.index


@pytest.mark.parametrize(
    ("missing", "workers", "useful"), [(1, 8, 1), (2, 2, 1), (3, 2, 1), (4, 2, 2), (7, 8, 3), (100, 2, 2)]
)
def test_a_worker_is_not_begun_for_one_chunk(missing: int, workers: int, useful: int) -> None:
    assert useful_workers(missing, workers) == useful


def test_each_has_neighbours_and_all_is_done_once() -> None:
    division = Division(chunks(7), 2)
    assert [taken(division, 0), taken(division, 1), taken(division, 0), taken(division, 1)] == [0, 3, 1, 4]
    assert [taken(division, 0), taken(division, 1), taken(division, 1)] == [2, 5, 6]
    assert taken(division, 0) is taken(division, 1) is None


def test_who_has_nothing_left_takes_the_later_half_of_the_largest_share() -> None:
    division = Division(chunks(10), 2)
    assert taken(division, 1) == 5  # 6, 7, 8, 9 are left
    assert [taken(division, 0) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert taken(division, 0) == 8
    assert [taken(division, 1), taken(division, 1)] == [6, 7]
    assert taken(division, 1) is None  # the last one is its neighbour's, whose decoders are there
    assert taken(division, 0) == 9


def test_what_a_dead_worker_was_at_is_done_by_others() -> None:
    division = Division(chunks(4), 2)
    lost = division.next(1)
    assert lost is not None
    division.give_back(1, lost)
    assert [taken(division, 0) for _ in range(4)] == [0, 1, 3, None]
    assert taken(division, 1) == 2


def _hold(slots: Slots, told: Connection) -> None:
    with slots.one():
        told.send("held")
        told.recv()


def test_a_slot_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "composing", 2)
    assert slots.free() == 2
    ours, theirs = _SPAWN.Pipe()
    holder = _SPAWN.Process(target=_hold, args=(slots, theirs))
    holder.start()
    try:
        assert ours.recv() == "held"
        assert slots.free() == 1
        with slots.another() as got:
            assert got
            with slots.another() as more:
                assert not more
            assert slots.free() == 0
        with slots.one():
            assert slots.free() == 0
            assert holder.pid is not None
            os.kill(holder.pid, signal.SIGKILL)
            holder.join()
            with slots.one():
                assert slots.free() == 0
        assert slots.free() == 2
    finally:
        holder.kill()
        holder.join()
