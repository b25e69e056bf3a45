"""Reads what people write for sizes and film times, and writes film times for them. Pure."""

import re

import typer

MIN_PX, MAX_PX = (320, 180), (3840, 2160)

_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})", re.ASCII)
_TIME = re.compile(r"(?:(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)|(\d{1,7}))(?:\.(\d{1,3}))?", re.ASCII)


def size_px(text: str) -> tuple[int, int]:
    """Return width and height. Raises BadParameter, which names ``--size``."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not of the form 1280x720", param_hint="--size")
    size = int(match[1]), int(match[2])
    for what, value, least, most in zip(("width", "height"), size, MIN_PX, MAX_PX, strict=True):
        if value % 2 or not least <= value <= most:
            text = f"{what} {value} must be even, {least} to {most}"
            raise typer.BadParameter(text, param_hint="--size")
    return size


def moment_ms(text: str, option: str) -> int:
    """Return a film time: seconds, m:ss or h:mm:ss, with up to three decimals. Raises BadParameter."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is neither seconds nor h:mm:ss", param_hint=option)
    hours, minutes, of_minute, seconds, decimals = match.groups(default="0")
    whole_s = int(hours) * 3600 + int(minutes) * 60 + int(of_minute) + int(seconds)
    return whole_s * 1000 + int(decimals.ljust(3, "0"))


def film_time(ms: float) -> str:
    """Return a film time as h:mm:ss, with decimals where there are any."""
    whole_s, rest_ms = divmod(round(ms), 1000)
    decimals = f".{rest_ms:03d}".rstrip("0") if rest_ms else ""
    return f"{whole_s // 3600}:{whole_s // 60 % 60:02d}:{whole_s % 60:02d}{decimals}"
