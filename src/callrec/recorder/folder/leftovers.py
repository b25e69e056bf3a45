"""What processes that were killed have left in a recording folder."""

from collections.abc import Iterable
from pathlib import Path

from callrec.recorder.folder.paths import FolderPaths


def sweep(paths: FolderPaths) -> int:
    """Delete all temporary files of a folder in which nobody works; return how many there were."""
    tracks = [paths.track(number) for number in paths.track_numbers()]
    return _sweep(
        [*paths.root.glob(".*.tmp"), *(file for track in tracks for file in track.glob(".*.tmp"))]
    ) + (sweep_composed(paths))


def sweep_composed(paths: FolderPaths) -> int:
    """Delete those that composing left: a process that captures may go on beside."""
    return _sweep([*paths.chunks.rglob(".*.tmp"), *paths.output.rglob(".*.tmp")])


def _sweep(files: Iterable[Path]) -> int:
    found = [file for file in files if file.is_file() and not file.is_symlink()]
    for file in found:
        file.unlink(missing_ok=True)
    return len(found)
