"""What the picture shows of a scene, and that nothing is drawn in vain."""

from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from callrec.recorder.compose import palette
from callrec.recorder.compose.draw import Canvas, Pictures
from callrec.recorder.compose.labels import label_corner, name_stamp
from callrec.recorder.compose.layout import Rect, arrange, fit
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.planes import Planes, Yuv, frame_planes, yuv
from callrec.recorder.compose.scene import Scene, Seat
from callrec.recorder.compose.track_log import Frame
from tests.recorder.clips import encoded_clip
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, BEN

SIZE = (960, 540)
SEATS = tuple(Seat(f"users/{n}", n) for n in ("Anna", "Ben", "Chiara", "Daniel"))
Luma = npt.NDArray[np.uint8]


def moving(person: Person = ANNA) -> StreamPicture:
    data = encoded_clip(person.size_px, person.colour)[:100]
    return StreamPicture(deque(Frame(n * 40, one, n % 50 == 0, "vp8") for n, one in enumerate(data)))


def copied(canvas: Canvas) -> Planes:
    return Planes(*(plane.copy() for plane in frame_planes(canvas.frame)))


def same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def colour_at(canvas: Canvas, x: int, y: int) -> Yuv:
    planes = frame_planes(canvas.frame)
    return int(planes.y[y, x]), int(planes.u[y // 2, x // 2]), int(planes.v[y // 2, x // 2])


def shown(*seats: Seat, size: tuple[int, int] = SIZE) -> Canvas:
    canvas = Canvas(*size)
    canvas.draw(Scene("grid", seats), {}, 0)
    return canvas


def test_nothing_is_drawn_when_nothing_has_changed() -> None:
    stream = moving()
    pictures: Pictures = {("users/Anna", "camera"): [stream]}
    canvas, scene = Canvas(*SIZE), Scene("grid", SEATS)
    stream.advance(0)
    assert canvas.draw(scene, pictures, 0)
    before = copied(canvas)
    assert not canvas.draw(scene, pictures, 10)
    assert same(copied(canvas), before)
    stream.advance(40)
    assert canvas.draw(scene, pictures, 40)
    muted = (*SEATS[:3], SEATS[3]._replace(muted=True))
    assert canvas.draw(Scene("grid", muted), pictures, 50)
    assert not canvas.draw(Scene("grid", muted), pictures, 60)
    assert canvas.draw(Scene("grid", muted, hidden=2), pictures, 70)
    assert canvas.draw(Scene("grid", muted[:3]), pictures, 80)
    assert not canvas.draw(Scene("grid", muted[:3]), pictures, 90)


def test_an_empty_scene_is_drawn_once() -> None:
    canvas = Canvas(*SIZE)
    canvas.draw(Scene("grid", ()), {}, 0)
    assert not canvas.draw(Scene("grid", ()), {}, 40)


def test_only_the_tile_that_has_changed_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw_tile = Canvas._draw_tile

    def noted(canvas: Canvas, tile: object, what: object) -> None:
        drawn.append(what.seat.name)  # type: ignore[attr-defined]
        draw_tile(canvas, tile, what)  # type: ignore[arg-type]

    monkeypatch.setattr(Canvas, "_draw_tile", noted)
    anna, ben = moving(), moving(BEN)
    pictures: Pictures = {("users/Anna", "camera"): [anna], ("users/Ben", "camera"): [ben]}
    canvas = Canvas(*SIZE)
    scene = Scene("grid", (SEATS[0]._replace(speaking=True), *SEATS[1:]))
    anna.advance(0)
    ben.advance(0)
    canvas.draw(scene, pictures, 0)
    assert drawn == ["Anna", "Ben", "Chiara", "Daniel"]
    drawn.clear()
    for ms in range(0, 400, 20):
        anna.advance(ms)
        canvas.draw(scene, pictures, ms)
    assert drawn == ["Anna"] * 9


@pytest.mark.parametrize("size", [(1920, 1080), (960, 540), (640, 360), (320, 180)])
def test_drawing_piece_by_piece_gives_the_same_picture(size: tuple[int, int]) -> None:
    """A chunk's first picture is drawn whole, by another canvas than that of the chunk before."""
    anna, ben = moving(), moving(BEN)
    pictures: Pictures = {("users/Anna", "camera"): [anna], ("users/Ben", "camera"): [ben]}
    seats = (SEATS[0]._replace(hand=True), SEATS[1]._replace(speaking=True), *SEATS[2:])
    scene = Scene("grid", seats, hidden=3, heard=("Emre", "Fatima"))
    kept = Canvas(*size)
    for ms in (0, 40, 80, 120):
        anna.advance(ms)
        ben.advance(ms // 2)
        kept.draw(Scene("grid", SEATS) if ms == 40 else scene, pictures, ms)
    fresh = Canvas(*size)
    fresh.draw(scene, pictures, 120)
    assert same(copied(kept), copied(fresh))


@pytest.mark.parametrize("size_px", [(640, 480), (360, 640), (1280, 200)])
def test_pictures_keep_their_shape(size_px: tuple[int, int]) -> None:
    stream = moving(replace(ANNA, size_px=size_px, colour=(200, 60)))
    stream.advance(0)
    canvas = Canvas(*SIZE)
    canvas.draw(Scene("grid", SEATS[:1]), {("users/Anna", "camera"): [stream]}, 0)
    whole = Rect(0, 0, *SIZE)
    place = fit(*size_px, whole)
    assert place.width / place.height == pytest.approx(size_px[0] / size_px[1], rel=0.03)
    u = frame_planes(canvas.frame).u.astype(int)
    coloured = np.abs(u - 200) < 25
    rows, columns = np.nonzero(coloured)
    assert abs(columns.min() * 2 - place.x) <= 4
    assert abs(columns.max() * 2 + 2 - place.x - place.width) <= 4
    assert abs(rows.max() * 2 + 2 - place.y - place.height) <= 4
    assert colour_at(canvas, *((2, 270) if place.x else (480, 4))) == yuv(palette.TILE)


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 360)])
def test_a_line_runs_around_who_speaks(size: tuple[int, int]) -> None:
    quiet = shown(*SEATS, size=size)
    canvas = shown(SEATS[0], SEATS[1]._replace(speaking=True), *SEATS[2:], size=size)
    tiles = arrange(Scene("grid", SEATS), *size).stage
    tile, other = tiles[1], tiles[2]
    middle_x, middle_y = tile.x + tile.width // 2, tile.y + tile.height // 2
    speaking = yuv(palette.SPEAKING)
    for x, y in (
        (tile.x - 1, middle_y),
        (tile.x + tile.width, middle_y),
        (middle_x, tile.y - 1),
        (middle_x, tile.y + tile.height),
    ):
        assert colour_at(canvas, x, y) == speaking
        assert colour_at(quiet, x, y) == yuv(palette.BACKGROUND)
    inside = frame_planes(canvas.frame).y[
        tile.y : tile.y + tile.height, tile.x + 20 : tile.x + tile.width - 20
    ]
    before = frame_planes(quiet.frame).y[
        tile.y : tile.y + tile.height, tile.x + 20 : tile.x + tile.width - 20
    ]
    assert np.array_equal(inside, before)
    assert colour_at(canvas, other.x - 1, other.y + 30) == yuv(palette.BACKGROUND)
    canvas.draw(Scene("grid", SEATS), {}, 40)
    assert same(copied(canvas), copied(quiet))


