"""Which parts of a file a ``Range`` header asks for (RFC 9110, section 14). Pure."""

import re
from collections.abc import Iterator

MAX_RANGES = 50
"""A header with more is ignored: each part costs a look at the disk."""

_UNIT = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE)
_PART = re.compile(r"\s*(?:([0-9]{1,19})-([0-9]{1,19})?|-([0-9]{1,19}))\s*")


class Unsatisfiable(Exception):
    """All of it lies behind the end."""


def byte_ranges(header: str | None, size_bytes: int) -> list[tuple[int, int]]:
    """Return the first byte and the end (exclusive) of each part that *header* asks for.

    They are in order, and joined where they touch. An empty list means everything: no header, or one that
    is not understood.

    Raises:
        Unsatisfiable: nothing of it is there.
    """
    match = _UNIT.fullmatch(header or "")
    if match is None:
        return []
    texts = [text for text in match[1].split(",") if text.strip()]
    asked = [_PART.fullmatch(text) for text in texts[: MAX_RANGES + 1]]
    parts: list[tuple[int, int]] = []
    for part in asked:
        if part is None or (part[2] and int(part[2]) < int(part[1])):
            return []
        start, end = _placed(part, size_bytes)
        if start < end:
            parts.append((start, end))
    if not asked or len(asked) > MAX_RANGES:
        return []
    if not parts:
        raise Unsatisfiable
    return list(_joined(parts))


def _placed(part: re.Match[str], size_bytes: int) -> tuple[int, int]:
    if part[3] is not None:
        return max(0, size_bytes - int(part[3])), size_bytes
    return int(part[1]), min(size_bytes, int(part[2]) + 1) if part[2] else size_bytes


def _joined(parts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    first, *others = sorted(parts)
    start, end = first
    for next_start, next_end in others:
        if next_start > end:
            yield start, end
            start, end = next_start, next_end
        end = max(end, next_end)
    yield start, end
