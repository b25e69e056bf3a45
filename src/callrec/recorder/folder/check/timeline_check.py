"""Examines timeline.jsonl, line by line."""

from collections import Counter
from pathlib import Path

from callrec.recorder.folder.check.findings import Findings
from callrec.recorder.folder.check.presence import Presence
from callrec.recorder.folder.check.report import Stretch, TimelineReport
from callrec.recorder.folder.timeline import Event, Line, read_lines

HEARTBEAT_MS = 10_000
HEARTBEAT_LATE_MS = 5_000
"""A busy machine may give its sign of life so much too late."""
MAX_GAPS = 1000
MAX_OWNERS = 10_000
NAME = "timeline.jsonl"


class TimelineCheck:
    """Reads the timeline once. ``owners`` is then what it says about whose the tracks are."""

    def __init__(self, findings: Findings, *, closed: bool) -> None:
        """*closed*: capture writes no more, so the last line must be whole, too."""
        self.report = TimelineReport()
        self.owners: dict[int, str] = {}
        self._findings = findings
        self._closed = closed
        self._events: Counter[str] = Counter()
        self._presence = Presence()
        self._heartbeat_ms: int | None = None
        self._running = False
        """Between *capture* and *closed* of one process."""
        self._assumed_gap: Stretch | None = None
        """From the last event of a process to the first of the next, unless a *gap* says better."""

    def read(self, path: Path) -> None:
        """Read the file."""
        try:
            for line in read_lines(path):
                self._line(line)
        except OSError as error:
            self._findings.add("unreadable", NAME, str(error.strerror), fatal=True)
        self._take_assumed_gap()
        report = self.report
        self._presence.interrupted(report.last_ms or 0)
        report.participants = self._presence.participants()
        report.events = dict(self._events)
        report.closed = bool(self._events) and not self._running
        if self._presence.unnamed:
            text = (
                f"{self._presence.unnamed} events of participants beyond the first {len(report.participants)}"
            )
            self._findings.add("too_many", NAME, text)

    def _line(self, line: Line) -> None:
        event, where = line.event, f"{NAME} line {line.number}"
        if event is None:
            if line.whole or self._closed:
                self._findings.add("timeline_line", where, f"no event: {line.problem}")
            return
        last_ms = self.report.last_ms
        if last_ms is not None and event.ms < last_ms:
            text = f"at {event.ms} ms, {last_ms - event.ms} ms before the one above"
            self._findings.add("timeline_order", where, text)
        self._events[event.type] += 1
        self._apply(event, where)
        self._presence.add(event)
        self.report.last_ms = max(last_ms or 0, event.ms)

    def _apply(self, event: Event, where: str) -> None:
        if event.type == "gap":
            self._assumed_gap = None
            self._gap(Stretch(event.ms if event.from_ms is None else event.from_ms, event.ms), where)
        else:
            if event.type != "anchor":
                self._take_assumed_gap()
            self._process(event, where)
            self._own(event)

    def _own(self, event: Event) -> None:
        """Note whose a track is, if that is said."""
        if event.type != "track" or event.track is None or not event.participant:
            return
        if event.track in self.owners or len(self.owners) < MAX_OWNERS:
            self.owners[event.track] = event.participant

    def _process(self, event: Event, where: str) -> None:
        """Follow the capture processes and their signs of life."""
        last_ms = self.report.last_ms
        if event.type == "capture":
            if self._running:
                text = f"a capture process begins at {event.ms} ms, and the one before has not closed"
                self._findings.add("capture_died", where, text)
            if last_ms is not None:
                self._assumed_gap = Stretch(last_ms, event.ms)
                self._presence.interrupted(last_ms)
            self._running, self._heartbeat_ms = True, event.ms
        elif event.type in ("heartbeat", "closed"):
            self._heartbeat(event, where)
            self._heartbeat_ms = event.ms
            self._running = event.type != "closed"

    def _heartbeat(self, event: Event, where: str) -> None:
        if self._heartbeat_ms is None or not self._running:
            return
        apart_ms = event.ms - self._heartbeat_ms
        if apart_ms > HEARTBEAT_MS + HEARTBEAT_LATE_MS:
            count = (apart_ms - HEARTBEAT_LATE_MS) // HEARTBEAT_MS
            self.report.heartbeats_missing += count
            text = f"{count} missing between {self._heartbeat_ms} and {event.ms} ms"
            self._findings.add("heartbeat_missing", where, text)

    def _take_assumed_gap(self) -> None:
        if self._assumed_gap is not None:
            self._gap(self._assumed_gap, NAME)
            self._assumed_gap = None

    def _gap(self, stretch: Stretch, where: str) -> None:
        if len(self.report.gaps) < MAX_GAPS:
            self.report.gaps.append(stretch)
        text = f"nothing was captured from {stretch.from_ms} to {stretch.to_ms} ms"
        self._findings.add("gap", where, text)
