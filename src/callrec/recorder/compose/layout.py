"""Where on the canvas each tile of a scene lies, and each picture in its tile."""

from typing import NamedTuple

from callrec.recorder.compose.scene import Scene

_ASPECT = 16 / 9
_GAP_PER_SIDE = 12 / 1080  # of the shorter one
# Tiles beside the stage are of the size at which so many fill the canvas: who comes and goes does not change
# the stage.
_STRIP_FULL = 6


class Rect(NamedTuple):
    """A rectangle in pixels; all numbers are even, as half the colour resolution demands."""

    x: int
    y: int
    width: int
    height: int


class Places(NamedTuple):
    """Where the tiles of a scene lie, in the order of its seats."""

    stage: list[Rect]
    strip: list[Rect]


def arrange(scene: Scene, width_px: int, height_px: int) -> Places:
    """Return where the tiles of *scene* lie on a canvas of this size.

    Tiles are of 16:9. Only a shared screen beside a strip has all the room there is: it may have any shape,
    and is to be read.
    """
    if not scene.strip:
        return Places(grid(len(scene.stage), width_px, height_px), [])
    # The strip is where it leaves more for the stage; at the right, if both are alike.
    strip, room = max(
        (
            _strip_right(len(scene.strip), width_px, height_px),
            _strip_below(len(scene.strip), width_px, height_px),
        ),
        key=lambda choice: fit(16, 9, choice[1]).width,
    )
    if scene.arrangement == "screen" and len(scene.stage) == 1:
        return Places([room], strip)
    stage = [
        Rect(room.x + x, room.y + y, width, height)
        for x, y, width, height in grid(len(scene.stage), room.width, room.height, _gap(width_px, height_px))
    ]
    return Places(stage, strip)


def grid(count: int, width_px: int, height_px: int, gap_px: int | None = None) -> list[Rect]:
    """Return *count* equal 16:9 tiles, as large as the canvas allows; even gaps, last row centred."""
    if not count:
        return []
    if count == 1:
        return [fit(16, 9, Rect(0, 0, width_px, height_px))]
    gap = _gap(width_px, height_px) if gap_px is None else gap_px
    columns, tile_width = max(
        ((c, _tile_width(count, c, width_px, height_px, gap)) for c in range(1, count + 1)),
        key=lambda choice: (choice[1], choice[0]),
    )
    rows = -(-count // columns)
    tile_height = max(2, min(even(tile_width / _ASPECT), _down((height_px - gap * (rows + 1)) / rows)))
    top = even((height_px - rows * tile_height - (rows - 1) * gap) / 2)
    tiles = []
    for row in range(rows):
        in_row = min(columns, count - row * columns)
        left = even((width_px - in_row * tile_width - (in_row - 1) * gap) / 2)
        y = top + row * (tile_height + gap)
        tiles += [Rect(left + i * (tile_width + gap), y, tile_width, tile_height) for i in range(in_row)]
    return tiles


def fit(width_px: int, height_px: int, into: Rect) -> Rect:
    """Return the largest rectangle of the shape *width_px* to *height_px*, centred in *into*."""
    scale = min(into.width / width_px, into.height / height_px)
    width = min(into.width, max(2, even(width_px * scale)))
    height = min(into.height, max(2, even(height_px * scale)))
    return Rect(
        into.x + even((into.width - width) / 2), into.y + even((into.height - height) / 2), width, height
    )


def _strip_right(count: int, width_px: int, height_px: int) -> tuple[list[Rect], Rect]:
    """Return the tiles of a column at the right, in the middle of the height, and what is left of it."""
    gap = _gap(width_px, height_px)
    step = max(count, _STRIP_FULL)
    height = max(2, _down((height_px - gap * (step + 1)) / step))
    width = max(2, even(height * _ASPECT))
    x, top = width_px - gap - width, even((height_px - count * height - (count - 1) * gap) / 2)
    tiles = [Rect(x, top + i * (height + gap), width, height) for i in range(count)]
    return tiles, Rect(gap, gap, max(2, x - 2 * gap), height_px - 2 * gap)


def _strip_below(count: int, width_px: int, height_px: int) -> tuple[list[Rect], Rect]:
    """Return the tiles of a row at the bottom, in the middle of the width, and what is left above it."""
    gap = _gap(width_px, height_px)
    step = max(count, _STRIP_FULL)
    width = max(2, _down((width_px - gap * (step + 1)) / step))
    height = max(2, even(width / _ASPECT))
    y, left = height_px - gap - height, even((width_px - count * width - (count - 1) * gap) / 2)
    tiles = [Rect(left + i * (width + gap), y, width, height) for i in range(count)]
    return tiles, Rect(gap, gap, width_px - 2 * gap, max(2, y - 2 * gap))


def _tile_width(count: int, columns: int, width_px: int, height_px: int, gap: int) -> int:
    rows = -(-count // columns)
    by_width = (width_px - gap * (columns + 1)) / columns
    by_height = (height_px - gap * (rows + 1)) / rows * _ASPECT
    return max(2, _down(min(by_width, by_height)))


def _gap(width_px: int, height_px: int) -> int:
    return max(2, even(min(width_px, height_px) * _GAP_PER_SIDE))


def _down(value: float) -> int:
    return int(value) // 2 * 2


def even(value: float) -> int:
    """Return the even number that is nearest."""
    return round(value / 2) * 2
