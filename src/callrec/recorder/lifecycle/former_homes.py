"""Homes of recordings that the settings name no more: what lies there is still owed."""

import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from callrec.recorder.folder.durable import replace_file

FILE_NAME = "homes"
"""In the data directory: one path a line, of every home outside that may hold recordings."""

log = structlog.get_logger()


def read(data: Path, present: Iterable[Path]) -> list[Path]:
    """Return the homes of before that are not among those *present*. Raises OSError."""
    now = {home.absolute() for home in present}
    return [home for home in _noted(data) if home not in now]


def take_over(data: Path, present: Iterable[Path]) -> list[Path]:
    """Note the homes *present*, and return those of before in which something lies, or that are away.

    One in which nothing lies any more is forgotten. Raises OSError when the note cannot be read.
    """
    present = [home.absolute() for home in present]
    noted = _noted(data)
    former = [home for home in noted if home not in present and not _is_empty(home)]
    wanted = [*present, *former]
    try:
        if wanted != noted:
            replace_file(data / FILE_NAME, b"".join(os.fsencode(home) + b"\n" for home in wanted))
    except OSError as error:  # a full disk, most likely: recordings go on
        log.warning("recording_homes_not_noted", error=str(error))
    return former


def _noted(data: Path) -> list[Path]:
    try:
        lines = (data / FILE_NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    homes = (Path(os.fsdecode(line)) for line in lines)
    return list(dict.fromkeys(home for home in homes if home.is_absolute()))


def _is_empty(home: Path) -> bool:
    """Tell whether it is there and holds no recording; what is away may only not be mounted."""
    try:
        return all(path.name.startswith(".") for path in home.iterdir())
    except OSError:
        return False
