"""The directory that holds recording folders: of one user, and of one recorder at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callrec.errors import SettingsError
from callrec.recorder.folder.durable import replace_file

OWN = "recordings"
"""The home in a recorder's data directory."""
NAME = "callrec-recordings"
"""The home in a directory that may hold other things."""
LOCK_NAME = ".recorder.lock"
MARKER_NAME = ".home"
"""Holds what tells one home from another, and from an empty directory on which a disk may be mounted."""
_MAX_MARKER_CHARACTERS = 64


def within(directory: Path) -> Path:
    """Return the home of recordings within *directory*, which may hold other things, as ``/tmp`` does."""
    return directory / NAME


@contextmanager
def opened(home: Path) -> Iterator[None]:
    """Make the directory *home* if need be, and keep every other recorder out of it meanwhile.

    Raises:
        SettingsError: it cannot be written, belongs to somebody else, or another recorder uses it.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Who may plant it, as in a directory that all may write, may also read what we put there.
        if home.is_symlink() or home.stat().st_uid != os.geteuid():
            raise SettingsError(f"recordings directory {home}: belongs to somebody else")
        lock = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(f"recordings directory {home}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(f"recordings directory {home}: another recorder uses it") from error
        yield
    finally:
        os.close(lock)


def read_marker(home: Path) -> str | None:
    """Return what the marker of *home* says, None where there is none that can be read."""
    try:
        with (home / MARKER_NAME).open(encoding="ascii") as file:
            marker = file.read(_MAX_MARKER_CHARACTERS + 1).strip()
    except (OSError, UnicodeDecodeError):
        return None
    is_one = marker.isalnum() and len(marker) <= _MAX_MARKER_CHARACTERS
    return marker if is_one else None


def mark(home: Path, marker: str) -> None:
    """Let the marker of *home* say *marker*. Raises OSError."""
    if read_marker(home) != marker:
        replace_file(home / MARKER_NAME, marker.encode("ascii") + b"\n")
