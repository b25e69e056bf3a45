"""A backend that is away for days, in virtual time: everything arrives when it is back, once and in order."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from callrec import clock
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.operator import Operator
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Actor, Report, Start, Started, Stop, Stopped

from . import far_rooms
from .far_rooms import OFF, FarRooms
from .virtual_time import VirtualTimeLoop, threads_in_virtual_time
from .world import BACKEND, World

WALL_S = 1_800_000_000
DAY_S = 86400.0
FOR_EVER_S = 1000 * DAY_S
TOKEN = "room1"
MIRA = Actor("users", "mira")
LATENCY_S = 1.0
"""A request and its answer take less than half of this, and so does what is done in threads."""

# Waits of 1, 2, 4 … 16384 s, which are 15 and add up to 32767 s, then 6 h each.
FAILED_IN_3_DAYS = 16 + 10
FAILED_IN_14_DAYS = 16 + 54
"""After the last of these the waits would add up to 14 days: it is given up for now."""


def nominal_s(attempt: int) -> float:
    """Return when attempt number *attempt* (from 0) is made, after the first."""
    return float(2 ** min(attempt, 15) - 1 + 21600 * max(0, attempt - 15))


class Diary(FarRooms):
    """Notes every request that is tried, and when."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.reports_s: list[float] = []
        self.stores_s: list[float] = []

    async def report(self, report: Report) -> None:
        if isinstance(report, Stopped):
            self.reports_s.append(asyncio.get_running_loop().time())
        await super().report(report)

    async def store(self, token: str, owner: str, film: Path, file_name: str) -> None:
        self.stores_s.append(asyncio.get_running_loop().time())
        await super().store(token, owner, film, file_name)

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
                    sizes=Sizes(world.recordings, 25),
                    begin=world.lives.go_on,
                    end_composing=world.composers.end,
                )
                try:
                    await story(world, diary, operator)
                    assert not world.problems
                finally:
                    await operator.close()
                    await world.shut()

            loop.run_until_complete(whole())

    return play


async def captured(world: World) -> str:
    """Record until the backend has agreed; return the recording's id."""
    world.far.set_status(TOKEN, RecordingStatus.STARTING_VIDEO)
    await world.service.start(BACKEND, TOKEN, Start(1, "mira", MIRA))
    manifest = world.recordings.latest(BACKEND.url, TOKEN)
    assert manifest is not None
    world.far.answered[TOKEN] = manifest.recording_id
    await in_state(world, manifest.recording_id, "capturing")
    await asyncio.sleep(60)
    return manifest.recording_id


async def in_state(world: World, recording_id: str, state: str) -> Manifest:
    """Wait until the recording is in a state."""
    news = asyncio.Event()
    world.recordings.listeners.append(lambda _change: news.set())
    async with asyncio.timeout(30 * DAY_S):
        while (manifest := world.recordings.get(recording_id)) is None or manifest.state != state:
            await news.wait()
            news.clear()
    return manifest


def assert_waits(times_s: list[float], attempts: int) -> None:
    """Assert that so many attempts were made, as the backoff says."""
    assert len(times_s) == attempts
    for attempt, at_s in enumerate(times_s):
        assert 0 <= at_s - times_s[0] - nominal_s(attempt) < LATENCY_S * (attempt + 1), attempt


def assert_arrived_once(world: World, recording_id: str) -> None:
    assert world.far.uploaded == [recording_id]
    assert [type(heard.report) for heard in world.far.heard] == [Started, Stopped]
    assert world.far.status(TOKEN) == OFF


def test_three_days_away_from_before_the_end(play: Play) -> None:
    async def story(world: World, diary: Diary, _operator: Operator) -> None:
        recording_id = await captured(world)
        diary.go_away(3 * DAY_S)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "retained")
        # The report is the one that waits; the film goes as soon as it got through.
        assert_waits(diary.reports_s, FAILED_IN_3_DAYS + 1)
        assert 3 * DAY_S < diary.reports_s[-1] < 3 * DAY_S + 6 * 3600
        assert len(diary.stores_s) == 1
        assert diary.stores_s[0] - diary.reports_s[-1] < 20  # it was composed meanwhile, or is now
        assert_arrived_once(world, recording_id)

    play(story)


def test_three_days_away_with_control_killed_each_day(play: Play) -> None:
    async def story(world: World, diary: Diary, _operator: Operator) -> None:
        recording_id = await captured(world)
        diary.go_away(3 * DAY_S)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        for _ in range(3):
            await asyncio.sleep(0.9 * DAY_S)
            await world.shut()
            await world.boot()
        await in_state(world, recording_id, "retained")
        # A restart neither shortens a wait nor begins to count anew.
        assert_waits(diary.reports_s, FAILED_IN_3_DAYS + 1)
        assert_arrived_once(world, recording_id)

    play(story)


def test_three_days_away_before_the_upload(play: Play) -> None:
    async def story(world: World, diary: Diary, _operator: Operator) -> None:
        recording_id = await captured(world)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "finishing")
        diary.go_away(3 * DAY_S)
        await in_state(world, recording_id, "retained")
        assert len(diary.reports_s) == 1
        assert_waits(diary.stores_s, FAILED_IN_3_DAYS + 1)
        assert_arrived_once(world, recording_id)

    play(story)


def test_after_14_days_it_is_parked_until_an_operator_lets_it_go_on(play: Play) -> None:
    async def story(world: World, diary: Diary, operator: Operator) -> None:
        recording_id = await captured(world)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "finishing")
        diary.go_away(FOR_EVER_S)
        parked = await in_state(world, recording_id, "parked")
        assert parked.parked_from == "uploading"
        assert parked.error == "lost on the way"
        assert_waits(diary.stores_s, FAILED_IN_14_DAYS)
        await asyncio.sleep(30 * DAY_S)
        assert len(diary.stores_s) == FAILED_IN_14_DAYS
        film = world.recordings.paths(recording_id).output / parked.file_name
        assert film.exists(), "what is parked is kept"

        diary.away_until_s = 0.0
        await asyncio.sleep(DAY_S)
        assert world.far.uploaded == [], "by itself it does not go on"
        await operator.retry(recording_id)
        await in_state(world, recording_id, "retained")
        assert_arrived_once(world, recording_id)

    play(story)


def test_an_operator_parks_it_and_lets_it_go_on_while_the_backend_is_away(play: Play) -> None:
    async def story(world: World, diary: Diary, operator: Operator) -> None:
        recording_id = await captured(world)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "finishing")
        diary.go_away(FOR_EVER_S)
        await asyncio.sleep(DAY_S)
        entry = await operator.park(recording_id)
        assert (entry.state, entry.parked_from) == ("parked", "uploading")
        tried = len(diary.stores_s)
        await asyncio.sleep(DAY_S)
        assert len(diary.stores_s) == tried

        await operator.retry(recording_id)
        await asyncio.sleep(LATENCY_S)
        assert len(diary.stores_s) == tried + 1
        second, diary.stores_s = diary.stores_s[tried:], []
        await asyncio.sleep(6 * 3600)
        assert_waits(second + diary.stores_s, 15)  # all attempts are before it again

        # A wait of hours is cut short.
        await asyncio.sleep(DAY_S)
        diary.away_until_s, diary.stores_s = 0.0, []
        await operator.retry(recording_id)
        await in_state(world, recording_id, "retained")
        assert len(diary.stores_s) == 1
        assert_arrived_once(world, recording_id)

    play(story)
