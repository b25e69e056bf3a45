"""Reading a file whose size and kind are not trusted: a folder may come from anywhere."""

from pathlib import Path

from callrec.errors import FolderDamaged
from callrec.recorder.folder.plain_file import open_plain

MAX_BYTES = 1 << 20
"""Of manifest.json and track.json; real ones have a few kilobytes."""


def read_small_file(path: Path) -> bytes:
    """Return the content of *path*.

    Raises:
        FolderDamaged: missing, not readable, no regular file (links are not followed), or too large.
    """
    try:
        with open_plain(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FolderDamaged(f"{path.name}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FolderDamaged(f"{path.name}: larger than {MAX_BYTES} bytes")
    return content
