"""Copies a film, or a whole recording folder, to a place of one's own: all of it is there, or nothing."""

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from callrec.recorder.folder.durable import sync_directory
from callrec.recorder.folder.paths import FolderPaths


def copy_film(film: Path, target: Path) -> None:
    """Copy the file *film* to *target*, which must not be there. Raises OSError."""
    _write(target, lambda temporary: shutil.copyfile(film, temporary))


def pack_folder(root: Path, target: Path) -> None:
    """Pack the recording folder *root* into the tar archive *target*, which must not be there.

    Not compressed: media does not become smaller. Left out is what only its recorder has a use for, and holds
    a password: how far it is sent. Raises OSError.
    """

    def pack(temporary: Path) -> None:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, root, root.name, without=FolderPaths(root).upload)

    _write(target, pack)


def _add(archive: tarfile.TarFile, path: Path, name: str, without: Path) -> None:
    """Add *path* and what lies below it; files that go meanwhile count as gone."""
    try:
        if path == without or path.is_symlink() or not (path.is_dir() or path.is_file()):
            return
        archive.add(path, name, recursive=False)
        below = sorted(path.iterdir()) if path.is_dir() else []
    except FileNotFoundError:
        return
    for child in below:
        _add(archive, child, f"{name}/{child.name}", without)


def _write(target: Path, make: Callable[[Path], object]) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        make(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.link(temporary, target)  # unlike a renaming, it never replaces what is there
        sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
