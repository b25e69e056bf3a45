"""Which RTP sequence numbers of a stream never came. Pure."""

WINDOW = 1 << 15
"""Numbers of 16 bits that lie further apart cannot be told from those of the next round."""
_ROUND = 1 << 16
MAX_REORDER = 512
"""A number so little before the first one, or after the last one, belongs to the stream."""


class SequenceCounter:
    """Counts the numbers of one SSRC; duplicates do not matter."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._highest = 0
        self._received = 0
        self._seen = bytearray(_ROUND)

    def add(self, sequence: int) -> None:
        """Take a packet as it was sent first."""
        if self._first is None:
            self._first = self._highest = sequence + _ROUND  # room below for what was overtaken
            self._note(self._highest)
            return
        full = self._near(sequence)
        if full > self._highest:
            self._advance(full)
        if self._first - MAX_REORDER <= full < self._first:
            self._first = full
        self._note(full)

    def repair(self, sequence: int) -> None:
        """Take a retransmission. What lies far beyond what was sent repairs nothing."""
        if self._first is None:
            return
        full = self._near(sequence)
        if self._highest < full <= self._highest + MAX_REORDER:
            self._advance(full)
        self._note(full)

    @property
    def expected(self) -> int:
        """How many numbers there are from the first to the highest."""
        return 0 if self._first is None else self._highest - self._first + 1

    @property
    def missing(self) -> int:
        """How many of them never came."""
        return self.expected - self._received

    def _near(self, sequence: int) -> int:
        ahead = (sequence - self._highest) % _ROUND
        return self._highest + (ahead if ahead < WINDOW else ahead - _ROUND)

    def _advance(self, full: int) -> None:
        begin, end = (self._highest + 1) % _ROUND, full % _ROUND + 1
        if begin < end:
            self._seen[begin:end] = bytes(end - begin)
        else:
            self._seen[begin:] = bytes(_ROUND - begin)
            self._seen[:end] = bytes(end)
        self._highest = full

    def _note(self, full: int) -> None:
        assert self._first is not None
        if self._first <= full <= self._highest and not self._seen[full % _ROUND]:
            self._seen[full % _ROUND] = 1
            self._received += 1
