"""What a player shows below a film: how loud everybody was, who spoke when, and the chapters. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from callrec.recorder.compose.chapters import Chapter
from callrec.recorder.compose.heard import PEAK_MS, Heard

VERSION = 1


class _Participant(msgspec.Struct):
    participant: str
    name: str
    speech_ms: list[tuple[int, int]]
    """From when to when."""
    peaks_db: list[int]
    """For each ``peak_ms`` of the film, in dBFS."""


class _Overview(msgspec.Struct):
    version: int
    begins_at: float
    """Unix seconds."""
    duration_ms: int
    peak_ms: int
    participants: list[_Participant]
    chapters: list[dict[str, int | str]]


def overview(
    heard: Mapping[str, Heard],
    names: Mapping[str, str],
    chapters: Iterable[Chapter],
    *,
    begins_at: float,
    duration_ms: int,
) -> bytes:
    """Return the overview as JSON (docs/recording-folder.md, Finished files). Times are film time."""
    return msgspec.json.encode(
        _Overview(
            version=VERSION,
            begins_at=begins_at,
            duration_ms=duration_ms,
            peak_ms=PEAK_MS,
            participants=[
                _Participant(participant, names[participant], one.spells_ms, one.peaks_db)
                for participant, one in heard.items()
            ],
            chapters=[chapter._asdict() for chapter in chapters],
        )
    )
