"""What an examination found wrong, bounded however much that is."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

Code = Literal[
    "manifest",  # missing, damaged, or of a newer format
    "manifest_values",  # moments that contradict each other
    "timeline_missing",
    "timeline_line",  # a line is no event
    "timeline_order",  # a line lies before the one above
    "capture_died",  # a capture process ended without closing the timeline
    "gap",  # a stretch of the time line without capture
    "heartbeat_missing",
    "track_json_missing",
    "track_json",  # damaged, or of another track
    "segment_missing",  # a number in the row: it is passed over
    "segment_header",
    "torn_tail",
    "record_order",  # arrival times go back
    "packets_missing",
    "packets_damaged",  # no RTP
    "packets_foreign",  # of a payload type that track.json does not have
    "unknown_file",
    "not_regular",  # a link, pipe or directory in the place of a file, or the other way round
    "unreadable",
    "too_many",  # more of something than is looked at
]

MAX_LISTED = 20
"""Findings of one code that are kept whole; the others are only counted."""
MAX_TEXT_CHARACTERS = 300


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong. ``fatal``: the folder cannot be composed as it is."""

    code: Code
    where: str
    """File below the folder, with line or offset where there is one."""
    text: str
    fatal: bool = False


class Findings:
    """Collects findings."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.fatal = False
        self._listed: dict[str, list[Finding]] = {}

    def add(self, code: Code, where: str, text: str, *, fatal: bool = False) -> None:
        """Note one finding."""
        self.counts[code] += 1
        self.fatal = self.fatal or fatal
        listed = self._listed.setdefault(code, [])
        if len(listed) < MAX_LISTED:
            listed.append(Finding(code, cut(where), cut(text), fatal))

    def __iter__(self) -> Iterator[Finding]:
        for listed in self._listed.values():
            yield from listed


def cut(text: str) -> str:
    """Return *text*, shortened if it is very long: it may come from a stranger's file."""
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[: MAX_TEXT_CHARACTERS - 1] + "…"
