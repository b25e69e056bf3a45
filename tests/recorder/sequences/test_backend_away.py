"""A backend that is away for days, in virtual time: everything arrives when it is back, once and in order."""

import asyncio

from callrec.recorder.lifecycle.operator import Operator
from callrec.wire.recording import Started, Stop, Stopped

from .far_rooms import OFF
from .stories import DAY_S, MIRA, TOKEN, Diary, Play, captured, in_state, play
from .world import BACKEND, World

__all__ = ["play"]  # a fixture

FOR_EVER_S = 1000 * DAY_S
LATENCY_S = 1.0
"""A request and its answer take less than half of this, and so does what is done in threads."""

# Waits of 1, 2, 4 … 16384 s, which are 15 and add up to 32767 s, then 6 h each.
FAILED_IN_AN_HOUR = 12
"""After the last of these the waits of a report would add up to an hour: the film goes on without it."""
FAILED_IN_3_DAYS = 16 + 10
FAILED_IN_14_DAYS = 16 + 54
"""After the last of these the waits would add up to 14 days: it is given up for now."""


def nominal_s(attempt: int) -> float:
    """Return when attempt number *attempt* (from 0) is made, after the first."""
    return float(2 ** min(attempt, 15) - 1 + 21600 * max(0, attempt - 15))


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
        # After an hour the film waits no more for the report: it is told again before each attempt.
        assert_waits(diary.reports_s[:FAILED_IN_AN_HOUR], FAILED_IN_AN_HOUR)
        assert_waits(diary.reports_s[FAILED_IN_AN_HOUR:], FAILED_IN_3_DAYS + 1)
        assert_waits(diary.stores_s, FAILED_IN_3_DAYS + 1)
        assert 3 * DAY_S < diary.reports_s[-1] < diary.stores_s[-1] < 3 * DAY_S + 6 * 3600
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
        assert_waits(diary.reports_s[FAILED_IN_AN_HOUR:], FAILED_IN_3_DAYS + 1)
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
