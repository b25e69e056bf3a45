"""Pictures as three NumPy planes (YUV 4:2:0, BT.601, limited range), and bitmaps to lay over them."""

from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from callrec.recorder.compose.layout import Rect

Plane = npt.NDArray[np.uint8]
_PlaneFloat = npt.NDArray[np.float32]


class Planes(NamedTuple):
    """Luma of height x width, chroma of half of it each."""

    y: Plane
    u: Plane
    v: Plane

    def put(self, picture: "Planes", at: Rect) -> None:
        """Copy *picture*, of the size of *at*, to there."""
        for plane, source, halved in zip(self, picture, (1, 2, 2), strict=True):
            plane[_part(at, halved)] = source

    def fill(self, at: Rect, colour: tuple[int, int, int]) -> None:
        """Paint *at* in one colour (Y, U, V)."""
        for plane, value, halved in zip(self, colour, (1, 2, 2), strict=True):
            plane[_part(at, halved)] = value


class Stamp:
    """A small picture with transparency."""

    def __init__(self, image: Image.Image) -> None:
        """Take an RGBA *image* of even size."""
        self.width, self.height = image.size
        colours = rgb_planes(image.convert("RGB"))
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
        quarter = alpha.reshape(self.height // 2, 2, self.width // 2, 2).mean(axis=(1, 3), dtype=np.float32)
        self._layers: list[tuple[_PlaneFloat, _PlaneFloat, int]] = [
            (plane * part + np.float32(0.5), 1 - part, halved)
            for plane, part, halved in zip(colours, (alpha, quarter, quarter), (1, 2, 2), strict=True)
        ]

    def lay(self, planes: Planes, x: int, y: int) -> None:
        """Blend it over *planes* with its upper left corner at *x*, *y*."""
        at = Rect(x, y, self.width, self.height)
        for plane, (colour, rest, halved) in zip(planes, self._layers, strict=True):
            part = _part(at, halved)
            plane[part] = plane[part] * rest + colour


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


def _part(rect: Rect, halved: int) -> tuple[slice, slice]:
    x, y = rect.x // halved, rect.y // halved
    return slice(y, y + rect.height // halved), slice(x, x + rect.width // halved)
