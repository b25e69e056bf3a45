"""The kinds of files that a film can be, by the extension of its name."""

from dataclasses import dataclass, field
from pathlib import PurePath

from callrec.errors import ComposeFailed
from callrec.recorder.compose.coding import CodingName


@dataclass(frozen=True)
class Format:
    """A container, with what is in it where there are pictures."""

    muxer: str
    coding: CodingName
    options: dict[str, str] = field(default_factory=dict)


# The index comes first, so that a browser can begin, and seek, before all has arrived.
FORMATS: dict[str, Format] = {
    ".mp4": Format("mp4", "h264", {"movflags": "+faststart"}),
    ".webm": Format("webm", "vp9", {"cues_to_front": "1"}),
    ".mkv": Format("matroska", "h264", {"cues_to_front": "1"}),
    ".ogg": Format("ogg", "sound"),
}


def format_of(name: str | PurePath) -> Format:
    """Return the format of a film of that name. Raises ComposeFailed: there is none."""
    extension = PurePath(name).suffix
    try:
        return FORMATS[extension]
    except KeyError:
        known = ", ".join(FORMATS)
        raise ComposeFailed(f"{name}: a film's name ends in one of {known}") from None
