"""Names and initials as bitmaps, each rendered once."""

from functools import lru_cache

from PIL import Image, ImageDraw

from callrec.recorder.compose import palette
from callrec.recorder.compose.layout import Rect, even
from callrec.recorder.compose.marks import Mark, mark
from callrec.recorder.compose.planes import Planes, Stamp, rgb_planes
from callrec.recorder.compose.text import Line, clusters, fitted

_NAMES_KEPT = 256
_AVATARS_KEPT = 32  # of the size of a tile: up to 3 MB
_SMALLEST_PX, _LARGEST_PX = 9, 28
_TEXT_PER_ROOT = 1.25
"""Text grows with the root of a tile's height: small tiles have it small, but to be read."""
_INSET_PER_TILE = 44
_CAPITALS = 0.714
"""Height of capital letters in the em square."""
_OVERSAMPLED = 4


@lru_cache(_NAMES_KEPT)
def name_stamp(name: str, tile_width_px: int, tile_height_px: int, *, marks: tuple[Mark, ...] = ()) -> Stamp:
    """Return the plate with *name* for a tile of this size; a long name ends in an ellipsis."""
    size = max(_SMALLEST_PX, min(round(_TEXT_PER_ROOT * tile_height_px**0.5), _LARGEST_PX))
    room = tile_width_px - 2 * _inset(tile_height_px)
    if "hand" not in marks:
        return Stamp(plate(name, size, room, marks))
    rest = plate(name, size, room - 2 * size - size // 4, tuple(m for m in marks if m != "hand"))
    badge = _badge("hand", rest.height)
    image = Image.new("RGBA", (badge.width + even(size / 4) + rest.width, rest.height))
    image.paste(badge, (0, 0))
    image.paste(rest, (image.width - rest.width, 0))
    return Stamp(image)


def label_corner(tile: Rect, stamp: Stamp) -> tuple[int, int]:
    """Return where the upper left corner of a tile's plate lies."""
    inset = _inset(tile.height)
    return tile.x + inset, tile.y + tile.height - inset - stamp.height


def plate(text: str, size_px: int, room_px: int, marks: tuple[Mark, ...] = ()) -> Image.Image:
    """Return *text* on a plate of at most *room_px*, behind its marks; RGBA of even size."""
    height = even(size_px * 1.8)
    pad = max(4, round(size_px * 0.5))
    sign_px = round(size_px * 0.95)
    step = sign_px + round(size_px * 0.3)
    line = _line(text, size_px, room_px - 2 * pad - step * len(marks), height)
    width = 2 * pad + step * len(marks) + round(line.width)
    if not line.runs and marks:
        width -= step - sign_px
    image = _rounded(
        max(height, min(even(width + 1), room_px // 2 * 2)), height, size_px * 0.4, palette.PLATE
    )
    x = pad
    for sign in marks:
        drawn = mark(sign, sign_px, palette.MUTED if sign == "muted" else palette.QUIET)
        image.alpha_composite(drawn, (x, (height - sign_px) // 2))
        x += step
    line.draw(ImageDraw.Draw(image), x, _base_line(line, size_px, height), palette.TEXT)
    return image


@lru_cache(_AVATARS_KEPT)
def avatar(participant: str, name: str, width_px: int, height_px: int) -> Planes:
    """Return a whole tile with the person's initials on a disc, whose colour is the participant's."""
    image = Image.new("RGB", (width_px, height_px), palette.TILE)
    width = max(8, even(min(width_px, height_px) * 0.42))
    disc = _rounded(width, width, width / 2, palette.own_colour(participant))
    image.paste(disc, ((width_px - width) // 2, (height_px - width) // 2), disc)
    size = max(6, round(width * 0.38))
    line = Line(initials(name), size)
    left, top, right, bottom = line.ink
    # In the middle of the disc stand the letters as they look, whatever their script.
    where = ((width_px - left - right) / 2, (height_px - top - bottom) / 2)
    line.draw(ImageDraw.Draw(image), *where, palette.TEXT)
    return rgb_planes(image)


def initials(name: str) -> str:
    """Return the first letters of the first and the last word; one where a script has no capitals."""
    words = [word for word in name.split() if word[0].isalnum()] or name.split() or ["?"]
    firsts = [clusters(word)[0] for word in (words[0], words[-1])[: len(words)] if clusters(word)] or ["?"]
    if all(first.lower() != first.upper() for first in firsts):
        return "".join(first.upper() for first in firsts)
    return firsts[0]


def _badge(sign: Mark, height_px: int) -> Image.Image:
    image = _rounded(height_px, height_px, height_px * 0.22, palette.HAND)
    size = round(height_px * 0.66)
    corner = ((height_px - size + 1) // 2, (height_px - size + 1) // 2)
    image.alpha_composite(mark(sign, size, palette.BACKGROUND), corner)
    return image


def _rounded(width_px: int, height_px: int, radius_px: float, colour: tuple[int, ...]) -> Image.Image:
    """Return a rectangle with round corners, RGBA; drawn large and reduced, as Pillow draws hard edges."""
    large = Image.new("L", (width_px * _OVERSAMPLED, height_px * _OVERSAMPLED))
    alpha = colour[3] if len(colour) > 3 else 255
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, large.width - 1, large.height - 1), radius_px * _OVERSAMPLED, fill=alpha
    )
    image = Image.new("RGBA", (width_px, height_px), (*colour[:3], 0))
    image.putalpha(large.resize(image.size, Image.Resampling.BOX))
    return image


def _line(text: str, size_px: int, room_px: int, height_px: int) -> Line:
    """Return *text* in this size, or in a smaller one where its script is higher than the plate."""
    line = fitted(text, size_px, room_px)
    _, top, _, bottom = line.ink
    if bottom - top > height_px - 2:
        line = fitted(text, max(6, int(size_px * (height_px - 2) / (bottom - top))), room_px)
    return line


def _base_line(line: Line, size_px: int, height_px: int) -> float:
    """Return where names stand, alike whatever their letters; moved only where they would not fit."""
    wanted = round((height_px + size_px * _CAPITALS) / 2)
    _, top, _, bottom = line.ink
    return min(max(wanted, 1 - top), height_px - 1 - bottom)


def _inset(tile_height_px: int) -> int:
    return max(4, even(tile_height_px / _INSET_PER_TILE))
