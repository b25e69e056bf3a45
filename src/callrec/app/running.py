"""``running.json``: where the programs of a data directory listen, for other commands on this machine."""

import contextlib
from pathlib import Path

import msgspec

FILE_NAME = "running.json"


class Running(msgspec.Struct, frozen=True):
    """Addresses by which this machine reaches the programs."""

    server_url: str
    recorder_url: str | None = None


def write(data: Path, now: Running) -> None:
    """Say where the programs listen; the next start replaces it. Raises OSError."""
    temporary = data / f"{FILE_NAME}.tmp"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(now)))
    temporary.replace(data / FILE_NAME)


def read(data: Path) -> Running | None:
    """Return what the last start wrote, None where it was ended in order or cannot be read."""
    try:
        return msgspec.json.decode((data / FILE_NAME).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def remove(data: Path) -> None:
    """The programs have ended."""
    with contextlib.suppress(OSError):  # whoever reads it finds nobody there
        (data / FILE_NAME).unlink(missing_ok=True)
