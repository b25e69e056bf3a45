"""The short form: processes are killed, at moments that are the same each time."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import table
from tests.chaos.house import play_all
from tests.chaos.story import Told

SEED = 20261126
"""The same moments each time; other ones are for ``python -m tests.chaos``."""


async def played(folder: Path, runs: int, *, with_postgresql: bool = False) -> list[Told]:
    """Play some runs beside each other, print what failed, and return all."""
    tales: list[Told] = []
    await play_all(folder, SEED, runs, side_by_side=4, with_postgresql=with_postgresql, note=tales.append)
    print(f"seed {SEED}", table(tales, 0), sep="\n")
    for told in tales:
        if told.problems:
            print(told.seed, told.plan, *told.problems, *told.lines, sep="\n    ")
    return tales


@pytest.mark.timeout(300)
async def test_whoever_is_killed_every_recording_arrives_once(tmp_path: Path) -> None:
    tales = await played(tmp_path, 6)
    assert [told.seed for told in tales if told.problems] == []
    assert sum(told.delivered for told in tales) == 6
    # On a quick machine some kills come too late: there is nothing left to be killed.
    assert any(told.kill is not None for told in tales)


@pytest.mark.large
@pytest.mark.timeout(600)
async def test_postgresql_restarts(tmp_path: Path) -> None:
    tales = await played(tmp_path, 10, with_postgresql=True)
    assert [told.seed for told in tales if told.problems] == []
