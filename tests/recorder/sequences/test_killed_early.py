"""Control is killed before it knows that the backend agrees: nothing is lost."""

import asyncio

import pytest

from callrec.recorder.lifecycle.operator import Operator
from callrec.wire.recording import Started, Stop, Stopped

from .far_rooms import OFF
from .stories import MIRA, TOKEN, Diary, Play, in_state, ordered, play
from .world import BACKEND, World

__all__ = ["play"]  # a fixture


async def killed_when(world: World, state: str, recording_id: str, after_s: float, away_s: float) -> None:
    """Kill control some time after the recording has come to a state, and start it again."""
    await in_state(world, recording_id, state)
    await asyncio.sleep(after_s)
    await world.shut()
    await asyncio.sleep(away_s)
    await world.boot()


@pytest.mark.parametrize("after_s", [0.05, 0.5, 3.0])
def test_it_goes_on_and_is_agreed_to(play: Play, after_s: float) -> None:
    async def story(world: World, diary: Diary, _operator: Operator) -> None:
        diary.go_away(4)  # so long nothing is agreed
        recording_id = await ordered(world)
        await killed_when(world, "joining", recording_id, after_s, 5)
        await in_state(world, recording_id, "capturing")
        await asyncio.sleep(60)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "retained")
        assert world.far.uploaded == [recording_id]
        assert [type(heard.report) for heard in world.far.heard] == [Started, Stopped]
        assert world.far.status(TOKEN) == OFF

    play(story)


def test_an_agreement_that_died_with_it_is_presumed(play: Play) -> None:
    """What the backend has agreed to it refuses when it is asked again, and only that can be the reason."""

    async def story(world: World, diary: Diary, _operator: Operator) -> None:
        told = asyncio.Event()
        diary.upon_started = lambda _token: told.set()
        diary.slow_answers = True
        recording_id = await ordered(world)
        async with asyncio.timeout(60):
            await told.wait()
        await world.shut()
        diary.slow_answers = False
        await world.boot()
        await in_state(world, recording_id, "capturing")
        await asyncio.sleep(60)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "retained")
        assert world.far.uploaded == [recording_id]
        assert [type(heard.report) for heard in world.far.heard] == [Started, Started, Stopped]
        assert world.far.status(TOKEN) == OFF

    play(story)
