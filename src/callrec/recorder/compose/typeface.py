"""The bundled fonts, and which of them has a character: names come in any script (fonts/README.md)."""

import struct
from bisect import bisect_right
from functools import cache, lru_cache
from importlib import resources
from itertools import chain

from PIL import ImageFont

_FOLDER = resources.files("callrec.recorder.compose") / "fonts"

TEXT = "NotoSans-Regular.ttf"
EMOJI = "NotoEmoji-Regular.ttf"
_CJK = ("NotoSansKR-Hangul.otf", "DroidSansFallback.ttf")
_SCRIPTS = (
    *("Arabic", "Hebrew", "Armenian", "Georgian", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya"),
    *("Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Myanmar", "Khmer", "Ethiopic"),
    *("Syriac", "Thaana", "NKo", "Tifinagh", "Mongolian", "OlChiki", "Cherokee", "CanadianAboriginal"),
)
FACES = (
    TEXT,
    *_CJK,
    *(f"NotoSans{script}-Regular.ttf" for script in _SCRIPTS),
    "NotoSerifTibetan-Regular.ttf",
    EMOJI,
    "NotoSansSymbols-Regular.ttf",
    "NotoSansSymbols2-Regular.ttf",
)
"""File names; the first that has a character draws it."""


@lru_cache(64)
def font(face: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Return a font for drawing; *size_px* is the size of its em square."""
    with resources.as_file(_FOLDER / face) as path:
        return ImageFont.truetype(path, size_px)


def has(face: str, text: str) -> bool:
    """Tell whether a font has every character of *text*."""
    starts, ends = _coverage(face)
    for character in text:
        index = bisect_right(starts, ord(character)) - 1
        if index < 0 or ord(character) > ends[index]:
            return False
    return True


@cache
def _coverage(face: str) -> tuple[list[int], list[int]]:
    """Return the first and last characters of the ranges that a font has, rising."""
    data = (_FOLDER / face).read_bytes()
    count = struct.unpack_from(">H", data, 4)[0]
    tables = {tag: start for tag, _, start, _ in struct.iter_unpack(">4sIII", data[12 : 12 + 16 * count])}
    at = tables[b"cmap"]
    count = struct.unpack_from(">H", data, at + 2)[0]
    subtables = struct.iter_unpack(">HHI", data[at + 4 : at + 4 + 8 * count])
    ranges = set(chain.from_iterable(_ranges(data, at + start) for _, _, start in subtables))
    joined: list[list[int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return [first for first, _ in joined], [last for _, last in joined]


def _ranges(data: bytes, at: int) -> list[tuple[int, int]]:
    """Read a subtable that maps characters to glyphs (OpenType, "cmap"); in ours no range has holes."""
    form = struct.unpack_from(">H", data, at)[0]
    if form == 12:
        count = struct.unpack_from(">I", data, at + 12)[0]
        groups = struct.iter_unpack(">III", data[at + 16 : at + 16 + 12 * count])
        return [(first, last) for first, last, _ in groups]
    if form == 4:
        size = struct.unpack_from(">H", data, at + 6)[0]
        ends = struct.unpack_from(f">{size // 2}H", data, at + 14)
        starts = struct.unpack_from(f">{size // 2}H", data, at + 16 + size)
        return list(zip(starts[:-1], ends[:-1], strict=True))  # the last one is a mark of the end
    return []
