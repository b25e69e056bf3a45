"""Films of which the scene changes: who is large, from sound and timeline to the picture."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from callrec.recorder.compose.layout import Rect, arrange, fit
from callrec.recorder.compose.scene import Arrangement, LayoutChoice, Scene, Seat
from callrec.recorder.compose.worker import ComposeOptions, compose_once
from callrec.recorder.folder.timeline import Event
from tests.recorder.compose.watching import Film, colour_at, media, read_code, watch
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, BEN, CEM, DELAY_MS, SyntheticRecording

STARTED_MS, STOP_MS = 560, 10_000
WIDTH_PX, HEIGHT_PX = 640, 360
SCREEN_TRACK = 5


def made(root: Path, people: list[Person], *events: Event, stop_ms: int = STOP_MS) -> SyntheticRecording:
    """Return a recording of these people; if there is a third camera, it is a screen."""
    recording = SyntheticRecording(root, people, 15_500, STARTED_MS, stop_ms, events=list(events))
    told = recording.paths.track(SCREEN_TRACK) / "track.json"
    if told.exists():
        told.write_text(json.dumps({**json.loads(told.read_text()), "source": "screen"}))
    recording.write()
    recording.close()
    return recording


def film_of(recording: SyntheticRecording, layout: LayoutChoice) -> Film:
    """Compose it and watch it."""
    return watch(compose_once(recording.root, ComposeOptions(WIDTH_PX, HEIGHT_PX, layout=layout)))


def number(ms: int) -> int:
    """Return the picture of a time of the recording: the first one at or after it."""
    return -(-(ms - STARTED_MS) // 40)


def place(arrangement: Arrangement, stage: int, strip: int, index: int, person: Person) -> Rect:
    """Return where a person's picture is in a scene of so many tiles."""
    seats = tuple(Seat(str(n), "") for n in range(stage + strip))
    places = arrange(Scene(arrangement, seats[:stage], seats[stage:]), WIDTH_PX, HEIGHT_PX)
    return fit(*person.size_px, (places.stage + places.strip)[index])


def assert_seen(film: Film, ms: int, where: Rect, person: Person) -> None:
    """The person's picture is there; the smallest tiles are blurred by the encoder."""
    assert colour_at(film, number(ms), where) == pytest.approx(person.colour, abs=35)


def test_a_speaker_is_large_with_the_first_word(tmp_path: Path) -> None:
    # A tone that begins is taken for speech for some seconds.
    ben = replace(BEN, joins_ms=4000, connects_ms=3000)
    film = film_of(made(tmp_path, [ANNA, ben]), "speaker")
    first_ms = ben.sends_ms + DELAY_MS
    anna_large, anna_small = (place("speaker", 1, 1, index, ANNA) for index in (0, 1))
    ben_large, ben_small = (place("speaker", 1, 1, index, ben) for index in (0, 1))
    assert_seen(film, first_ms - 60, anna_large, ANNA)
    assert_seen(film, first_ms - 60, ben_small, ben)
    for ms in (first_ms + 40, first_ms + 2000):
        assert_seen(film, ms, ben_large, ben)
        assert_seen(film, ms, anna_small, ANNA)
    assert read_code(film, number(first_ms + 2000), ben_large) == pytest.approx(50, abs=1)


def test_a_shared_screen_is_large_while_it_is_shared(tmp_path: Path) -> None:
    cem = replace(CEM, joins_ms=2000)
    events = [
        Event(2000, "screen_started", participant=cem.key),
        Event(9000, "screen_stopped", participant=cem.key),
    ]
    recording = made(tmp_path, [ANNA, BEN, cem], *events)
    film = film_of(recording, "auto")
    assert_seen(film, 1900, place("grid", 2, 0, 1, BEN), BEN)
    for ms in (2100, 8950):
        for index, person in enumerate([cem, ANNA, BEN]):
            assert_seen(film, ms, place("screen", 1, 3, index, person), person)
    for index, person in enumerate([ANNA, BEN]):
        assert_seen(film, 9050, place("grid", 3, 0, index, person), person)
    grey = colour_at(film, number(9050), place("grid", 3, 0, 2, cem))
    assert grey == pytest.approx((128, 128), abs=10)


def test_a_track_that_turns_out_to_be_somebody_elses_is_seen_there_from_then_on(tmp_path: Path) -> None:
    events = [Event(2000, "track", track=1, participant=BEN.key)]
    recording = made(tmp_path, [ANNA, replace(BEN, camera=False)], *events, stop_ms=3000)
    timeline = recording.paths.timeline  # an event with a wrong time does not hold up the others
    timeline.write_bytes(b'{"ms":4000000000,"type":"heartbeat"}\n' + timeline.read_bytes())
    film = film_of(recording, "grid")
    anna, ben = (place("grid", 2, 0, index, ANNA) for index in (0, 1))
    assert_seen(film, 1900, anna, ANNA)
    assert_seen(film, 2000, ben, ANNA)
    for ms, where in ((1900, ben), (2100, anna)):
        assert colour_at(film, number(ms), where) == pytest.approx((128, 128), abs=10)


def test_who_begins_in_the_middle_sees_the_same(tmp_path: Path) -> None:
    """What is on stage depends on all that was before; a worker that takes over knows it."""
    ben = replace(BEN, joins_ms=7000)
    recording = made(tmp_path, [ANNA, ben], stop_ms=15_000)
    options = ComposeOptions(WIDTH_PX, HEIGHT_PX, layout="speaker")
    at_once = media(compose_once(tmp_path, options))
    (output,) = recording.paths.output.glob("*.mp4")
    output.unlink()
    (second,) = recording.paths.chunks.rglob("000001-*.mkv")
    second.unlink()
    assert media(compose_once(tmp_path, options)) == at_once
