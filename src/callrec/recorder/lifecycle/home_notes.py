"""Which directories outside may hold recordings, noted in the data directory: what lies there is owed."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import structlog

from callrec.errors import SettingsError
from callrec.recorder.folder.durable import replace_file

FILE_NAME = "homes"
"""One home a line: what its marker says, a space, its path. Without the first: it was noted before that."""
_MAX_PATH_BYTES, _MAX_NAME_BYTES = 4095, 255

log = structlog.get_logger()


class NotedHome(NamedTuple):
    """A home, and what its marker says; empty: it has none yet."""

    path: Path
    marker: str = ""


def read(data: Path) -> list[NotedHome]:
    """Return the homes that are noted; a line that is no path is passed over.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = data / FILE_NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    noted: dict[Path, NotedHome] = {}
    for number, line in enumerate(lines, 1):
        if line:
            marker, _, rest = (b"", b"", line) if line.startswith(b"/") else line.partition(b" ")
            if not _is_path(rest):
                log.warning("recording_homes_line_unusable", file=str(path), line=number)
                continue
            home = Path(os.fsdecode(rest))
            noted.setdefault(home, NotedHome(home, os.fsdecode(marker)))
    return list(noted.values())


def write(data: Path, homes: Iterable[NotedHome]) -> None:
    """Note *homes*, and no others. Raises OSError."""
    lines = (f"{home.marker} {home.path}" if home.marker else str(home.path) for home in homes)
    replace_file(data / FILE_NAME, b"".join(os.fsencode(line) + b"\n" for line in lines))


def _is_path(text: bytes) -> bool:
    names = text.split(b"/")
    return (
        text.startswith(b"/")
        and b"\0" not in text
        and len(text) <= _MAX_PATH_BYTES
        and max(map(len, names)) <= _MAX_NAME_BYTES
    )
