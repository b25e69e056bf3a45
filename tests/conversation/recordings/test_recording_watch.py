"""Recordings whose recorder reports nothing: none stays as it was for ever."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from callrec.conversation import recording_watch
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.outbound import recording_server
from tests.conversation.recording_world import World, open_world
from tests.conversation.storage import Storage

from .recording_steps import (
    NOBODY,
    START_VIDEO,
    STOP,
    STOP_MIRA,
    end_call,
    failed,
    queued,
    start,
    started,
    stop,
    stopped,
)


async def record(world: World) -> None:
    """Have a recording run that mira has started."""
    assert (await start(world, await world.client("mira"))).status_code == 200
    assert (await world.report(started(world))).status_code == 200
    world.recorder.take()


async def test_a_recorder_that_forgets_to_report_is_asked_again(storage: Storage) -> None:
    async with open_world(storage, stop_timeout_s=0.2) as world:
        await record(world)
        assert (await stop(world, await world.client("mira"))).status_code == 200
        assert world.recorder.take() == [STOP_MIRA]
        assert await world.status() == 1
        attempts = world.recorder.attempts
        await world.recorder.wait_for(attempts + 2)  # and again
        assert await world.status() == 1
        world.recorder.answer = 404
        await world.wait_for_status(5)
        assert set(world.recorder.take()) == {STOP}
        assert await world.messages() == ["recording_started users/mira", f"recording_failed {NOBODY}"]
        assert await queued(world) == []


async def test_an_end_that_was_reported_is_not_asked_for(storage: Storage) -> None:
    async with open_world(storage, stop_timeout_s=0.3) as world:
        await record(world)
        await end_call(world)
        await world.report(stopped(world))
        ended, world.token = world.token, await world.make_room("mira")
        await world.call()
        await record(world)
        await end_call(world)
        attempts = world.recorder.attempts
        await world.recorder.wait_for(attempts + 1)
        assert {path.rpartition("/")[2] for path in world.recorder.paths[-1:]} == {world.token}
        assert world.recorder.paths.count(f"/api/v1/room/{ended}") == 2  # start and stop


async def test_a_recorder_that_never_ends_is_given_up(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_watch, "GIVE_UP_AFTER", timedelta(seconds=0.3))
    with capture_logs() as logs:
        async with open_world(storage, stop_timeout_s=0.1) as world:
            await record(world)
            await end_call(world)
            await world.wait_for_status(5)
            assert await world.messages() == ["recording_started users/mira", f"recording_failed {NOBODY}"]
            assert await queued(world) == []
    (given_up,) = [entry for entry in logs if entry["event"] == "recording_stop_expired"]
    assert (given_up["room"], given_up["cause"]) == (world.token, "the recorder did not report the end")


async def test_a_recording_without_call_is_stopped(storage: Storage) -> None:
    async with open_world(storage, stop_timeout_s=0.1) as world:
        await record(world)
        await world.call(running=False)  # and nobody has asked the recorder
        await world.recorder.wait_for(world.recorder.attempts + 1)
        assert world.recorder.take()[0] == STOP


async def test_the_watch_over_stops_survives_a_restart(storage: Storage) -> None:
    async with open_world(storage) as world:
        await record(world)
        await end_call(world)
        assert world.recorder.take() == [STOP]
        async with world.core.db.write() as tx:
            await tx.execute(update(RecordingStart).values(stop_due_at=utc_now()))
    async with open_world(storage, new=False) as world:
        await world.recorder.wait_for(1)
        assert world.recorder.take() == [STOP]


async def test_a_late_stop_does_not_hit_the_next_recording(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_server, "TOTAL_S", 3.0)
    async with open_world(storage) as world:
        mira = await world.client("mira")
        await record(world)
        world.recorder.answers = [-1, 200, 0, 0]
        attempts = world.recorder.attempts
        stopping = asyncio.create_task(stop(world, mira))
        await world.recorder.wait_for(attempts + 1)
        await world.report(failed(world))
        assert (await start(world, mira)).status_code == 200
        assert (await stopping).status_code == 500
        assert world.recorder.take()[:2] == [STOP_MIRA, START_VIDEO]
        assert await queued(world) == []
        assert await world.status() == 3
