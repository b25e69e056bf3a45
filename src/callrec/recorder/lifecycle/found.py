"""What lies in a home of recordings when a recorder starts."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from callrec.errors import FolderDamaged
from callrec.recorder.folder.manifest import Manifest, read_manifest
from callrec.recorder.folder.paths import FolderPaths

_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}", re.ASCII)


class Damaged(NamedTuple):
    """A recording whose manifest cannot be read: nobody can tell what is owed to whom."""

    folder: Path
    error: str


def read_home(home: Path) -> Iterator[tuple[Path, Manifest | Damaged]]:
    """Yield the folders of the recordings in *home*; what is none is passed over. Raises OSError."""
    for folder in home.iterdir():
        if folder.name.startswith(".") or not _is_recording(folder):
            continue
        try:
            yield folder, own_manifest(folder)
        except FolderDamaged as error:
            yield folder, Damaged(folder, str(error))


def own_manifest(folder: Path) -> Manifest:
    """Read the manifest in *folder*. Raises FolderDamaged, also where it is another recording's."""
    manifest = read_manifest(FolderPaths(folder).manifest)
    if manifest.recording_id != folder.name:
        raise FolderDamaged("manifest.json: recording_id is not the folder's name")
    return manifest


def _is_recording(folder: Path) -> bool:
    """Tell by its name, or by what lies in it: others may put things beside recordings."""
    return bool(_ID.fullmatch(folder.name)) or os.path.lexists(FolderPaths(folder).manifest)
