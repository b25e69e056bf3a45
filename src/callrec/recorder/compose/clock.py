"""One clock for all: where on the recording's time line a sender's packets belong.

A sender's reports say where each of its streams stands on the sender's own NTP clock: so its sound and its
pictures are aligned with each other. The smallest (arrival - NTP) of the last seconds says where that clock
stands on ours: the packet that came with the least delay. NTP is never taken for wall time. Before its first
report, or where its reports cannot be meant, a stream is placed by its own arrivals.

Reports are not trusted one by one. One that disagrees with the ones before it about how late it is does not
count, until several agree: then the sender's NTP clock was set, for all streams at once. One that is seconds
away from the packets of its stream does not count either.
Everything here is milliseconds; a stream's time is its RTP timestamp divided by its clock rate.
"""

from collections import deque
from math import inf
from statistics import median
from typing import NamedTuple

from callrec.recorder.compose.delays import Delays

# Reports jitter by a millisecond or two: the median of some of them does not.
_REPORT_WINDOW_MS = 15_000
# A stream that two reports in a row, and close together, place elsewhere is elsewhere: a device was changed.
_MOVED_MS, _CLOSE_MS = 60, 20
# Reports travel as packets do, and vary by less than this as a rule.
_STRANGE_MS = 200
_STRANGERS = 3
_LEVEL_OF = 9
# What differs by more than this has another cause than different delays.
_SANE_MS = 3000
_PAST_SPANS = 4


class _Report(NamedTuple):
    arrival_ms: float
    stream: "StreamClock"
    stream_ms: float
    ntp_ms: float


class Span(NamedTuple):
    """What is to be added to a stream's times before ``until_ms`` (of the stream) to get the recording's."""

    until_ms: float
    offset_ms: float


class StreamClock:
    """Where one stream stands. What is added counts from the sender's next ``settle`` on."""

    def __init__(self, patience_ms: float) -> None:
        self._delays = Delays(patience_ms)
        self._offsets: deque[tuple[float, float, float]] = deque()  # arrival, stream time, NTP - stream time
        self._past: deque[Span] = deque(maxlen=_PAST_SPANS)
        self.pending: list[_Report] = []
        """Reports that were not settled yet."""
        self.to_ntp: float | None = None
        self._offset: float | None = None
        self.add_arrival = self._delays.add
        """Note that a packet arrived (ms) with a time of the stream (ms); arrivals are in order."""

    def add_report(self, arrival_ms: float, stream_ms: float, ntp_ms: float) -> None:
        """Note a sender report."""
        self.pending.append(_Report(arrival_ms, self, stream_ms, ntp_ms))

    def spans(self) -> list[Span]:
        """Return the offsets that hold now, in the order of the stream's time.

        None before the first packet; what lies after the last one is not known yet.
        """
        if self._offset is None:
            return []
        held_from = self._delays.held_from
        return [*self._past, Span(inf if held_from is None else held_from, self._offset)]

    def offset_ms(self) -> float | None:
        """Return what to add to the stream's newest times."""
        return self._offset

    def settle(self, now_ms: float) -> None:
        """Settle the delays, and leave behind what was before a jump."""
        self._delays.settle(now_ms)
        for stream_ms in self._delays.jumps:
            if self._offset is not None:
                self._past.append(Span(stream_ms, self._offset))
            self._offsets = deque(one for one in self._offsets if one[1] >= stream_ms)
        self._delays.jumps.clear()

    def accept(self, report: _Report, ntp_ms: float) -> None:
        """Believe a report, with its NTP time as it would be had the clock never been set."""
        least = self._delays.least
        if least is None or abs(report.arrival_ms - report.stream_ms - least) > _SANE_MS:
            return
        self._offsets.append((report.arrival_ms, report.stream_ms, ntp_ms - report.stream_ms))

    def fit(self, now_ms: float) -> None:
        """Fix ``to_ntp`` from the reports."""
        known = self._offsets
        while len(known) > 1 and known[0][0] < now_ms - _REPORT_WINDOW_MS:
            known.popleft()
        if len(known) > 2:
            before = median(offset for *_, offset in list(known)[:-2])
            moved = [known[-2][2] - before, known[-1][2] - before]
            if min(map(abs, moved)) > _MOVED_MS and abs(moved[0] - moved[1]) <= _CLOSE_MS:
                while len(known) > 2:
                    known.popleft()
        self.to_ntp = median(offset for *_, offset in known) if known else None

    @property
    def delay(self) -> float | None:
        """The least (arrival - NTP) of late."""
        if not self._delays.recent or self._delays.least is None or self.to_ntp is None:
            return None
        return self._delays.least - self.to_ntp

    def place(self, from_ntp: float | None) -> None:
        """Fix the offset: by NTP where that is possible, else by the stream's own arrivals."""
        if from_ntp is not None and self.to_ntp is not None:
            self._offset = self.to_ntp + from_ntp
        elif self._delays.least is not None:
            self._offset = self._delays.least


class SenderClock:
    """The clock of one sender, that is of one session: all its streams share one NTP clock."""

    def __init__(self, patience_ms: float) -> None:
        """*patience_ms*: what takes longer than this comes too late to count."""
        self._patience_ms = patience_ms
        self._streams: list[StreamClock] = []
        self._from_ntp: float | None = None
        self._set_by = 0.0  # the NTP clock was set forward by so much since the beginning
        self._levels: deque[float] = deque(maxlen=_LEVEL_OF)  # NTP - arrival of reports
        self._strangers: list[_Report] = []

    def open(self) -> StreamClock:
        """Return the clock of one more stream."""
        self._streams.append(StreamClock(self._patience_ms))
        return self._streams[-1]

    def settle(self, now_ms: float) -> None:
        """Fix the offsets from what arrived until *now_ms*; they hold until the next call."""
        reports = [report for stream in self._streams for report in stream.pending]
        for stream in self._streams:
            stream.pending.clear()
            stream.settle(now_ms)
        for report in sorted(reports, key=lambda report: report.arrival_ms):
            self._judge(report)
        for stream in self._streams:
            stream.fit(now_ms)
        delays = [delay for stream in self._streams if (delay := stream.delay) is not None]
        if delays:
            self._from_ntp = min(delays) if max(delays) - min(delays) <= _SANE_MS else None
        for stream in self._streams:
            stream.place(self._from_ntp)

    def _judge(self, report: _Report) -> None:
        level = self._level(report)
        usual = median(self._levels) if self._levels else level
        if abs(level - usual) <= _STRANGE_MS:
            self._strangers.clear()
            self._accept(report)
            return
        self._strangers = [*self._strangers[1 - _STRANGERS :], report]
        levels = [self._level(stranger) for stranger in self._strangers]
        if len(levels) == _STRANGERS and max(levels) - min(levels) <= _STRANGE_MS:
            self._set_by += median(levels) - usual
            for stranger in self._strangers:
                self._accept(stranger)
            self._strangers.clear()

    def _level(self, report: _Report) -> float:
        return report.ntp_ms - self._set_by - report.arrival_ms

    def _accept(self, report: _Report) -> None:
        self._levels.append(self._level(report))
        report.stream.accept(report, report.ntp_ms - self._set_by)
