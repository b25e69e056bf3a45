"""Stories in virtual time: one recording, in a world in which nothing is lost on the way."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from callrec import clock
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.operator import Operator
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Actor, Report, Start, Stopped

from . import far_rooms
from .far_rooms import FarRooms
from .virtual_time import VirtualTimeLoop, threads_in_virtual_time
from .world import BACKEND, World

WALL_S = 1_800_000_000
DAY_S = 86400.0
SLOW_S = 60.0
TOKEN = "room1"
MIRA = Actor("users", "mira")


class Diary(FarRooms):
    """Notes every request that is tried, and when."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.reports_s: list[float] = []
        self.stores_s: list[float] = []
        self.slow_answers = False
        """Reports are taken, and answered a minute later."""

    async def report(self, report: Report) -> None:
        if isinstance(report, Stopped):
            self.reports_s.append(asyncio.get_running_loop().time())
        await super().report(report)
        if self.slow_answers:
            await asyncio.sleep(SLOW_S)

    async def store(self, token: str, owner: str, film: Path, file_name: str, errand: Errand) -> None:
        self.stores_s.append(asyncio.get_running_loop().time())
        await super().store(token, owner, film, file_name, errand)

    def go_away(self, seconds: float) -> None:
        """Be away from now on for so long."""
        self.away_until_s = asyncio.get_running_loop().time() + seconds


Play = Callable[[Callable[[World, Diary, Operator], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a story in virtual time, in a world in which nothing is lost on the way."""
    monkeypatch.setattr(far_rooms, "LOSS", 0.0)
    monkeypatch.setattr(far_rooms, "SLOW", 0.0)

    def play(story: Callable[[World, Diary, Operator], Coroutine[Any, Any, None]]) -> None:
        rng = random.Random(7)
        with contextlib.closing(VirtualTimeLoop()) as loop, monkeypatch.context() as patch:
            world = World(tmp_path, rng)
            diary = Diary(rng, world._tell_room)
            world.far = diary
            patch.setattr(clock, "wall_s", lambda: WALL_S + loop.now_s)
            patch.setattr(clock, "monotonic_ns", lambda: int(loop.now_s * 1e9))
            patch.setattr(asyncio, "to_thread", threads_in_virtual_time(lambda: 0.05))

            async def whole() -> None:
                await world.boot()
                operator = Operator(
                    recordings=world.recordings,
                    alarms=world.alarms,
                    attempts=world.attempts,
                    sizes=world.sizes,
                    begin=world.lives.go_on,
                    end_composing=world.composers.end,
                    give_up=world.stages.give_up,
                    # Of the control that runs then.
                    ending_for_s=lambda id_: world.captures.ending_for_s(id_),  # noqa: PLW0108
                    capture_held=lambda id_: world.captures.held(id_),  # noqa: PLW0108
                )
                try:
                    await story(world, diary, operator)
                    assert not world.problems
                finally:
                    await world.shut()

            loop.run_until_complete(whole())

    return play


async def ordered(world: World) -> str:
    """Have a recording started; return its id."""
    world.far.set_status(TOKEN, RecordingStatus.STARTING_VIDEO)
    await world.service.start(BACKEND, TOKEN, Start(1, "mira", MIRA))
    manifest = world.recordings.latest(BACKEND.url, TOKEN)
    assert manifest is not None
    world.far.answered[TOKEN] = manifest.recording_id
    return manifest.recording_id


async def captured(world: World) -> str:
    """Record for a minute after the backend has agreed; return the recording's id."""
    recording_id = await ordered(world)
    await in_state(world, recording_id, "capturing")
    await asyncio.sleep(60)
    return recording_id


async def in_state(world: World, recording_id: str, state: str) -> Manifest:
    """Wait until the recording is in a state."""
    news = asyncio.Event()
    world.recordings.listeners.append(lambda _change: news.set())
    async with asyncio.timeout(30 * DAY_S):
        while (manifest := world.recordings.get(recording_id)) is None or manifest.state != state:
            await news.wait()
            news.clear()
    return manifest
