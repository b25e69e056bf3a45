"""How long the packets of one stream take, as far as it can be told: arrival minus the stream's own time.

The smallest one of the last seconds says where the stream's time stands on ours: of the packet that came with
the least delay. Two things look alike at first, and are told apart by what comes after: a line that held
packets back (they come in a heap, soon in time again), and a stream whose own time stood still, as that of a
suspended laptop (they go on as late as the first one).
Everything here is milliseconds.
"""

from collections import deque

# Long enough to hold a packet with little delay on a bad line, short enough for a clock that drifts by
# 200 ppm (4 ms in 20 s).
_WINDOW_MS = 20_000
_BUCKET_MS = 1000
# More than lines vary by from one packet to the next, but for heaps.
_JUMP_MS = 1000
# Where time stood still, it goes on right behind the newest one before: the first packet may be overtaken.
_JUST_AFTER_MS = 0.01
# So long a jump is looked at: well within the look-ahead.
_DOUBT_MS = 1500
# A heap comes faster than it was sent: within the doubt the delay falls by more than this.
_FALLING_MS = 100
_PROBE_MS = 300


class _Doubt:
    """A delay that grew at once: from *stream_ms* on."""

    def __init__(self, arrival_ms: float, stream_ms: float, delay: float) -> None:
        self.arrival_ms = arrival_ms
        self.stream_ms = stream_ms
        self.least = delay
        self._probes: list[float] = []  # least delay in each

    def add(self, arrival_ms: float, delay: float) -> None:
        probe = int((arrival_ms - self.arrival_ms) // _PROBE_MS)
        self._probes += [delay] * (probe + 1 - len(self._probes))
        self._probes[probe] = min(self._probes[probe], delay)
        self.least = min(self.least, delay)

    def look_again(self, from_ms: float) -> None:
        self.arrival_ms, self._probes = from_ms, []

    @property
    def falling(self) -> bool:
        return bool(self._probes) and self._probes[0] - self._probes[-1] > _FALLING_MS

    @property
    def looked_at(self) -> bool:
        return len(self._probes) * _PROBE_MS >= _DOUBT_MS


class Delays:
    """The delays of one stream."""

    def __init__(self, patience_ms: float) -> None:
        """*patience_ms*: what takes longer comes too late to count."""
        self._patience_ms = patience_ms
        self._least: deque[tuple[int, float]] = deque()  # bucket, least delay in it
        self._newest: tuple[float, float] | None = None  # stream time and delay
        self._doubt: _Doubt | None = None
        self.least: float | None = None
        """The least delay of late, when last settled."""
        self.recent = False
        """Whether anything came of late."""
        self.jumps: list[float] = []
        """Stream times from which on the delays are others than before; for the owner to take out."""

    @property
    def held_from(self) -> float | None:
        """Return the stream time from which on nothing can be said yet.

        Only what comes too late anyway, if it was the line that was slow, can be waited for.
        """
        doubt = self._doubt
        if doubt is None or self.least is None or doubt.least - self.least < self._patience_ms:
            return None
        return doubt.stream_ms

    def add(self, arrival_ms: float, stream_ms: float) -> None:
        """Note a packet with time *stream_ms*; arrivals are in order, stream times need not be."""
        delay = arrival_ms - stream_ms
        newest = self._newest
        if newest is None or stream_ms > newest[0]:
            if newest is not None and abs(delay - newest[1]) > _JUMP_MS:
                self._jump(arrival_ms, newest[0], delay)
            self._newest = stream_ms, delay
        doubt = self._doubt
        if doubt is not None and stream_ms >= doubt.stream_ms:
            doubt.add(arrival_ms, delay)
        bucket = int(arrival_ms // _BUCKET_MS)
        least = self._least
        if not least or least[-1][0] != bucket:
            least.append((bucket, delay))
        elif delay < least[-1][1]:
            least[-1] = bucket, delay

    def settle(self, now_ms: float) -> None:
        """Fix ``least`` and ``recent`` from what arrived until *now_ms*."""
        if self._doubt is not None:
            self._look_at(self._doubt, now_ms)
        # The newest always stays: a muted stream goes on where it was.
        oldest_bucket = (now_ms - _WINDOW_MS) // _BUCKET_MS
        while len(self._least) > 1 and self._least[0][0] < oldest_bucket:
            self._least.popleft()
        self.recent = bool(self._least) and self._least[0][0] >= oldest_bucket
        self.least = min((delay for _, delay in self._least), default=None)

    def _jump(self, arrival_ms: float, after_ms: float, delay: float) -> None:
        beyond = delay - min(known for _, known in self._least)
        if beyond < -_JUMP_MS:  # nothing arrives before it is sent
            self._begin_anew(after_ms + _JUMP_MS / 2)
        elif beyond > _JUMP_MS and self._doubt is None:
            self._doubt = _Doubt(arrival_ms, after_ms + _JUST_AFTER_MS, delay)

    def _look_at(self, doubt: _Doubt, now_ms: float) -> None:
        before = self.least if self.least is not None else doubt.least
        if doubt.least < before + _JUMP_MS / 2:
            self._doubt = None
        elif doubt.falling:
            doubt.look_again(now_ms)
        elif doubt.looked_at or now_ms - doubt.arrival_ms >= self._patience_ms:
            least = self._least[-1][0], doubt.least
            self._begin_anew(doubt.stream_ms)
            self._least.append(least)

    def _begin_anew(self, stream_ms: float) -> None:
        self._least.clear()
        self._doubt = None
        self.jumps.append(stream_ms)
