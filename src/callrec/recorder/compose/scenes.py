"""Follows one recording for its scenes: brings timeline, tracks, levels to the director, chunk by chunk."""

from bisect import bisect_right

from callrec.recorder.compose.director import Director
from callrec.recorder.compose.film import Chunk, whole_chunk
from callrec.recorder.compose.levels import BEHIND_MS, HOP_MS, Levels
from callrec.recorder.compose.presence import Roster
from callrec.recorder.compose.scene import LayoutChoice
from callrec.recorder.compose.speech import Speech
from callrec.recorder.compose.track_log import TrackLog
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.timeline import Event


class Scenes:
    """Goes through all chunks from the first on: what is seen depends on what was before."""

    def __init__(self, reader: FolderReader, layout: LayoutChoice, started_ms: int) -> None:
        self.roster = Roster()
        self._reader = reader
        self._started_ms = started_ms
        self._speech = Speech()
        self.director = Director(self.roster, self._speech, layout)
        self._read = 0
        self._waiting: list[Event] = []
        self._tracks: set[int] = set()
        self._chunks = 0

    def advance(self, chunk: Chunk, tracks: dict[int, TrackLog], levels: Levels) -> None:
        """Go on to the end of *chunk*, to where log and levels are known."""
        for number, log in tracks.items():
            if number not in self._tracks and log.first_record_ms is not None:
                self._tracks.add(number)
                self.roster.track(number, log.track.participant, log.track.source, log.first_record_ms)
        events = self._reader.timeline()
        self._waiting += events[self._read :]
        self._read = len(events)
        self._waiting.sort(key=lambda event: event.ms)  # one with a wrong time must not hold up the others
        while self._chunks <= chunk.index:
            last = self._chunks == chunk.index
            self._go_on_to(chunk if last else whole_chunk(self._chunks, chunk.fps), levels)
            self._chunks += 1

    def _go_on_to(self, chunk: Chunk, levels: Levels) -> None:
        end_ms = self._started_ms + chunk.end_ms
        count = bisect_right(self._waiting, end_ms, key=lambda event: event.ms)
        self.roster.add(self._waiting[:count])
        del self._waiting[:count]
        owners = {n: owner for n in self._tracks if (owner := self.roster.owner(n, end_ms)) is not None}
        until_ms = min(end_ms + BEHIND_MS, levels.hops * HOP_MS)
        self._speech.advance(levels.levels_db(until_ms, owners, since_ms=self._speech.known_ms), until_ms)
        self.director.advance(end_ms)
