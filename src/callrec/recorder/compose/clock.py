"""One clock for all: where on the recording's time line a sender's packets belong.

A sender's reports say where each of its streams stands on the sender's own NTP clock: so its sound and its
pictures are aligned with each other. The smallest (arrival - NTP) of the last seconds says where that clock
stands on ours: the packet that came with the least delay. NTP is never taken for wall time.
Everything here is milliseconds; a stream's time is its RTP timestamp divided by its clock rate.
"""

from collections import deque
from collections.abc import Hashable
from statistics import median

# Long enough to hold a packet with little delay on a bad line, short enough for a clock that drifts by
# 200 ppm (4 ms in 20 s).
_WINDOW_MS = 20_000
_BUCKET_MS = 1000
# Reports jitter by a millisecond or two: the median of some of them does not.
_REPORT_WINDOW_MS = 15_000
# Streams of one sender whose delays seem to differ by more than this have reports that mean something else.
_SANE_DELAY_DIFFERENCE_MS = 5000


class _StreamClock:
    def __init__(self) -> None:
        self._least: deque[tuple[int, float]] = deque()  # bucket, least (arrival - stream time) in it
        self._reports: deque[tuple[float, float]] = deque()  # arrival, NTP - stream time
        self.to_ntp: float | None = None
        self.least_delay: float | None = None
        self.recent = False
        self.offset: float | None = None

    def add_arrival(self, arrival_ms: float, stream_ms: float) -> None:
        bucket, delay = int(arrival_ms // _BUCKET_MS), arrival_ms - stream_ms
        if self._least and self._least[-1][0] == bucket:
            self._least[-1] = (bucket, min(delay, self._least[-1][1]))
        else:
            self._least.append((bucket, delay))

    def add_report(self, arrival_ms: float, stream_ms: float, ntp_ms: float) -> None:
        self._reports.append((arrival_ms, ntp_ms - stream_ms))

    def settle(self, now_ms: float) -> None:
        # The newest always stays: a muted stream goes on where it was.
        oldest_bucket = (now_ms - _WINDOW_MS) // _BUCKET_MS
        while len(self._least) > 1 and self._least[0][0] < oldest_bucket:
            self._least.popleft()
        self.recent = bool(self._least) and self._least[0][0] >= oldest_bucket
        while len(self._reports) > 1 and self._reports[0][0] < now_ms - _REPORT_WINDOW_MS:
            self._reports.popleft()
        self.least_delay = min((delay for _, delay in self._least), default=None)
        self.to_ntp = median(offset for _, offset in self._reports) if self._reports else None


class SenderClock:
    """The clock of one sender, that is of one session: all its streams share one NTP clock."""

    def __init__(self) -> None:
        self._streams: dict[Hashable, _StreamClock] = {}
        self._from_ntp: float | None = None

    def add_arrival(self, stream: Hashable, arrival_ms: float, stream_ms: float) -> None:
        """Note that a packet of *stream* with time *stream_ms* arrived for the first time."""
        self._streams.setdefault(stream, _StreamClock()).add_arrival(arrival_ms, stream_ms)

    def add_report(self, stream: Hashable, arrival_ms: float, stream_ms: float, ntp_ms: float) -> None:
        """Note a sender report of *stream*."""
        self._streams.setdefault(stream, _StreamClock()).add_report(arrival_ms, stream_ms, ntp_ms)

    def settle(self, now_ms: float) -> None:
        """Fix the offsets from what arrived until *now_ms*; they hold until the next call."""
        for stream in self._streams.values():
            stream.settle(now_ms)
        delays = [
            s.least_delay - s.to_ntp
            for s in self._streams.values()
            if s.recent and s.least_delay is not None and s.to_ntp is not None
        ]
        if delays:
            sane = max(delays) - min(delays) <= _SANE_DELAY_DIFFERENCE_MS
            self._from_ntp = min(delays) if sane else None
        for stream in self._streams.values():
            if self._from_ntp is not None and stream.to_ntp is not None:
                stream.offset = stream.to_ntp + self._from_ntp
            elif stream.least_delay is not None:
                stream.offset = stream.least_delay

    def offset_ms(self, stream: Hashable) -> float | None:
        """Return what to add to a time of *stream* to get the recording's; None before its first packet."""
        known = self._streams.get(stream)
        return known.offset if known else None