def test_where_there_is_no_gap_the_line_runs_inside() -> None:
    canvas = shown(SEATS[0]._replace(speaking=True))
    assert colour_at(canvas, 0, 270) == colour_at(canvas, 480, 539) == yuv(palette.SPEAKING)
    assert colour_at(canvas, 6, 270) == yuv(palette.TILE)


def test_corners_are_round_where_there_is_a_gap() -> None:
    tile = arrange(Scene("grid", SEATS), *SIZE).stage[0]
    canvas = shown(*SEATS)
    assert colour_at(canvas, tile.x, tile.y) == yuv(palette.BACKGROUND)
    assert colour_at(canvas, tile.x + tile.width - 1, tile.y + tile.height - 1) == yuv(palette.BACKGROUND)
    assert colour_at(canvas, tile.x + 8, tile.y + 8) == yuv(palette.TILE)
    assert colour_at(shown(SEATS[0]), 0, 0) == yuv(palette.TILE)


def plate_of(canvas: Canvas, index: int, name: str, tiles: int = 4) -> Planes:
    """Return what lies where the plate of an unmarked seat is, and as much again to the right."""
    tile = arrange(Scene("grid", SEATS[:tiles]), *SIZE).stage[index]
    stamp = name_stamp(name, tile.width, tile.height)
    x, y = label_corner(tile, stamp)
    planes = frame_planes(canvas.frame)
    return Planes(
        planes.y[y : y + stamp.height, x : x + 2 * stamp.width],
        planes.u[y // 2 : (y + stamp.height) // 2, x // 2 : x // 2 + stamp.width],
        planes.v[y // 2 : (y + stamp.height) // 2, x // 2 : x // 2 + stamp.width],
    )


def has_colour(planes: Planes, rgb: palette.Rgb) -> bool:
    _, u, v = yuv(rgb)
    distance = np.hypot(planes.u.astype(int) - u, planes.v.astype(int) - v)
    return bool((distance < 0.35 * np.hypot(u - 128, v - 128)).sum() >= 4)


@pytest.mark.parametrize(
    ("seat", "muted", "hand"),
    [
        (SEATS[0], False, False),
        (SEATS[0]._replace(muted=True), True, False),
        (SEATS[0]._replace(hand=True), False, True),
        (SEATS[0]._replace(muted=True, hand=True), True, True),
        (SEATS[0]._replace(source="screen", muted=True, hand=True), False, False),
    ],
)
def test_marks_stand_beside_the_name(seat: Seat, muted: bool, hand: bool) -> None:
    plate = plate_of(shown(seat, *SEATS[1:]), 0, "Anna")
    assert has_colour(plate, palette.MUTED) == muted
    assert has_colour(plate, palette.HAND) == hand
    assert (plate.y > 180).any()
    plain = plate_of(shown(*SEATS), 0, "Anna")
    assert np.array_equal(plate.y, plain.y) == (seat == SEATS[0])


@pytest.mark.parametrize(
    "size", [(3840, 2160), (1080, 1920), (640, 360), (320, 180), (320, 2160), (3840, 180)]
)
@pytest.mark.parametrize("count", [1, 2, 7, 25])
def test_any_size_can_be_drawn(size: tuple[int, int], count: int) -> None:
    seats = tuple(
        Seat(f"users/{n}", f"A rather long name, {n}", speaking=n == 1, muted=n % 2 == 0, hand=n % 3 == 0)
        for n in range(count)
    )
    canvas = Canvas(*size)
    assert canvas.draw(Scene("grid", seats, hidden=120, heard=("Emre", "Fatima")), {}, 0)
    assert canvas.draw(Scene("speaker", seats[:1], seats[1:6], hidden=1), {}, 0)


def test_the_fonts_come_with_their_licences() -> None:
    fonts = Path(palette.__file__).parent / "fonts"
    named = {path.name for path in fonts.iterdir()}
    assert {"OFL.txt", "Apache-2.0.txt", "README.md"} < named
    assert sum(path.stat().st_size for path in fonts.iterdir()) < 10_000_000
