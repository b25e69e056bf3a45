"""When a capture last wrote."""

from callrec import clock
from callrec.recorder.folder.paths import SEGMENT_SUFFIX, FolderPaths
from callrec.recorder.folder.rtpdump import read_records
from callrec.recorder.folder.timeline import read_timeline


def has_begun(paths: FolderPaths) -> bool:
    """Tell whether a capture process ever ran in the folder."""
    return paths.timeline.exists()


def age_s(paths: FolderPaths) -> float:
    """Return the seconds since the last packet or event, by the modification times of the files."""
    files = [paths.timeline, *paths.tracks.glob(f"*/*{SEGMENT_SUFFIX}")]
    last_write_s = max((f.stat().st_mtime for f in files if f.exists()), default=0.0)
    return max(0.0, clock.wall_s() - last_write_s)


def last_ms(paths: FolderPaths) -> int:
    """Return the moment of the last packet or event on the recording's time line (0 when there is none).

    Read from the records, not from modification times: wall time may have jumped.
    """
    moments = [event.ms for event in read_timeline(paths.timeline)]
    for number in paths.track_numbers():
        # The newest may have been created just before the end, and be empty.
        for index in paths.segment_numbers(number)[-2:]:
            moments += [record.offset_ms for record, _ in read_records(paths.segment(number, index))]
    return max(moments, default=0)
