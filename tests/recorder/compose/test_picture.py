"""What is drawn."""

from collections import deque

import numpy as np
import pytest

from callrec.recorder.compose.draw import Canvas
from callrec.recorder.compose.film import chunks_of
from callrec.recorder.compose.ingest import STEP_MS
from callrec.recorder.compose.labels import avatar, name_stamp
from callrec.recorder.compose.limiter import CEILING, REACH, limit
from callrec.recorder.compose.picture import EARLY_MS, StreamPicture
from callrec.recorder.compose.planes import frame_planes
from callrec.recorder.compose.scene import Scene, Seat, SeatSource
from callrec.recorder.compose.track_log import Frame
from tests.recorder.clips import encoded_clip
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, BEN


def clip(person: Person, first_ms: float) -> deque[Frame]:
    """Return four seconds of *person* from *first_ms* on."""
    data = encoded_clip(person.size_px, person.colour)[:100]
    return deque(Frame(first_ms + n * 40, one, n % 50 == 0, "vp8") for n, one in enumerate(data))


def test_the_first_frame_is_shown_early_and_no_other() -> None:
    picture = StreamPicture(clip(ANNA, 1000))
    picture.advance(1000 - EARLY_MS - 1)
    assert (picture.size, picture.shown_ms) == (None, None)
    for ms in (1000 - EARLY_MS, 999):
        picture.advance(ms)
        assert (picture.size, picture.shown_ms, picture.early) == (ANNA.size_px, 1000, True)
    picture.advance(1039)
    assert (picture.shown_ms, picture.early) == (1000, False)
    picture.advance(1040)
    assert picture.shown_ms == 1040
    assert EARLY_MS + 20 < STEP_MS


@pytest.mark.parametrize(
    ("new_begins_ms", "at_ms", "camera", "wanted"),
    [
        (3000, 2900, True, ANNA.colour),  # the old stream goes on
        (3000, 3000, True, BEN.colour),
        (9500, 9000, True, BEN.colour),  # the old one ended at 4000
        (9500, 8900, True, (128, 128)),
        (9500, 9000, False, (128, 128)),
    ],
)
def test_a_stream_begins_early_only_instead_of_initials(
    new_begins_ms: int, at_ms: int, camera: bool, wanted: tuple[int, int]
) -> None:
    streams = [StreamPicture(clip(ANNA, 0)), StreamPicture(clip(BEN, new_begins_ms))]
    for stream in streams:
        stream.advance(at_ms)
    canvas = Canvas(320, 240)
    canvas.draw(
        Scene("grid", (Seat("users/a", "", picture=camera),)), {("users/a", "camera"): streams}, at_ms
    )
    _, u, v = frame_planes(canvas.frame)
    assert (float(u[80, 130]), float(v[80, 130])) == pytest.approx(wanted, abs=10)


@pytest.mark.parametrize(("source", "wanted"), [("camera", (128, 128)), ("screen", ANNA.colour)])
def test_a_screen_on_which_nothing_moves_stays(source: SeatSource, wanted: tuple[int, int]) -> None:
    stream = StreamPicture(clip(ANNA, 0))
    stream.advance(60_000)
    canvas = Canvas(320, 240)
    canvas.draw(Scene("grid", (Seat("users/a", "", source),)), {("users/a", source): [stream]}, 60_000)
    _, u, v = frame_planes(canvas.frame)
    assert (float(u[80, 130]), float(v[80, 130])) == pytest.approx(wanted, abs=10)


def test_avatars_have_colours_of_their_own() -> None:
    one = avatar("users/anna", "Anna Åström", 320, 180)
    other = avatar("users/ben", "Anna Åström", 320, 180)
    assert one.y.shape == (180, 320)
    assert (one.u[33, 70], one.v[33, 70]) != (other.u[33, 70], other.v[33, 70])
    assert (one.y > 200).any()


@pytest.mark.parametrize("name", ["", "x", "Ł", "名前", "A very long name " * 10, "👩‍🚀 Zoë"])
def test_any_name_can_be_drawn(name: str) -> None:
    stamp = name_stamp(name, 160, 90)
    assert 0 < stamp.width <= 160
    assert avatar("users/x", name, 160, 90).y.shape == (90, 160)


def test_the_limiter_turns_down_without_bending() -> None:
    t = np.arange(4 * 48_000)
    sound = np.stack([np.sin(t * 0.05)] * 2).astype(np.float32) * 0.3
    sound[:, 96_000:98_400] *= 6
    limited = limit(sound)
    assert limited.shape[1] == sound.shape[1] - 2 * REACH
    assert np.abs(limited).max() <= CEILING
    inner = sound[:, REACH:-REACH]
    gain = limited[np.abs(inner) > 0.01] / inner[np.abs(inner) > 0.01]
    assert gain.min() > 0.35
    far = np.abs(np.arange(inner.shape[1]) - (96_000 - REACH)) > 3 * REACH
    assert np.array_equal(limited[:, far], inner[:, far])


def test_pieces_limited_apart_fit_together() -> None:
    noise = np.random.default_rng(1).normal(0, 0.5, (2, 48_000)).astype(np.float32)
    whole, part = limit(noise), limit(noise[:, 9600 : 9600 + 24_000])
    assert part == pytest.approx(whole[:, 9600 : 9600 + part.shape[1]], abs=1e-5)


@pytest.mark.parametrize(
    ("duration_ms", "lengths"),
    [(1, [1]), (40, [1]), (41, [2]), (12_800, [320]), (12_801, [320, 1]), (30_000, [320, 320, 110])],
)
def test_chunks_cover_the_film(duration_ms: int, lengths: list[int]) -> None:
    assert [chunk.pictures for chunk in chunks_of(duration_ms, 25)] == lengths
