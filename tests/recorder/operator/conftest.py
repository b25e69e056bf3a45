"""A far side, and recordings that begin to live with it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.recorder.folder.manifest import State
from tests.recorder.deliver.cloud import CONTENT, NAME
from tests.recorder.deliver.far_server import FarServer
from tests.recorder.operator.folders import make_folder
from tests.recorder.operator.house import Begin, House


@pytest.fixture
async def begin(tmp_path: Path, far: FarServer) -> AsyncIterator[Begin]:
    houses: list[House] = []

    def begin(state: State, times: int = 1, /) -> House:
        paths = make_folder(
            tmp_path / "recordings", "one", state, backend=far.url, file_name=NAME,
            end_reported=state != "reporting", acknowledged_at=1.0,
        )  # fmt: skip
        (paths.output / NAME).write_bytes(CONTENT * times)
        houses.append(house := House(tmp_path / "recordings", far))
        house.living = asyncio.create_task(house.live())
        return house

    yield begin
    for house in houses:
        await house.close()
