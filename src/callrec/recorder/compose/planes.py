"""Pictures as three NumPy planes (YUV 4:2:0, BT.601, limited range), and what is laid over them."""

from collections.abc import Sequence
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from callrec.recorder.compose.layout import Rect

Plane = npt.NDArray[np.uint8]
Yuv = tuple[int, int, int]
_Floats = npt.NDArray[np.floating]
_Parts = npt.NDArray[np.uint16]
"""Shares of 256, or values of 256ths: whole numbers, as they are several times faster than fractions."""

HALVED = (1, 2, 2)
"""By how much each plane is smaller than the picture."""


class Planes(NamedTuple):
    """Luma of height x width, chroma of half of it each."""

    y: Plane
    u: Plane
    v: Plane

    def put(self, picture: "Planes", at: Rect) -> None:
        """Copy *picture*, of the size of *at*, to there."""
        for plane, source, halved in zip(self, picture, HALVED, strict=True):
            plane[_part(at, halved)] = source

    def fill(self, at: Rect, colour: Yuv) -> None:
        """Paint *at* in one colour."""
        for plane, value, halved in zip(self, colour, HALVED, strict=True):
            plane[_part(at, halved)] = value


class Stamp:
    """A small picture with transparency."""

    def __init__(self, image: Image.Image) -> None:
        """Take an RGBA *image* of even size."""
        self.width, self.height = image.size
        colours = rgb_planes(image.convert("RGB"))
        alpha: _Floats = np.asarray(image.getchannel("A")) / 255
        chroma_alpha = quarter(alpha)
        self._layers: list[tuple[_Parts, _Parts]] = [
            blend_parts(1 - part, plane * part)
            for plane, part in zip(colours, (alpha, chroma_alpha, chroma_alpha), strict=True)
        ]

    def lay(self, planes: Planes, x: int, y: int, within: Rect | None = None) -> None:
        """Blend it over *planes* with its upper left corner at *x*, *y*, but nothing outside of *within*."""
        height, width = planes.y.shape
        shown = overlap(Rect(x, y, self.width, self.height), within or Rect(0, 0, width, height))
        if shown is None:
            return
        inner = shown._replace(x=shown.x - x, y=shown.y - y)
        for plane, (kept, added), halved in zip(planes, self._layers, HALVED, strict=True):
            part, source = _part(shown, halved), _part(inner, halved)
            mixed = np.multiply(plane[part], kept[source], dtype=np.uint16)
            mixed += added[source]
            mixed >>= 8
            plane[part] = mixed


def blend_parts(kept: _Floats, added: _Floats) -> tuple[_Parts, _Parts]:
    """Return the share of a picture that stays (0 to 1) and what is added to it, for ``* kept + added >> 8``.

    No sum exceeds 16 bits where *added* is a colour times what does not stay.
    """
    shares = np.round(kept * 256).astype(np.uint16)
    return shares, np.minimum(added * 256 + 127, 65535 - 255 * shares.astype(np.int32)).astype(np.uint16)


def quarter(values: _Floats) -> _Floats:
    """Return the means of 2 x 2 values: what is luma's as it is for chroma."""
    height, width = values.shape
    means: _Floats = values.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return means


def overlap(one: Rect, other: Rect) -> Rect | None:
    """Return what two rectangles have in common."""
    x, y = max(one.x, other.x), max(one.y, other.y)
    width = min(one.x + one.width, other.x + other.width) - x
    height = min(one.y + one.height, other.y + other.height) - y
    return Rect(x, y, width, height) if width > 0 and height > 0 else None


def frame_planes(frame: av.VideoFrame) -> Planes:
    """Return views of the planes of a yuv420p *frame*; writing to them changes the frame."""
    views = []
    for plane in frame.planes:
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        views.append(lines[:, : plane.width])
    return Planes(*views)


def rgb_planes(image: Image.Image) -> Planes:
    """Return an RGB *image* of even size as planes."""
    return frame_planes(
        av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(format="yuv420p")
    )


def yuv(rgb: Sequence[int]) -> Yuv:
    """Return a colour as Y, U and V."""
    red, green, blue = rgb
    return (
        round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255),
        round(128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255),
        round(128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255),
    )


def _part(rect: Rect, halved: int) -> tuple[slice, slice]:
    x, y = rect.x // halved, rect.y // halved
    return slice(y, y + rect.height // halved), slice(x, x + rect.width // halved)
