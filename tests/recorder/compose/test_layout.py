"""Where tiles lie."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrec.recorder.compose.layout import Places, Rect, arrange, fit, grid
from callrec.recorder.compose.scene import Arrangement, Scene, Seat

SIZES = [
    (1920, 1080),
    (1280, 720),
    (640, 360),
    (320, 180),
    (3840, 2160),
    (1080, 1920),
    (1440, 1080),
    (2560, 1080),
]


def scene(arrangement: Arrangement, stage: int, strip: int) -> Scene:
    """Return a scene with so many seats."""
    seats = [Seat(str(number), "") for number in range(stage + strip)]
    return Scene(arrangement, tuple(seats[:stage]), tuple(seats[stage:]))


def assert_apart(tiles: list[Rect], size: tuple[int, int]) -> None:
    """All numbers are even; all tiles lie on the canvas, and none on another."""
    canvas = np.zeros((size[1] // 2, size[0] // 2), int)
    for x, y, width, height in tiles:
        assert not (x | y | width | height) & 1
        assert min(x, y, size[0] - x - width, size[1] - y - height) >= 0
        assert min(width, height) >= 2
        canvas[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] += 1
    assert not tiles or canvas.max() == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", range(26))
def test_a_grid_has_equal_tiles_and_gaps(count: int, size: tuple[int, int]) -> None:
    tiles = grid(count, *size)
    assert len(tiles) == count
    assert_apart(tiles, size)
    assert len({tile[2:] for tile in tiles}) <= 1
    assert all(tile.width / tile.height == pytest.approx(16 / 9, rel=0.1) for tile in tiles)
    beside = {b.x - a.x - a.width for a, b in pairwise(tiles) if a.y == b.y}
    rows = sorted({tile.y for tile in tiles})
    below = {b - a - tiles[0].height for a, b in pairwise(rows)}
    assert len(beside | below) <= 1


even = st.integers(160, 1920).map(lambda half: 2 * half)
places = st.builds(
    lambda arrangement, stage, strip, width, height: (scene(arrangement, stage, strip), width, height),
    st.sampled_from(["grid", "speaker", "screen"]),
    st.integers(0, 18),
    st.integers(0, 12),
    even,
    st.integers(90, 1920).map(lambda half: 2 * half),
)


@settings(deadline=None)
@given(places)
def test_everything_has_a_place_of_its_own(asked: tuple[Scene, int, int]) -> None:
    shown, width_px, height_px = asked
    stage, strip = arrange(shown, width_px, height_px)
    assert (len(stage), len(strip)) == (len(shown.stage), len(shown.strip))
    assert_apart(stage + strip, (width_px, height_px))
    assert len({tile[2:] for tile in strip}) <= 1
    assert all(abs(tile.width - tile.height * 16 / 9) <= 4 for tile in strip)
    for tile in stage:
        if shown.arrangement != "screen":
            assert abs(tile.width - tile.height * 16 / 9) <= 4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("arrangement", ["speaker", "screen"])
@pytest.mark.parametrize("count", range(1, 7))
def test_the_stage_is_large_and_stays_as_people_come(
    count: int, arrangement: Arrangement, size: tuple[int, int]
) -> None:
    (stage,), strip = arrange(scene(arrangement, 1, count), *size)
    assert stage == arrange(scene(arrangement, 1, 6), *size).stage[0]
    largest = fit(16, 9, Rect(0, 0, *size))
    assert stage.width >= 0.7 * largest.width
    assert stage.height >= 0.7 * largest.height
    assert stage.width * stage.height > 12 * strip[0].width * strip[0].height
    gaps = {b.y - a.y - a.height if a.x == b.x else b.x - a.x - a.width for a, b in pairwise(strip)}
    assert len(gaps) <= 1


def test_the_strip_is_where_there_is_room() -> None:
    def beside(places: Places) -> bool:
        return all(tile.x > places.stage[0].x + places.stage[0].width for tile in places.strip)

    sides = {size: beside(arrange(scene("speaker", 1, 3), *size)) for size in SIZES}
    assert [size for size, right in sides.items() if not right] == [(1080, 1920), (1440, 1080)]


def test_one_person_alone_has_the_whole_picture() -> None:
    assert arrange(scene("speaker", 1, 0), 1920, 1080) == Places([Rect(0, 0, 1920, 1080)], [])
    assert arrange(scene("screen", 1, 0), 1920, 1080) == Places([Rect(0, 0, 1920, 1080)], [])


def test_a_screen_has_all_the_room_beside_the_strip() -> None:
    (screen,), (first, *_) = arrange(scene("screen", 1, 2), 1920, 1080)
    assert (screen.x, screen.y, screen.height) == (12, 12, 1080 - 24)
    assert screen.x + screen.width + 12 == first.x
    assert first.x + first.width + 12 == 1920


def test_a_picture_keeps_its_shape() -> None:
    assert fit(640, 480, Rect(0, 0, 1920, 1080)) == Rect(240, 0, 1440, 1080)
    assert fit(90, 160, Rect(10, 10, 160, 90)) == Rect(66, 10, 50, 90)
