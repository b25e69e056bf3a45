"""A capture process that does nothing any more, without having ended."""

import asyncio

from callrec.recorder.lifecycle import capture_process, captures
from callrec.recorder.lifecycle.operator import Operator
from callrec.wire.recording import Stop

from .fake_capture import FakeCapture
from .stories import MIRA, TOKEN, Diary, Play, captured, in_state, play
from .world import BACKEND, World

__all__ = ["play"]  # a fixture

NOTICED_S = (capture_process.SILENT_LOOKS + 1) * capture_process.LOOK_EVERY_S
JOINED_S = 5.0


def only(world: World) -> FakeCapture:
    (process,) = world.captured.alive
    return process


def test_it_is_killed_and_another_one_rejoins(play: Play) -> None:
    async def story(world: World, _diary: Diary, _operator: Operator) -> None:
        recording_id = await captured(world)
        hung = only(world)
        hung.freeze()
        await asyncio.sleep(NOTICED_S + JOINED_S)
        assert only(world) is not hung and only(world).joined
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await in_state(world, recording_id, "retained")
        assert world.far.uploaded == [recording_id]

    play(story)


def test_one_that_only_has_nothing_to_tell_stays(play: Play) -> None:
    async def story(world: World, _diary: Diary, _operator: Operator) -> None:
        await captured(world)
        first = only(world)
        await asyncio.sleep(20 * NOTICED_S)
        assert only(world) is first

    play(story)


def test_told_to_end_it_is_not_waited_for_twice(play: Play) -> None:
    async def story(world: World, _diary: Diary, _operator: Operator) -> None:
        await captured(world)
        hung = only(world)
        hung.freeze()
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        await asyncio.sleep(captures.STOP_TIMEOUT_S + 1)
        assert hung.joined_for_s == [0, capture_process.KILLED_WAIT_S] and world.captured.alive == []

    play(story)
