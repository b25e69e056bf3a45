"""Acceptance scenarios 1, 2 and 5 to 13: starting, stopping and failing, over HTTP as Talk's own tests do it.

Scenarios 3 and 4 are in ``test_end_of_call``.
"""

import pytest

from .steps import (
    AUDIO,
    CHAT_REFRESH,
    FAILED,
    NOBODY,
    OFF,
    P1,
    P2,
    RECORDING_AUDIO,
    RECORDING_VIDEO,
    STARTING_AUDIO,
    STARTING_VIDEO,
    VIDEO,
    add_participant,
    by,
    create_room,
    join_call,
    join_room,
    recording_failed,
    recording_started,
    recording_status,
    recording_stopped,
    room_in_call,
    start_body,
    start_recording,
    stop_body,
    stop_recording,
    system_messages,
    told_status,
    told_update,
)
from .world import World

BEGIN = by(P1, "call_started", "conversation_created")
FAILURE = ("recording_failed", *NOBODY)


async def test_1_video_is_started_and_stopped(mocked: World) -> None:
    await room_in_call(mocked, P1, "room1")
    update = await told_update(mocked, P1, "room1")
    assert b'"active-since":{"date":"' in update

    await start_recording(mocked, P1, "room1", VIDEO)
    assert mocked.recorder.take() == [start_body(VIDEO, P1)]
    assert mocked.signaling.take() == [told_status(STARTING_VIDEO), update]
    assert await recording_status(mocked, P1, "room1") == STARTING_VIDEO

    await recording_started(mocked, "room1", VIDEO, P1)
    assert mocked.signaling.take() == [CHAT_REFRESH, told_status(RECORDING_VIDEO), update]
    assert await system_messages(mocked, P1, "room1") == [*by(P1, "recording_started"), *BEGIN]
    assert await recording_status(mocked, P1, "room1") == RECORDING_VIDEO

    await stop_recording(mocked, P1, "room1")
    assert mocked.recorder.take() == [stop_body(P1)]
    assert mocked.signaling.take() == []
    assert await recording_status(mocked, P1, "room1") == RECORDING_VIDEO

    await recording_stopped(mocked, "room1", P1)
    assert mocked.signaling.take() == [CHAT_REFRESH, told_status(OFF), update]
    assert await system_messages(mocked, P1, "room1") == [
        *by(P1, "recording_stopped", "recording_started"),
        *BEGIN,
    ]
    assert await recording_status(mocked, P1, "room1") == OFF
    assert mocked.recorder.take() == []
    assert set(mocked.recorder.paths) == {f"/api/v1/room/{mocked.rooms['room1']}"}
    assert set(mocked.recorder.backends) == {"http://talk.example.net/"}
    assert mocked.signaling.problems == []


async def test_2_audio_is_started_and_stopped(mocked: World) -> None:
    await room_in_call(mocked, P1, "room1")
    await start_recording(mocked, P1, "room1", AUDIO)
    assert mocked.recorder.take() == [start_body(AUDIO, P1)]
    assert await recording_status(mocked, P1, "room1") == STARTING_AUDIO
    await recording_started(mocked, "room1", AUDIO, P1)
    assert await system_messages(mocked, P1, "room1") == [*by(P1, "audio_recording_started"), *BEGIN]
    assert await recording_status(mocked, P1, "room1") == RECORDING_AUDIO
    await stop_recording(mocked, P1, "room1")
    assert mocked.recorder.take() == [stop_body(P1)]
    assert await recording_status(mocked, P1, "room1") == RECORDING_AUDIO
    await recording_stopped(mocked, "room1", P1)
    assert await system_messages(mocked, P1, "room1") == [
        *by(P1, "audio_recording_stopped", "audio_recording_started"),
        *BEGIN,
    ]
    assert await recording_status(mocked, P1, "room1") == OFF


async def fails_to_start(world: World) -> None:
    """Scenario 5."""
    await room_in_call(world, P1, "room1")
    await start_recording(world, P1, "room1", VIDEO)
    assert world.recorder.take() == [start_body(VIDEO, P1)]
    assert await recording_status(world, P1, "room1") == STARTING_VIDEO
    await recording_failed(world, "room1")
    assert await system_messages(world, P1, "room1") == BEGIN
    assert await recording_status(world, P1, "room1") == FAILED


