"""One program per data directory: two would sweep away each other's uploads."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callrec.errors import SettingsError

RECORDER, SERVER = "recorder.lock", "server.lock"
"""Held by the programs, in the directories where their data lies."""
_POLL_S = 0.1


@contextmanager
def held(path: Path, *, wait_s: float = 0) -> Iterator[None]:
    """Hold the lock file *path* (flock: it ends with the process, however that ends).

    Raises:
        SettingsError: another process still holds it after *wait_s*, or the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"data directory {path.parent}: {error.strerror or error}") from error
    try:
        deadline_s = time.monotonic() + wait_s
        while not _taken(descriptor):
            if time.monotonic() >= deadline_s:
                raise SettingsError(f"data directory {path.parent}: another callrec is running there")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock file *path* now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
