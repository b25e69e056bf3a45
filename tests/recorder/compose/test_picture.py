"""Who is seen where."""

from collections import deque

import numpy as np
import pytest

from callrec.recorder.compose.draw import Canvas
from callrec.recorder.compose.film import chunks_of
from callrec.recorder.compose.ingest import LOOKAHEAD_MS, STEP_MS, Frame
from callrec.recorder.compose.labels import avatar, name_stamp
from callrec.recorder.compose.layout import Rect, fit, grid
from callrec.recorder.compose.limiter import REACH, limit
from callrec.recorder.compose.picture import EARLY_MS, StreamPicture
from callrec.recorder.compose.planes import frame_planes
from callrec.recorder.compose.presence import Roster
from callrec.recorder.compose.scene import Scene, Seat
from callrec.recorder.folder.timeline import Event
from tests.recorder.clips import encoded_clip
from tests.recorder.synthetic import ANNA, BEN, Person


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (320, 180), (1080, 1920)])
@pytest.mark.parametrize("count", range(1, 26))
def test_a_grid_fits_and_does_not_overlap(count: int, size: tuple[int, int]) -> None:
    canvas = np.zeros(size[::-1], int)
    tiles = grid(count, *size)
    assert len(tiles) == count
    for x, y, width, height in tiles:
        assert not (x | y | width | height) & 1
        assert min(x, y, size[0] - x - width, size[1] - y - height) >= 0
        canvas[y : y + height, x : x + width] += 1
        assert width / height == pytest.approx(16 / 9, rel=0.1)
    assert canvas.max() == 1


def test_a_picture_keeps_its_shape() -> None:
    assert fit(640, 480, Rect(0, 0, 1920, 1080)) == Rect(240, 0, 1440, 1080)
    assert fit(90, 160, Rect(10, 10, 160, 90)) == Rect(66, 10, 50, 90)


def test_seats() -> None:
    events = [
        Event(100, "joined", participant="users/b", name="Ben\n\u202e"),
        Event(200, "joined", participant="users/a", name="Anna"),
        Event(300, "name", participant="users/b", name="Benjamin"),
        Event(400, "muted", participant="users/a", media="video"),
        Event(500, "left", participant="users/b"),
        Event(600, "joined", participant="users/b", name="Ben"),
        Event(100, "joined", participant="users/silent", name="Never sent anything"),
    ]
    roster = Roster(events, {"users/a": 250, "users/b": 150, "session/x": 450})
    anna, stranger = Seat("users/a", "Anna"), Seat("session/x", "Guest")
    assert roster.at(99) == ()
    assert roster.at(150) == (Seat("users/b", "Ben"),)
    assert roster.at(299) == (Seat("users/b", "Ben"), anna)
    assert roster.at(300) == (Seat("users/b", "Benjamin"), anna)
    assert roster.at(450) == (Seat("users/b", "Benjamin"), anna._replace(picture=False), stranger)
    assert roster.at(550) == (anna._replace(picture=False), stranger)
    assert roster.at(600)[0] == Seat("users/b", "Ben")


def test_a_seat_is_kept_for_who_will_send_within_the_lookahead() -> None:
    events = [Event(100, "joined", participant="users/a", name="Anna")]
    roster = Roster(events, {"users/a": 9000, "session/x": 9000})
    assert roster.at(9000 - LOOKAHEAD_MS - 1) == ()
    assert roster.at(9000 - LOOKAHEAD_MS) == roster.at(8999) == (Seat("users/a", "Anna"),)
    assert len(roster.at(9000)) == 2


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
    assert np.abs(limited).max() <= 0.801
    inner = sound[:, REACH:-REACH]
    gain = limited[np.abs(inner) > 0.01] / inner[np.abs(inner) > 0.01]
    assert gain.min() > 0.4
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
