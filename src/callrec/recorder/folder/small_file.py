"""Reading a file whose size and kind are not trusted: a folder may come from anywhere."""

import os
import stat
from pathlib import Path

from callrec.errors import FolderDamaged

MAX_BYTES = 1 << 20
"""Of manifest.json and track.json; real ones have a few kilobytes."""


def read_small_file(path: Path) -> bytes:
    """Return the content of *path*.

    Raises:
        FolderDamaged: missing, not readable, no regular file (links are not followed), or too large.
    """
    try:
        # Without O_NONBLOCK a pipe in the place of the file would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FolderDamaged(f"{path.name}: no regular file")
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FolderDamaged(f"{path.name}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FolderDamaged(f"{path.name}: larger than {MAX_BYTES} bytes")
    return content
