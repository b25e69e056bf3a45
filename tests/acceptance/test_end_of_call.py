"""Acceptance scenarios 3, 4, 21 and 22: the end of the call stops its recording."""

from collections.abc import Awaitable, Callable

import pytest

from .steps import (
    AUDIO,
    OFF,
    P1,
    RECORDING_AUDIO,
    STOP,
    VIDEO,
    by,
    end_call,
    leave_call,
    recording_started,
    recording_status,
    recording_stopped,
    room_in_call,
    start_body,
    start_recording,
    system_messages,
)
from .world import World

Ending = Callable[[World, str, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        pytest.param(end_call, ["call_ended_everyone"], id="3-for-everyone"),
        pytest.param(leave_call, ["call_ended", "call_left"], id="4-last-one-leaves"),
    ],
)
async def test_3_and_4_a_video_ends_with_its_call(mocked: World, end: Ending, told: list[str]) -> None:
    await room_in_call(mocked, P1, "room1")
    await start_recording(mocked, P1, "room1", VIDEO)
    assert mocked.recorder.take() == [start_body(VIDEO, P1)]
    await recording_started(mocked, "room1", VIDEO, P1)
    await end(mocked, P1, "room1")
    assert mocked.recorder.take() == [STOP]
    await recording_stopped(mocked, "room1")
    assert await system_messages(mocked, P1, "room1") == by(
        P1, *told, "recording_started", "call_started", "conversation_created"
    )
    assert await recording_status(mocked, P1, "room1") == OFF
    assert mocked.recorder.take() == []


@pytest.mark.parametrize(
    ("end", "stopped_by", "told"),
    [
        pytest.param(end_call, P1, ["audio_recording_stopped", "call_ended_everyone"], id="21-for-everyone"),
        pytest.param(leave_call, None, ["call_ended", "call_left"], id="22-last-one-leaves"),
    ],
)
async def test_21_and_22_an_audio_recording_ends_with_its_call(
    mocked: World, end: Ending, stopped_by: str | None, told: list[str]
) -> None:
    await room_in_call(mocked, P1, "room1")
    await start_recording(mocked, P1, "room1", AUDIO)
    assert mocked.recorder.take() == [start_body(AUDIO, P1)]
    await recording_started(mocked, "room1", AUDIO, P1)
    assert await recording_status(mocked, P1, "room1") == RECORDING_AUDIO
    await end(mocked, P1, "room1")
    assert mocked.recorder.take() == [STOP]
    assert await recording_status(mocked, P1, "room1") == RECORDING_AUDIO
    await recording_stopped(mocked, "room1", stopped_by)
    assert await recording_status(mocked, P1, "room1") == OFF
    # With an actor the end is told, even after the call.
    assert await system_messages(mocked, P1, "room1") == by(
        P1, *told, "audio_recording_started", "call_started", "conversation_created"
    )
