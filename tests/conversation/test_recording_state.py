"""The table of recording states says what the contract says, cell by cell."""

import pytest

from callrec.conversation.recording_state import (
    TRANSITIONS,
    Event,
    asks_recorder_to_stop,
    start_event,
    started_event,
    transition,
)

# Per event one cell for each status 0 … 5: the new status, "!" where nothing is signalled, a letter for the
# message (s started, S audio started, p stopped, P audio stopped, f failed); "-" is not allowed.
LETTERS = {
    "s": "recording_started",
    "S": "audio_recording_started",
    "p": "recording_stopped",
    "P": "audio_recording_stopped",
    "f": "recording_failed",
}
CONTRACT = {
    Event.START_VIDEO: "3 - - - - 3",
    Event.START_AUDIO: "4 - - - - 4",
    Event.START_EXPIRED: "- - - 5f 5f -",
    Event.STARTED_VIDEO: "- - - 1s 1s -",
    Event.STARTED_AUDIO: "- - - 2S 2S -",
    Event.STOPPED_BY: "0! 0p 0P 0 0 0",
    Event.STOPPED: "0! 0 0 0 0 0",
    Event.FAILED: "5 5f 5f 5 5 5!",
    Event.RECORDER_LOST: "- 5f 5f 5 5 5!",
}


@pytest.mark.parametrize("event", Event)
def test_every_cell(event: Event) -> None:
    cells = CONTRACT[event].split()
    assert len(cells) == 6
    for status, cell in enumerate(cells):
        found = transition(event, status)
        if cell == "-":
            assert found is None, (event, status)
            continue
        assert found is not None, (event, status)
        assert found.to == int(cell[0])
        assert found.signalled == ("!" not in cell)
        assert found.message == LETTERS.get(cell[-1]), (event, status)


def test_the_table_has_no_other_cells() -> None:
    assert len(TRANSITIONS) == sum(cell != "-" for row in CONTRACT.values() for cell in row.split())


def test_only_video_and_audio_can_be_started() -> None:
    assert start_event(1) is Event.START_VIDEO
    assert start_event(2) is Event.START_AUDIO
    assert [start_event(kind) for kind in (-1, 0, 3, 4, 5)] == [None] * 5


def test_kind_of_a_started_report() -> None:
    assert started_event(1) is Event.STARTED_VIDEO
    assert started_event(2) is Event.STARTED_AUDIO


def test_the_end_of_a_call_stops_what_starts_or_runs() -> None:
    assert [asks_recorder_to_stop(status) for status in range(6)] == [False, True, True, True, True, False]
