"""When a capture last wrote: told by the modification times of its files."""

from callrec import clock
from callrec.recorder.folder.manifest import Anchor
from callrec.recorder.folder.paths import FolderPaths


def has_begun(paths: FolderPaths) -> bool:
    """Tell whether a capture process ever ran in the folder."""
    return paths.timeline.exists()


def _last_write_s(paths: FolderPaths) -> float:
    files = [paths.timeline, *paths.tracks.glob("*/*.rtpdump")]
    return max((f.stat().st_mtime for f in files if f.exists()), default=0.0)


def age_s(paths: FolderPaths) -> float:
    """Return the seconds since the last packet or event."""
    return max(0.0, clock.wall_s() - _last_write_s(paths))


def last_ms(paths: FolderPaths, anchor: Anchor) -> int:
    """Return the moment of the last packet or event on the recording's time line (0 when there is none)."""
    return max(0, round((_last_write_s(paths) - anchor.wall_s) * 1000))
