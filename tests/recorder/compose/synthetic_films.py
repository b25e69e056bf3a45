"""Synthetic recordings, composed, and what is seen and heard in their films."""

from pathlib import Path
from typing import NamedTuple

from callrec.recorder.compose.worker import ComposeOptions, compose_once
from tests.recorder.compose.watching import (
    Film,
    beep_starts_ms,
    flash_starts_ms,
    picture_place,
    read_code,
    watch,
)
from tests.recorder.sending import Person
from tests.recorder.synthetic import DELAY_MS, SyntheticRecording

SMALL = ComposeOptions(640, 360)
# 12 800 ms is the joint of the chunks; the film begins so that no beep falls on it.
STARTED_MS, STOP_MS = 560, 15_000
AV_OFFSET_MS = 40  # what people begin to notice


class Made(NamedTuple):
    """A synthetic recording and its film."""

    recording: SyntheticRecording
    film: Film


def make(root: Path, people: list[Person], **more: object) -> Made:
    """Write a recording, compose it, watch it."""
    details: dict[str, object] = {"started_ms": STARTED_MS, "stop_ms": STOP_MS, **more}
    recording = SyntheticRecording(root, people, 15_500, **details)  # type: ignore[arg-type]
    recording.write()
    recording.close()
    return Made(recording, watch(compose_once(root, SMALL)))


def codes(film: Film, person: Person, index: int, count: int) -> list[int]:
    """Return the frame numbers shown in each picture of the film."""
    place = picture_place(film, person, index, count)
    return [read_code(film, number, place) for number in range(len(film.pictures))]


def wanted_codes(film: Film, person: Person) -> list[float]:
    """Return which frame was sent at each picture's time (as a fraction)."""
    return [(t + STARTED_MS - DELAY_MS - person.joins_ms) / 40 for t in film.times_ms]


def assert_in_sync(film: Film, person: Person, index: int, count: int) -> None:
    """Each flash is seen when its beep is heard."""
    flashes = flash_starts_ms(film, picture_place(film, person, index, count))
    beeps = beep_starts_ms(film)
    assert len(flashes) >= 13
    for flash in flashes:
        assert min(abs(flash - beep) for beep in beeps) <= AV_OFFSET_MS
