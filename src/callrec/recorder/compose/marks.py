"""Small signs, drawn as shapes: no font and no file is needed for them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw

Mark = Literal["muted", "hand", "screen", "heard"]

_UNITS = 24  # shapes are drawn on a square of so many
_SCALE = 8  # large first, and reduced: Pillow draws without anti-aliasing

_Points = tuple[tuple[float, float], ...]


@lru_cache(64)
def mark(sign: Mark, size_px: int, colour: tuple[int, int, int]) -> Image.Image:
    """Return a sign as RGBA picture of *size_px* squared."""
    pen = _Pen(size_px)
    _SHAPES[sign](pen)
    image = Image.new("RGBA", (size_px, size_px), (*colour, 0))
    image.putalpha(pen.mask.resize((size_px, size_px), Image.Resampling.BOX))
    return image


class _Pen:
    def __init__(self, size_px: int) -> None:
        self.mask = Image.new("L", (size_px * _SCALE,) * 2)
        self._draw = ImageDraw.Draw(self.mask)
        self._unit = size_px * _SCALE / _UNITS

    def line(self, points: _Points, width: float, ink: int = 255) -> None:
        scaled = [(x * self._unit, y * self._unit) for x, y in points]
        self._draw.line(scaled, fill=ink, width=max(1, round(width * self._unit)), joint="curve")
        radius = width * self._unit / 2
        for x, y in scaled:
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)

    def polygon(self, points: _Points) -> None:
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], fill=255)

    def box(self, corners: tuple[float, float, float, float], radius: float, width: float = 0) -> None:
        scaled = tuple(value * self._unit for value in corners)
        stroke = round(width * self._unit)
        fill, outline = (None, 255) if stroke else (255, None)
        self._draw.rounded_rectangle(scaled, radius * self._unit, fill, outline, stroke)

    def arc(self, centre: tuple[float, float], radius: float, start: int, end: int, width: float) -> None:
        outer = radius + width / 2
        (x, y), reach = centre, outer * self._unit
        x, y = x * self._unit, y * self._unit
        box = (x - reach, y - reach, x + reach, y + reach)
        self._draw.arc(box, start, end, fill=255, width=max(1, round(width * self._unit)))


def _muted(pen: _Pen) -> None:
    pen.box((8.6, 2, 15.4, 13.8), 3.4)
    pen.arc((12, 10.6), 6.6, 0, 180, 2)
    pen.line(((12, 17.5), (12, 21)), 2)
    pen.line(((5.2, 1.2), (22.2, 20.2)), 2.4, ink=0)
    pen.line(((3.2, 2.6), (20.6, 22)), 2.2)


def _hand(pen: _Pen) -> None:
    for x, top in ((7.4, 5.6), (10.9, 3), (14.4, 4), (17.9, 7)):
        pen.line(((x, top), (x, 14)), 2.3)
    pen.line(((3.4, 13.6), (8.6, 19)), 2.6)
    pen.box((6.2, 12.6, 19.1, 22.4), 5)


def _screen(pen: _Pen) -> None:
    pen.box((2, 3.5, 22, 17.5), 2, 2)
    pen.line(((12, 17), (12, 20.5)), 2)
    pen.line(((8, 20.8), (16, 20.8)), 2)


def _heard(pen: _Pen) -> None:
    pen.polygon(((3, 9), (7, 9), (12.5, 4.5), (12.5, 19.5), (7, 15), (3, 15)))
    pen.arc((12.2, 12), 4.4, -48, 48, 2)
    pen.arc((12.2, 12), 8.2, -48, 48, 2)


_SHAPES: dict[Mark, Callable[[_Pen], None]] = {
    "muted": _muted,
    "hand": _hand,
    "screen": _screen,
    "heard": _heard,
}
