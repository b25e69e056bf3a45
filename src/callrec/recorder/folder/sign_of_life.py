"""When a capture last wrote."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from callrec import clock
from callrec.recorder.folder.paths import SEGMENT_SUFFIX, FolderPaths
from callrec.recorder.folder.rtpdump import read_records
from callrec.recorder.folder.timeline import read_timeline


def has_begun(paths: FolderPaths) -> bool:
    """Tell whether a capture process ever ran in the folder. Raises OSError."""
    return paths.timeline.exists()


def age_s(paths: FolderPaths) -> float:
    """Return the seconds since the last packet or event, by the modification times of the files."""
    return max(0.0, clock.wall_s() - _last_write_s(paths))


def _last_write_s(paths: FolderPaths) -> float:
    """Return when one of the files was last written to, 0 where none can be looked at."""
    last_write_s = _written_s(paths.timeline)
    with suppress(OSError):  # of a directory that cannot be read: what was seen before tells
        for segment in paths.tracks.glob(f"*/*{SEGMENT_SUFFIX}"):
            last_write_s = max(last_write_s, _written_s(segment))
    return last_write_s


def _written_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # not there, or the disk fails: the others tell
        return 0.0


def last_ms(paths: FolderPaths, anchor_wall_s: float) -> int:
    """Return the moment of the last packet or event on the recording's time line (0 when there is none).

    Read from the records, not from modification times: wall time may have jumped. A file that cannot be read
    is passed over; where none can, the modification times count, from *anchor_wall_s* on, the moment 0.
    """
    latest, unread = 0, False
    try:
        for moments in _moments(paths):
            try:
                for ms in moments:
                    latest = max(latest, ms)
            except OSError:  # the end of a recording must not depend on one file
                unread = True
    except OSError:  # nor on one directory
        unread = True
    if unread and latest == 0:
        latest = max(0, round((_last_write_s(paths) - anchor_wall_s) * 1000))
    return latest


def _moments(paths: FolderPaths) -> Iterator[Iterator[int]]:
    """Yield for each file that can have the last moment those that are written there."""
    yield (event.ms for event in read_timeline(paths.timeline))
    for number in paths.track_numbers():
        # The newest may have been created just before the end, and be empty.
        for index in paths.segment_numbers(number)[-2:]:
            yield (record.offset_ms for record, _ in read_records(paths.segment(number, index)))
