"""Whatever fails again and again while a recording is captured: it ends, and the room hears of it."""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from callrec import clock
from callrec.errors import OperatorRefused
from callrec.recorder.lifecycle import capture_end, interventions, recordings
from callrec.recorder.lifecycle.capture_process import CaptureProcess
from callrec.recorder.lifecycle.operator import Operator
from callrec.wire.recording import Failed, Stop, Stopped

from .stories import MIRA, TOKEN, Diary, Play, captured, in_state, ordered, play
from .world import BACKEND, REJOIN_WINDOW_S, World

__all__ = ["play"]  # a fixture

A_WHILE_S = 300.0


def failing(number: int) -> Callable[..., Any]:
    def fail(*_args: object) -> None:
        raise OSError(number, "as told")

    return fail


async def unreadable_from_now_on(world: World, away_s: float) -> str:
    """Let control die in mid-call, and come back to a timeline that cannot be read; return the id."""
    recording_id = await captured(world)
    await world.shut()
    timeline = world.recordings.paths(recording_id).timeline
    timeline.unlink()
    timeline.mkdir()
    os.utime(timeline, (clock.wall_s(), clock.wall_s()))
    await asyncio.sleep(away_s)
    await world.boot()
    return recording_id


@pytest.mark.parametrize("away_s", [1.0, 1.5 * REJOIN_WINDOW_S])
def test_a_timeline_that_cannot_be_read(play: Play, away_s: float) -> None:
    async def story(world: World, _diary: Diary, _operator: Operator) -> None:
        recording_id = await unreadable_from_now_on(world, away_s)
        async with asyncio.timeout(A_WHILE_S):
            manifest = await in_state(world, recording_id, "retained")
        assert (manifest.outcome, manifest.cause) == ("captured", "capture_crashed")
        assert world.far.heard[-1].report == Stopped(TOKEN)

    play(story)


def test_a_stop_meanwhile_counts(play: Play) -> None:
    async def story(world: World, _diary: Diary, _operator: Operator) -> None:
        recording_id = await unreadable_from_now_on(world, 1.0)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        async with asyncio.timeout(30):
            assert (await in_state(world, recording_id, "retained")).cause == "stopped"

    play(story)


def test_a_process_that_can_never_be_started(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CaptureProcess, "start", failing(errno.EMFILE))

    async def story(world: World, _diary: Diary, _operator: Operator) -> None:
        recording_id = await ordered(world)
        async with asyncio.timeout(A_WHILE_S):
            while world.recordings.get(recording_id) is not None:
                await asyncio.sleep(1)
        assert world.fates[recording_id].cause == "capture_crashed"

    play(story)


def test_a_manifest_that_can_never_be_written(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World, diary: Diary, _operator: Operator) -> None:
        recording_id = await captured(world)
        monkeypatch.setattr(recordings, "write_manifest", failing(errno.EIO))
        with pytest.raises(OSError, match="as told"):
            await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        async with asyncio.timeout(A_WHILE_S):
            await in_state(world, recording_id, "retained")
        assert len(diary.reports_s) == 1 and world.far.uploaded == [recording_id]
        assert recording_id in world.recordings.in_memory
        monkeypatch.undo()
        world.recordings.update(recording_id)
        assert recording_id not in world.recordings.in_memory

    play(story)


def test_an_operator_can_delete_what_does_not_end(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World, _diary: Diary, operator: Operator) -> None:
        recording_id = await captured(world)
        with pytest.raises(OperatorRefused) as refused:
            await operator.delete(recording_id)
        assert refused.value.word == interventions.IS_LIVE
        with monkeypatch.context() as patch:
            patch.setattr(recordings, "write_manifest", failing(errno.ENOSPC))
            with pytest.raises(OSError, match="as told"):
                await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
            await asyncio.sleep(interventions.OVERDUE_S + 1)
            (entry,) = await operator.list()
            assert (entry.state, entry.may) == ("capturing", ["delete"])
            assert not (await operator.delete(recording_id)).delivered
        assert await operator.list() == [] and world.captured.alive == []
        assert world.far.heard[-1].report == Failed(TOKEN)
        await asyncio.sleep(A_WHILE_S)
        assert world.lives.over == {recording_id} and len(world.captured.processes) == 1

    play(story)


def test_one_that_hangs_can_be_deleted_after_a_restart(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop is in the manifest."""

    async def story(world: World, _diary: Diary, operator: Operator) -> None:
        recording_id = await captured(world)
        assert await world.service.stop(BACKEND, TOKEN, Stop(MIRA))
        with monkeypatch.context() as patch:
            patch.setattr(recordings, "write_manifest", failing(errno.ENOSPC))
            await asyncio.sleep(interventions.OVERDUE_S)
            await world.shut()
            await asyncio.sleep(1)
            await world.boot()
            operator._recordings = world.recordings
            assert (await operator.delete(recording_id)).delivered is False

    play(story)


def test_a_fault_after_a_while_is_the_first_one_again() -> None:
    ending = capture_end.Ending()
    step_s = capture_end.ROW_S + 1
    assert not any(ending.is_enough(step_s * n) for n in range(2 * capture_end.MAX_FAULTS))
    assert [ending.is_enough(1e6) for _ in range(capture_end.MAX_FAULTS)].index(
        True
    ) == capture_end.MAX_FAULTS - 1