async def fails_while_running(world: World) -> None:
    """Scenario 6."""
    await room_in_call(world, P1, "room1")
    await start_recording(world, P1, "room1", VIDEO)
    assert world.recorder.take() == [start_body(VIDEO, P1)]
    await recording_started(world, "room1", VIDEO, P1)
    assert await recording_status(world, P1, "room1") == RECORDING_VIDEO
    await recording_failed(world, "room1")
    assert await system_messages(world, P1, "room1") == [FAILURE, *by(P1, "recording_started"), *BEGIN]
    assert await recording_status(world, P1, "room1") == FAILED


async def test_5_a_recording_that_cannot_start(mocked: World) -> None:
    await fails_to_start(mocked)


async def test_6_a_recording_that_breaks_off(mocked: World) -> None:
    await fails_while_running(mocked)


@pytest.mark.parametrize("failed_before", [7, 8])
async def test_7_and_8_a_recording_after_a_failed_one(mocked: World, failed_before: int) -> None:
    if failed_before == 7:
        await fails_to_start(mocked)
        before = BEGIN
    else:
        await fails_while_running(mocked)
        before = [FAILURE, *by(P1, "recording_started"), *BEGIN]

    await start_recording(mocked, P1, "room1", VIDEO)
    assert mocked.recorder.take() == [start_body(VIDEO, P1)]
    assert await recording_status(mocked, P1, "room1") == STARTING_VIDEO
    await recording_started(mocked, "room1", VIDEO, P1)
    assert await system_messages(mocked, P1, "room1") == [*by(P1, "recording_started"), *before]
    assert await recording_status(mocked, P1, "room1") == RECORDING_VIDEO
    await stop_recording(mocked, P1, "room1")
    assert mocked.recorder.take() == [stop_body(P1)]
    assert await recording_status(mocked, P1, "room1") == RECORDING_VIDEO
    await recording_stopped(mocked, "room1", P1)
    assert await system_messages(mocked, P1, "room1") == [
        *by(P1, "recording_stopped", "recording_started"),
        *before,
    ]
    assert await recording_status(mocked, P1, "room1") == OFF


@pytest.mark.parametrize(
    ("kind", "other", "running"), [(AUDIO, VIDEO, RECORDING_AUDIO), (VIDEO, AUDIO, RECORDING_VIDEO)]
)
async def test_9_what_is_started_or_stopped_already(
    mocked: World, kind: int, other: int, running: int
) -> None:
    await room_in_call(mocked, P1, "room1")
    await start_recording(mocked, P1, "room1", kind)
    assert mocked.recorder.take() == [start_body(kind, P1)]
    await recording_started(mocked, "room1", kind, P1)
    for again in (kind, other):
        await start_recording(mocked, P1, "room1", again, 400, "recording")
        assert mocked.recorder.take() == []
        assert await recording_status(mocked, P1, "room1") == running
    for _ in range(2):
        await stop_recording(mocked, P1, "room1")
        assert mocked.recorder.take() == [stop_body(P1)]
    await recording_stopped(mocked, "room1", P1)
    await stop_recording(mocked, P1, "room1")
    assert mocked.recorder.take() == []
    assert await recording_status(mocked, P1, "room1") == OFF


async def test_10_a_status_that_is_none(mocked: World) -> None:
    await room_in_call(mocked, P1, "room1")
    await start_recording(mocked, P1, "room1", -1, 400, "status")
    assert mocked.recorder.take() == []
    assert await recording_status(mocked, P1, "room1") == OFF


async def test_11_no_recording_with_the_internal_signaling(world: World) -> None:
    await room_in_call(world, P1, "room1")
    for kind in (VIDEO, AUDIO):
        await start_recording(world, P1, "room1", kind, 400, "config")
        assert await recording_status(world, P1, "room1") == OFF


async def test_12_only_a_moderator_starts(mocked: World) -> None:
    await mocked.add_user(P2)
    await room_in_call(mocked, P1, "room1")
    await add_participant(mocked, P1, P2, "room1")
    await join_room(mocked, P2, "room1")
    await join_call(mocked, P2, "room1")
    for kind in (VIDEO, AUDIO):
        await start_recording(mocked, P2, "room1", kind, 403)
        assert mocked.recorder.take() == []
        assert await recording_status(mocked, P2, "room1") == OFF


async def test_13_no_recording_without_a_call(mocked: World) -> None:
    await mocked.add_user(P1)
    await create_room(mocked, P1, "room1")
    for kind in (VIDEO, AUDIO):
        await start_recording(mocked, P1, "room1", kind, 400, "call")
        assert mocked.recorder.take() == []
        assert await recording_status(mocked, P1, "room1") == OFF
