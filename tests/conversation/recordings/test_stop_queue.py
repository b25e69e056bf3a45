"""Stops that the recorder must hear of: when the call ends, when it is away, after a restart."""

import httpx
import pytest
from sqlalchemy import select

from callrec.conversation import rooms
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound import outbox, stop_queue
from tests.conversation.recording_world import World, open_world
from tests.conversation.storage import Storage
from tests.waiting import eventually

from .recording_steps import (
    NOBODY,
    START_VIDEO,
    STOP,
    STOP_MIRA,
    end_call,
    nothing_queued,
    queued,
    start,
    stop,
    stopped,
)


@pytest.mark.parametrize("answer", [500, 403, 0])
async def test_a_stop_that_fails_is_queued(
    world: World, mira: httpx.AsyncClient, answer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.01)
    await world.set_status(1)
    world.recorder.answers = [answer] * (2 if answer == 403 else 5)
    assert (await stop(world, mira)).status_code == 500
    assert await world.status() == 1
    assert await queued(world) == ["mira"]
    await eventually(lambda: nothing_queued(world))
    assert world.recorder.take()[-1] == STOP_MIRA
    assert await world.status() == 1


async def test_a_report_of_the_end_ends_the_retries(world: World, mira: httpx.AsyncClient) -> None:
    await world.set_status(1)
    world.recorder.answer = 500
    assert (await stop(world, mira)).status_code == 500
    assert await queued(world) == ["mira"]
    assert (await world.report(stopped(world))).status_code == 200
    assert await queued(world) == []


@pytest.mark.parametrize("status", [1, 2, 3, 4])
async def test_the_end_of_the_call_stops_the_recording(world: World, status: int) -> None:
    await world.set_status(status)
    await end_call(world)
    assert world.recorder.take() == [STOP]
    assert await world.status() == status
    assert world.pushes.take() == ["chat", "incall"]
    assert await queued(world) == []


@pytest.mark.parametrize("status", [0, 5])
async def test_the_end_of_the_call_without_recording(world: World, status: int) -> None:
    await world.set_status(status)
    await end_call(world)
    assert world.recorder.take() == []


async def test_leaving_never_fails_because_of_the_recorder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_TRY_S", 0.1)
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(stop_queue, "ATTEMPT_S", 1.0)
    await world.set_status(1)
    world.recorder.answers = [-1, 500, 0, 404]
    await end_call(world)
    assert await queued(world) == [None]  # the first attempt hangs on
    await world.wait_for_status(5)
    assert await queued(world) == []
    assert world.recorder.take() == [STOP] * 4
    assert await world.messages() == [f"recording_failed {NOBODY}"]


async def test_a_recorder_that_stays_away_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_queue.StopQueue, "expires_after", -stop_queue.GIVE_UP_AFTER)
    await world.set_status(2)
    world.recorder.answer = 500
    await end_call(world)
    await world.wait_for_status(5)
    assert await queued(world) == []


async def test_a_deleted_room_stops_its_recording(world: World) -> None:
    await world.set_status(1)
    world.recorder.answers = [500]
    async with world.core.db.write() as tx:
        room = await tx.scalar(select(Room))
        assert room is not None
        await rooms.delete_room(world.core, tx, room)
    assert await queued(world) == [None]
    await world.recorder.wait_for(2)
    await eventually(lambda: nothing_queued(world))
    assert world.recorder.take() == [STOP] * 2


async def test_a_queued_stop_survives_a_restart(storage: Storage) -> None:
    async with open_world(storage) as world:
        await world.set_status(1)
        world.recorder.answer = 500
        await end_call(world)
        assert await queued(world) == [None]
    async with open_world(storage, new=False) as world:
        await world.recorder.wait_for(1)
        assert world.recorder.take() == [STOP]


async def test_a_new_start_drops_the_old_stop(world: World, mira: httpx.AsyncClient) -> None:
    await world.set_status(1)
    world.recorder.answers = [500, -1]
    await end_call(world)
    await world.recorder.wait_for(2)  # the second try hangs
    await world.set_status(5)
    await world.call()
    assert (await start(world, mira)).status_code == 200
    assert world.recorder.take() == [STOP, STOP, START_VIDEO]
    assert await queued(world) == []
    assert await world.status() == 3
