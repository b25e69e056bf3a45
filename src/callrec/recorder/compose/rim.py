"""The edge of a tile: round corners, and a line around it while its person speaks.

The line runs outside the tile, in the gap: a picture that moves does not touch it. Only the corners are
drawn again with each picture: some dozens of pixels, found beforehand.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from callrec.recorder.compose import palette
from callrec.recorder.compose.layout import Rect, even
from callrec.recorder.compose.planes import HALVED, Planes, blend_parts, quarter, yuv

_RADIUS_PER_HEIGHT = 14 / 1080
_LINE_PER_HEIGHT = 4 / 1080
_OVERSAMPLED = 8

_Floats = npt.NDArray[np.floating]
_Indices = npt.NDArray[np.intp]
_BACKGROUND, _SPEAKING = yuv(palette.BACKGROUND), yuv(palette.SPEAKING)


class _Pixels(NamedTuple):
    """Scattered pixels of one plane, and how they are mixed."""

    rows: _Indices
    columns: _Indices
    kept: npt.NDArray[np.uint16]
    added: npt.NDArray[np.uint16]


class Rim:
    """The edge of one tile."""

    def __init__(self, tile: Rect, room_px: int, canvas_height_px: int, *, speaking: bool) -> None:
        """*room_px*: what is free around the tile; without it corners are square, and the line is inside."""
        self._tile = tile
        self._speaking = speaking
        self._line = max(2, even(canvas_height_px * _LINE_PER_HEIGHT))
        self._outside = room_px >= self._line
        radius = max(4, even(canvas_height_px * _RADIUS_PER_HEIGHT))
        self._corners: list[_Pixels] = []
        self._bends: list[_Pixels] = []
        if self._outside and radius + self._line <= min(tile.width, tile.height) // 2:
            for block, halved in zip(_corner(radius, self._line, speaking), HALVED, strict=True):
                self._corners.append(_scatter(block, tile, self._line, halved, inside=True))
                self._bends.append(_scatter(block, tile, self._line, halved, inside=False))

    def draw_outside(self, planes: Planes) -> None:
        """Draw what lies around the tile, and over its place."""
        if self._speaking and self._outside:
            x, y, width, height = self._tile
            line = self._line
            planes.fill(Rect(x - line, y - line, width + 2 * line, height + 2 * line), _SPEAKING)
            _mix(planes, self._bends)

    def draw_inside(self, planes: Planes) -> None:
        """Draw what lies over the picture, which has just been drawn."""
        _mix(planes, self._corners)
        if self._speaking and not self._outside:
            x, y, width, height = self._tile
            line = self._line
            planes.fill(Rect(x, y, width, line), _SPEAKING)
            planes.fill(Rect(x, y + height - line, width, line), _SPEAKING)
            planes.fill(Rect(x, y, line, height), _SPEAKING)
            planes.fill(Rect(x + width - line, y, line, height), _SPEAKING)


@lru_cache(16)
def _corner(radius: int, line: int, speaking: bool) -> list[tuple[_Floats, _Floats]]:
    """Return for each plane the upper left corner: what of the picture stays, and what is added."""
    inner, outer = _disc(radius, line), _disc(radius + line, 0)
    parts: list[tuple[_Floats, _Floats]] = []
    for background, speaks, halved in zip(_BACKGROUND, _SPEAKING, HALVED, strict=True):
        picture, within = (inner, outer) if halved == 1 else (quarter(inner), quarter(outer))
        around = speaks if speaking else background
        parts.append((picture, background * (1 - within) + around * (within - picture)))
    return parts


def _disc(radius: int, offset: int) -> _Floats:
    """Return how much of each pixel lies in the upper left quarter of a disc, *offset* off the corner."""
    size = (radius + offset) * _OVERSAMPLED
    distance = size - np.arange(size, dtype=np.float32) - 0.5
    inside = np.hypot(*np.meshgrid(distance, distance)) <= radius * _OVERSAMPLED
    side = radius + offset
    blocks = inside.reshape(side, _OVERSAMPLED, side, _OVERSAMPLED)
    shares: _Floats = blocks.mean(axis=(1, 3))
    return shares


def _scatter(block: tuple[_Floats, _Floats], tile: Rect, line: int, halved: int, *, inside: bool) -> _Pixels:
    """Place a corner at all four corners of *tile*: its pixels inside of the tile, or those outside."""
    kept, added = block
    x, y = (tile.x - line) // halved, (tile.y - line) // halved
    right = x + (tile.width + 2 * line) // halved - 1
    bottom = y + (tile.height + 2 * line) // halved - 1
    chosen = np.zeros(kept.shape, bool)
    chosen[line // halved :, line // halved :] = True
    down, along = np.nonzero((kept < 1) & (chosen == inside))
    shares, sums = blend_parts(kept[down, along], added[down, along])
    rows = [y + down, y + down, bottom - down, bottom - down]
    columns = [x + along, right - along, x + along, right - along]
    return _Pixels(np.concatenate(rows), np.concatenate(columns), np.tile(shares, 4), np.tile(sums, 4))


def _mix(planes: Planes, parts: list[_Pixels]) -> None:
    for plane, (rows, columns, kept, added) in zip(planes, parts, strict=False):
        plane[rows, columns] = (plane[rows, columns] * kept + added) >> 8
