"""One track's packets on disk, in segments."""

from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.rtpdump import SegmentWriter
from callrec.recorder.folder.track import Track, create_track

SEGMENT_MS = 30_000
"""A closed segment is immutable and durable; this bounds what a lost machine can cost."""
FOLDER_AWAY_MS = 1_000
"""So long the last segment is written on before another one is tried, where the folder is away."""


class TrackLog:
    """Appends packets; every method but ``add`` may raise OSError."""

    def __init__(self, paths: FolderPaths, track: Track, anchor_wall_s: float) -> None:
        """Write track.json durably. The first packet opens the first segment."""
        create_track(paths.track(track.number), track)
        self.track = track
        self.ended = False
        self._paths = paths
        self._anchor_wall_s = anchor_wall_s
        self._writer: SegmentWriter | None = None
        self._full: list[SegmentWriter] = []
        self._index = 0
        self._segment_end_ms = 0

    def add(self, now_ms: int, packet: bytes, *, rtcp: bool = False) -> None:
        """Take one packet. Raises OSError only when a new segment cannot be created."""
        if self.ended:
            return
        if self._writer is None or now_ms >= self._segment_end_ms:
            self._next_segment(now_ms)
        assert self._writer is not None
        self._writer.add(now_ms, packet, rtcp=rtcp)

    def _next_segment(self, now_ms: int) -> None:
        if self._writer is not None:
            # The kernel has all of a segment before the next one exists: readers rely on it.
            self._writer.flush()
        path = self._paths.segment(self.track.number, self._index)
        try:
            following = SegmentWriter(path, self._anchor_wall_s)
        except FileNotFoundError:
            if self._writer is None:
                raise
            self._segment_end_ms = now_ms + FOLDER_AWAY_MS  # the open file is where the folder is
            return
        if self._writer is not None:
            self._full.append(self._writer)
        self._writer = following
        self._index += 1
        self._segment_end_ms = now_ms + SEGMENT_MS

    def flush(self) -> None:
        """Hand everything to the kernel: from here on a killed process loses none of it."""
        if self._writer is not None:
            self._writer.flush()

    def sync(self) -> None:
        """Make what was flushed durable and close full segments. Slow: call it in a thread."""
        while self._full:
            self._full.pop(0).close()  # not tried again when it fails: the file is closed all the same
        writer = self._writer  # the event loop may start a new segment meanwhile
        if writer is not None:
            writer.sync()

    def end(self) -> None:
        """Take no more packets; the next ``sync`` closes the last segment."""
        self.ended = True
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.flush()
            finally:
                self._full.append(writer)  # only now: a thread may close it at once

    def close(self) -> None:
        """Close the log durably."""
        try:
            self.end()
        finally:
            self.sync()
