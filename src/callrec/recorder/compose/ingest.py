"""Reads the log of a recording in the order in which it arrived, and says what belongs where in time.

It goes in steps of 640 ms. What is said about a step uses the log up to 3 s after the step's beginning and no
more, however much of it is there already: so composing behind the call and composing afterwards give the same
film. A retransmission counts up to then, however late it is; what comes later is as if it had been lost.

What is damaged or missing in the folder costs itself only, and is logged.
"""

import structlog

from callrec.errors import FolderDamaged
from callrec.recorder.compose.clock import SenderClock
from callrec.recorder.compose.track_log import TrackLog
from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.track import read_track

LOOKAHEAD_MS = 3000
"""What is composed at time t uses the log up to t + this."""
STEP_MS = 640

_log = structlog.get_logger()


class Ingest:
    """All tracks of a recording. ``origin_ms`` is a step's beginning: where the film begins."""

    def __init__(self, reader: FolderReader, origin_ms: int, *, video: bool) -> None:
        self._reader = reader
        self._video = video
        self._clocks: dict[str, SenderClock] = {}
        self._done_ms = origin_ms - (origin_ms // STEP_MS + 1) * STEP_MS  # at or before 0
        self._left_out: set[int] = set()
        self.tracks: dict[int, TrackLog] = {}

    def advance(self, to_ms: float) -> None:
        """Go on to the first end of a step at or after *to_ms*."""
        if self._done_ms < to_ms:
            self._discover()
        while self._done_ms < to_ms:
            self._done_ms += STEP_MS
            until_ms = self._done_ms - STEP_MS + LOOKAHEAD_MS
            for track in self.tracks.values():
                track.read(until_ms)
            for clock in self._clocks.values():
                clock.settle(until_ms)
            for track in self.tracks.values():
                track.release(self._done_ms)

    def report_damage(self) -> None:
        """Log where segments end torn or are missing, as far as the log was read; capture is closed."""
        for track in self.tracks.values():
            track.report_damage()

    def owners(self, until_ms: float) -> dict[int, str]:
        """Return the participant of each track as the timeline says until *until_ms*."""
        owners = {n: log.track.participant for n, log in self.tracks.items()}
        for event in self._reader.timeline():
            if event.type == "track" and event.participant and event.ms <= until_ms and event.track in owners:
                owners[event.track] = event.participant
        return owners

    def _discover(self) -> None:
        for number in self._reader.paths.track_numbers():
            directory = self._reader.paths.track(number)
            if number in self.tracks or number in self._left_out or not (directory / "track.json").exists():
                continue
            try:  # As written: that the timeline names another owner counts from the moment it says so.
                track = read_track(directory)
            except FolderDamaged as error:
                _log.warning("track_damaged", track=number, error=str(error))
                self._left_out.add(number)
                continue
            if track.kind == "video" and not self._video:
                self._left_out.add(number)
            else:
                clock = self._clocks.setdefault(track.session, SenderClock(LOOKAHEAD_MS))
                self.tracks[number] = TrackLog(TrackReader(self._reader.paths, track), clock)
