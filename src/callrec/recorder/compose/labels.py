"""Names and initials as bitmaps, each rendered once."""

import colorsys
import hashlib
from functools import lru_cache
from importlib import resources

from PIL import Image, ImageDraw, ImageFont

from callrec.recorder.compose.planes import Planes, Stamp, rgb_planes

_FONT = resources.files("callrec.recorder.compose") / "fonts" / "DejaVuSans.ttf"
_NAMES_KEPT = 256
_AVATARS_KEPT = 32  # of the size of a tile: up to 3 MB
_PLATE = (12, 13, 16, 150)
_TEXT = (255, 255, 255)
TILE_RGB = (32, 34, 40)
"""Colour of a tile behind its picture."""


@lru_cache(_NAMES_KEPT)
def name_stamp(name: str, tile_width_px: int, tile_height_px: int) -> Stamp:
    """Return the plate with *name* for a tile of this size; a long name ends in an ellipsis."""
    size = max(11, min(tile_height_px // 20, 30))
    font = _font(size)
    pad = size // 2
    text = _shorten(name, font, tile_width_px - 4 * pad)
    width = int(font.getlength(text)) + 2 * pad
    image = Image.new("RGBA", (width + width % 2, (size * 9 // 5) // 2 * 2))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, image.width - 1, image.height - 1), size // 3, fill=_PLATE)
    # Anchored at the middle of capital letters, so that names stand on one line whatever their letters.
    draw.text((pad, image.height // 2), text, fill=_TEXT, font=font, anchor="lm")
    return Stamp(image)


@lru_cache(_AVATARS_KEPT)
def avatar(participant: str, name: str, width_px: int, height_px: int) -> Planes:
    """Return a whole tile with the person's initials on a disc, whose colour is the participant's."""
    image = Image.new("RGB", (width_px, height_px), TILE_RGB)
    radius = height_px / 5
    # Drawn large and reduced: Pillow draws discs without anti-aliasing.
    scale = 4
    disc = Image.new("L", (int(2 * radius * scale),) * 2)
    ImageDraw.Draw(disc).ellipse((0, 0, disc.width - 1, disc.height - 1), fill=255)
    disc = disc.resize((int(2 * radius),) * 2, Image.Resampling.LANCZOS)
    corner = ((width_px - disc.width) // 2, (height_px - disc.height) // 2)
    image.paste(Image.new("RGB", disc.size, _colour(participant)), corner, disc)
    ImageDraw.Draw(image).text(
        (width_px / 2, height_px / 2), _initials(name), fill=_TEXT, font=_font(int(radius * 0.8)), anchor="mm"
    )
    return rgb_planes(image)


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[0].isalnum()] or [name or "?"]
    return "".join(word[0].upper() for word in (words[:1] if len(words) == 1 else (words[0], words[-1])))


def _colour(participant: str) -> tuple[int, int, int]:
    hue = hashlib.sha256(participant.encode()).digest()[0] / 256
    red, green, blue = colorsys.hls_to_rgb(hue, 0.42, 0.42)
    return round(red * 255), round(green * 255), round(blue * 255)


def _shorten(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> str:
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "…") > width_px:
        text = text[:-1]
    return text.rstrip() + "…"


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    with resources.as_file(_FONT) as path:
        return ImageFont.truetype(path, size)
