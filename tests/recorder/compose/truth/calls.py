"""Calls of people who can be told apart in a film, by eye and by ear."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from callrec.recorder.compose.worker import ComposeOptions, compose_once
from tests.recorder.compose.truth.judging import Stage, Truth
from tests.recorder.compose.watching import Film, watch
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, BEN, CEM, SyntheticRecording

SMALL = ComposeOptions(480, 270)

# Tones and beeps are multiples of 100 Hz: windows of 10 ms tell them apart. Who begins later by a fraction of
# a second flashes and beeps when nobody else does.
ASTRID = replace(ANNA, name="Astrid", tone_hz=300, beep_hz=1500)
BOB = replace(BEN, name="Bob", tone_hz=500, beep_hz=1900)
CIA = replace(CEM, name="Cia", tone_hz=700, beep_hz=2300)


def write(root: Path, people: Sequence[Person], duration_ms: int, **more: object) -> SyntheticRecording:
    """Write a whole recording that ends with its film."""
    recording = SyntheticRecording(root, list(people), duration_ms, **more)  # type: ignore[arg-type]
    recording.write()
    recording.close()
    return recording


def film_of(recording: SyntheticRecording) -> Film:
    """Compose a recording and look at it."""
    return watch(compose_once(recording.root, SMALL))


def truth_of(recording: SyntheticRecording, *stages: Stage) -> Truth:
    """Return what its film must be."""
    stop_ms = recording.duration_ms if recording.stop_ms is None else recording.stop_ms
    return Truth(recording.started_ms, stop_ms, stages, recording.people)
