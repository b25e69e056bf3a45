"""Opening files of a folder that may come from anywhere: links are not followed, pipes not waited for."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_plain(path: Path, *, buffering: int = -1) -> BinaryIO:
    """Open the regular file *path* for reading. Raises OSError, also where it is anything else."""
    # Without O_NONBLOCK a pipe in the place of the file would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return os.fdopen(descriptor, "rb", buffering)
