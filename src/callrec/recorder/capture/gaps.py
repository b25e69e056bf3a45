"""Which packets of a video stream are missing, and what to ask its sender for. Pure: time is a value."""

NACK_RETRY_MS = (50, 100, 200)
"""Waits before a retransmission is asked for again: a lost NACK or RTX must not wait for the next gap."""
PICTURE_LOST_MS = 400
"""Just after the last request. A gap that is still open then is not filled any more: ask for a keyframe."""
PLI_INTERVAL_MS = 1000
"""Senders answer keyframe requests at most about once a second."""
MAX_GAP_PACKETS = 512
"""A larger jump is a restarted stream, not loss; and so much loss at a time is not worth repairing."""
_SEQUENCES = 1 << 16


class GapTracker:
    """Follows one SSRC's sequence numbers (16 bit, wrapping)."""

    def __init__(self) -> None:
        self._highest: int | None = None
        self._missing: dict[int, tuple[int, int]] = {}  # sequence number: (seen missing at ms, requests sent)
        self._last_pli_ms: int | None = None
        self._picture_lost = True  # a stream begins without a keyframe that we could rely on

    @property
    def missing(self) -> list[int]:
        """Sequence numbers that are waited for."""
        return sorted(self._missing)

    @property
    def restless(self) -> bool:
        """Something is asked for, or has to be: ``due`` and ``wants_keyframe`` cannot wait a second."""
        return self._picture_lost or bool(self._missing)

    def follows(self, sequence: int) -> bool:
        """Note a received packet if it is the next one, as nearly all are; any other is for ``add``."""
        if self._highest is None or (sequence - self._highest) % _SEQUENCES != 1:
            return False
        self._highest = sequence
        return True

    def add(self, sequence: int, now_ms: int) -> list[int]:
        """Note a received packet; return the sequence numbers to ask for at once (NACK)."""
        if self._highest is None:
            self._highest = sequence
            return []
        ahead = (sequence - self._highest) % _SEQUENCES
        if ahead == 0 or ahead >= _SEQUENCES // 2:
            self._missing.pop(sequence, None)
            return []
        new: list[int] = []
        if ahead <= MAX_GAP_PACKETS:
            new = [(self._highest + step) % _SEQUENCES for step in range(1, ahead)]
            self._missing.update((lost, (now_ms, 1)) for lost in new)
        if ahead > MAX_GAP_PACKETS or len(self._missing) > MAX_GAP_PACKETS:
            new = []
            self._missing.clear()
            self._picture_lost = True
        self._highest = sequence
        return new

    def due(self, now_ms: int) -> list[int]:
        """Return the sequence numbers to ask for again, and give up on those that took too long."""
        again = []
        for lost, (since_ms, requests) in list(self._missing.items()):
            if now_ms - since_ms >= PICTURE_LOST_MS:
                del self._missing[lost]
                self._picture_lost = True
            elif requests <= len(NACK_RETRY_MS) and now_ms - since_ms >= sum(NACK_RETRY_MS[:requests]):
                self._missing[lost] = (since_ms, requests + 1)
                again.append(lost)
        return again

    def lose_picture(self) -> None:
        """Note that what follows cannot be shown without a keyframe."""
        self._picture_lost = True

    def wants_keyframe(self, now_ms: int, period_ms: int) -> bool:
        """Tell whether to send a PLI now: after a loss, and once in *period_ms* for random access."""
        last = self._last_pli_ms
        due = last is None or (now_ms - last >= (PLI_INTERVAL_MS if self._picture_lost else period_ms))
        if due:
            self._last_pli_ms = now_ms
            self._picture_lost = False
        return due
