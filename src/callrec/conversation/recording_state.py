"""The states of a room's recording, as one table (docs/wire.md, Recording states).

``TRANSITIONS`` names every event that is allowed and what follows from it. Whoever applies one writes the new
status and the system message in one transaction; afterwards the room's signaling hears, in this order, the
chat refresh (when there was a message), the status, and the room update.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from callrec.wire.constants import RecordingStatus

OFF = RecordingStatus.OFF
VIDEO = RecordingStatus.VIDEO
AUDIO = RecordingStatus.AUDIO
STARTING_VIDEO = RecordingStatus.STARTING_VIDEO
STARTING_AUDIO = RecordingStatus.STARTING_AUDIO
FAILED = RecordingStatus.FAILED

IDLE = (OFF, FAILED)
STARTING = (STARTING_VIDEO, STARTING_AUDIO)
RUNNING = (VIDEO, AUDIO)


class Event(StrEnum):
    """What can happen to a recording."""

    START_VIDEO = "start_video"
    """A moderator asks for a video recording."""
    START_AUDIO = "start_audio"
    START_EXPIRED = "start_expired"
    """The recorder accepted the start but never confirmed it."""
    STARTED_VIDEO = "started_video"
    """The recorder reports that it records."""
    STARTED_AUDIO = "started_audio"
    STOPPED_BY = "stopped_by"
    """The recorder reports the end, naming a participant who asked for it."""
    STOPPED = "stopped"
    """The recorder reports the end, naming nobody that the room knows."""
    FAILED = "failed"
    """The recorder reports that nothing can be saved."""
    RECORDER_LOST = "recorder_lost"
    """The recorder knows nothing of the recording that it was asked to stop, or cannot be asked any more."""


@dataclass(frozen=True)
class Transition:
    """What an event does to a room."""

    to: RecordingStatus
    message: str | None = None
    """Key of the system message, if one is written."""
    signalled: bool = True
    """Whether the room hears of the status: not when it stays as it was."""


def _table() -> dict[tuple[Event, RecordingStatus], Transition]:
    table: dict[tuple[Event, RecordingStatus], Transition] = {}

    def allow(
        event: Event, sources: Iterable[RecordingStatus], to: RecordingStatus, message: str | None = None
    ) -> None:
        for source in sources:
            table[event, source] = Transition(to, message, signalled=source != to)

    allow(Event.START_VIDEO, IDLE, STARTING_VIDEO)
    allow(Event.START_AUDIO, IDLE, STARTING_AUDIO)
    allow(Event.START_EXPIRED, STARTING, FAILED, "recording_failed")
    # The report's kind counts, even where it differs from what was asked for.
    allow(Event.STARTED_VIDEO, STARTING, VIDEO, "recording_started")
    allow(Event.STARTED_AUDIO, STARTING, AUDIO, "audio_recording_started")
    allow(Event.STOPPED_BY, (OFF, *STARTING, FAILED), OFF)
    allow(Event.STOPPED_BY, (VIDEO,), OFF, "recording_stopped")
    allow(Event.STOPPED_BY, (AUDIO,), OFF, "audio_recording_stopped")
    allow(Event.STOPPED, RecordingStatus, OFF)
    for event in (Event.FAILED, Event.RECORDER_LOST):
        allow(event, RUNNING, FAILED, "recording_failed")
        allow(event, (*STARTING, FAILED), FAILED)
    # A late failure after the end is shown, and allows a new start; a lost recorder after it says nothing.
    allow(Event.FAILED, (OFF,), FAILED)
    return table


TRANSITIONS: Mapping[tuple[Event, RecordingStatus], Transition] = _table()


def transition(event: Event, status: int) -> Transition | None:
    """Return what *event* does to a room in *status*, or None where it is not allowed."""
    return TRANSITIONS.get((event, RecordingStatus(status)))


def start_event(kind: int) -> Event | None:
    """Return the event of a start with the request's ``status``: 1 video, 2 audio, anything else None."""
    return {1: Event.START_VIDEO, 2: Event.START_AUDIO}.get(kind)


def started_event(kind: int) -> Event:
    """Return the event of a report *started* of *kind* 1 (video) or 2 (audio)."""
    return Event.STARTED_AUDIO if kind == AUDIO else Event.STARTED_VIDEO


def asks_recorder_to_stop(status: int) -> bool:
    """Tell whether the end of the call needs a stop request in *status*."""
    return RecordingStatus(status) not in IDLE
