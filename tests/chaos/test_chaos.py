"""The short form: each process is killed, at moments of chance."""

import random
from pathlib import Path

import pytest

from tests.chaos.__main__ import table
from tests.chaos.house import play_all
from tests.chaos.kills import ALL
from tests.chaos.story import Told


async def played(folder: Path, runs: int, *, with_postgresql: bool = False) -> list[Told]:
    """Play some runs beside each other, print what failed, and return all."""
    seed = random.randrange(1 << 32)
    tales: list[Told] = []
    await play_all(folder, seed, runs, side_by_side=4, with_postgresql=with_postgresql, note=tales.append)
    print(f"seed {seed}", table(tales, 0), sep="\n")
    for told in tales:
        if told.problems:
            print(told.seed, told.plan, *told.problems, *told.lines, sep="\n    ")
    return tales


@pytest.mark.timeout(300)
async def test_whoever_is_killed_every_recording_arrives_once(tmp_path: Path) -> None:
    tales = await played(tmp_path, 6)
    assert [told.seed for told in tales if told.problems] == []
    assert sum(told.delivered for told in tales) >= 5
    assert len({told.kill.victim for told in tales if told.kill is not None}) >= len(ALL) - 1


@pytest.mark.large
@pytest.mark.timeout(600)
async def test_postgresql_restarts(tmp_path: Path) -> None:
    tales = await played(tmp_path, 10, with_postgresql=True)
    assert [told.seed for told in tales if told.problems] == []
