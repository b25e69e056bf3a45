"""The colours of the film."""

import math

from callrec.wire.speaking_times import hue

Rgb = tuple[int, int, int]

BACKGROUND: Rgb = (18, 19, 22)
TILE: Rgb = (32, 34, 40)
"""Behind a picture that does not fill its tile, and behind initials."""
SPEAKING: Rgb = (86, 196, 148)
TEXT: Rgb = (244, 245, 247)
QUIET: Rgb = (186, 190, 198)
"""Of what stands beside the text."""
MUTED: Rgb = (255, 138, 128)
HAND: Rgb = (250, 196, 76)
PLATE: tuple[int, int, int, int] = (14, 15, 18, 208)
"""Behind text, with transparency."""

_LIGHTNESS, _CHROMA = 0.53, 0.095


def own_colour(participant: str) -> Rgb:
    """Return a participant's own colour: the hue is always the same one, and none is louder than others."""
    return _oklch(_LIGHTNESS, _CHROMA, hue(participant) * math.tau)


def _oklch(lightness: float, chroma: float, angle: float) -> Rgb:
    """Return a colour of OKLCH as sRGB (CSS Color 4, 10.2 and 18)."""
    a, b = chroma * math.cos(angle), chroma * math.sin(angle)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def _gamma(linear: float) -> int:
    bounded = min(1.0, max(0.0, linear))
    shown = 12.92 * bounded if bounded <= 0.0031308 else 1.055 * bounded ** (1 / 2.4) - 0.055
    return round(shown * 255)
