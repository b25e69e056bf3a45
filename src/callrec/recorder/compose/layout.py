"""Where on the canvas each tile of a scene lies, and each picture in its tile."""

from typing import NamedTuple

from callrec.recorder.compose.scene import Scene

_ASPECT = 16 / 9
_GAP_PER_HEIGHT = 12 / 1080


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
    """Return where the tiles of *scene* lie on a canvas of this size."""
    return Places(grid(len(scene.stage), width_px, height_px), [])


def grid(count: int, width_px: int, height_px: int) -> list[Rect]:
    """Return *count* equal 16:9 tiles, as large as the canvas allows; even gaps, last row centred."""
    if not count:
        return []
    if count == 1:
        return [fit(16, 9, Rect(0, 0, width_px, height_px))]
    gap = max(2, _even(height_px * _GAP_PER_HEIGHT))
    columns, tile_width = max(
        ((c, _tile_width(count, c, width_px, height_px, gap)) for c in range(1, count + 1)),
        key=lambda choice: (choice[1], choice[0]),
    )
    tile_height = _even(tile_width / _ASPECT)
    rows = -(-count // columns)
    top = _even((height_px - rows * tile_height - (rows - 1) * gap) / 2)
    tiles = []
    for row in range(rows):
        in_row = min(columns, count - row * columns)
        left = _even((width_px - in_row * tile_width - (in_row - 1) * gap) / 2)
        y = top + row * (tile_height + gap)
        tiles += [Rect(left + i * (tile_width + gap), y, tile_width, tile_height) for i in range(in_row)]
    return tiles


def fit(width_px: int, height_px: int, into: Rect) -> Rect:
    """Return the largest rectangle of the shape *width_px* to *height_px*, centred in *into*."""
    scale = min(into.width / width_px, into.height / height_px)
    width = min(into.width, max(2, _even(width_px * scale)))
    height = min(into.height, max(2, _even(height_px * scale)))
    return Rect(
        into.x + _even((into.width - width) / 2), into.y + _even((into.height - height) / 2), width, height
    )


def _tile_width(count: int, columns: int, width_px: int, height_px: int, gap: int) -> int:
    rows = -(-count // columns)
    by_width = (width_px - gap * (columns + 1)) / columns
    by_height = (height_px - gap * (rows + 1)) / rows * _ASPECT
    return max(2, int(min(by_width, by_height)) // 2 * 2)


def _even(value: float) -> int:
    return round(value / 2) * 2
