"""In which colour space a stream's pictures are, as its sender says beside them.

VP8 itself knows nothing but BT.601 (RFC 6386 §9.2), and decoders take it for limited range; the other codecs
can say it in the stream. Browsers send what they have, and tell in WebRTC's RTP header extension "Color
Space", which counts more: where a page captures a canvas, as virtual backgrounds do, it is BT.709 in full
range.
"""

from typing import NamedTuple

import av
from av.video.reformatter import ColorRange, Colorspace

# Primaries, transfer and matrix (ITU-T H.273), range with chroma siting; then perhaps metadata of HDR.
_LENGTHS = (4, 28)
_MATRIX, _RANGE = 2, 3
# The matrices of H.273 §8.3 that are not BT.601's; the two others that BT.601 has are 5 and 6.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
_FULL = 2  # in bits 4 and 5; 0 is invalid, 1 limited, 3 whatever the matrix implies


class ColourSpace(NamedTuple):
    """What the numbers of a YUV picture mean."""

    matrix: Colorspace
    range: ColorRange


FILM = ColourSpace(Colorspace.ITU601, ColorRange.MPEG)
"""What films are tagged as (``encode``), and what pictures are where nothing else is said."""


def parse_colour_space(data: bytes) -> ColourSpace:
    """Return what an element of the extension says; what is unknown or malformed counts as ``FILM``."""
    if len(data) not in _LENGTHS:
        return FILM
    return _colour_space(data[_MATRIX], full=(data[_RANGE] >> 4) & 0x03 == _FULL)


def coded_colour_space(frame: av.VideoFrame) -> ColourSpace:
    """Return what the stream itself says of a decoded frame; what is unknown counts as ``FILM``."""
    return _colour_space(int(frame.colorspace), full=frame.color_range == ColorRange.JPEG)


def _colour_space(matrix: int, *, full: bool) -> ColourSpace:
    return ColourSpace(_MATRICES.get(matrix, FILM.matrix), ColorRange.JPEG if full else FILM.range)
