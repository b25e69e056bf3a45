"""A film that somebody asks for, of a folder that lies anywhere: what of it is to be composed, and where.

A folder that its recorder may still write to is only read: its chunks are kept beside the film, as are those
of a folder that cannot be written.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from callrec.errors import NothingToCompose, StillCaptured
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.formats import format_of
from callrec.recorder.compose.plan import Plan
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.manifest import Manifest, read_manifest
from callrec.recorder.folder.paths import FolderPaths


@dataclass(frozen=True)
class Recorded:
    """What a folder holds: the film that there is at most."""

    root: Path
    manifest: Manifest
    begins_ms: int
    """Film time 0 on the recording's time line."""
    ends_ms: int
    content: str
    """Tells one content of the folder from another where it may still grow; else empty."""

    @property
    def duration_ms(self) -> int:
        """Length of the whole film."""
        return self.ends_ms - self.begins_ms

    def plan(self, options: ComposeOptions, output: Path, *, from_ms: int = 0) -> Plan:
        """Return the plan of a film from *from_ms* of film time on, to be written to *output*."""
        mine = not self.content and _may_hold_chunks(FolderPaths(self.root))
        return Plan(
            self.root,
            options,
            self.begins_ms + from_ms,
            format_of(output).coding if self.manifest.video else "sound",
            elsewhere=None if mine else output.with_name(f".{output.name}.chunks"),
            content=self.content,
        )


def look_into(root: Path) -> Recorded:
    """Return what there is to be composed in the folder *root*, also when its recorder died.

    Raises:
        FolderDamaged: it is no recording folder, or its manifest cannot be read.
        StillCaptured: its capture process is running.
        NothingToCompose: nothing was recorded.
    """
    paths = FolderPaths(root)
    if not paths.manifest.exists():
        check_folder(root)  # says better what is wrong
    manifest = read_manifest(paths.manifest)
    closed = manifest.closed_at is not None
    if not closed and _is_captured(paths):
        raise StillCaptured(f"{root}: the recording is still being captured")
    begins_ms, ends_ms = manifest.started_ms, manifest.stop_ms
    if begins_ms is None or ends_ms is None:
        report = check_folder(root)
        firsts = [track.first_ms for track in report.tracks if track.first_ms is not None]
        lasts = [track.last_ms for track in report.tracks if track.last_ms is not None]
        begins_ms = min(firsts, default=0) if begins_ms is None else begins_ms
        ends_ms = max(lasts, default=0) if ends_ms is None else ends_ms
    if ends_ms <= begins_ms:
        raise NothingToCompose(f"{root}: nothing was recorded")
    return Recorded(root, manifest, begins_ms, ends_ms, "" if closed else _content(paths))


def _is_captured(paths: FolderPaths) -> bool:
    try:
        descriptor = os.open(paths.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _content(paths: FolderPaths) -> str:
    """Return the size of all that capture writes: it only appends."""
    files = [paths.timeline, *paths.tracks.glob("*/*")]
    return f"{sum(file.stat().st_size for file in files if file.is_file())} bytes"


def _may_hold_chunks(paths: FolderPaths) -> bool:
    """Tell whether chunks can be kept in the folder itself; a link in their place is not followed."""
    try:
        paths.chunks.mkdir(exist_ok=True)
    except OSError:
        return False
    return not paths.chunks.is_symlink() and os.access(paths.chunks, os.W_OK | os.X_OK)
