"""How fast one socket is read. Pure."""


class Pace:
    """A token bucket: *burst* messages at once, *per_s* in the long run. Instants are monotonic seconds."""

    def __init__(self, *, per_s: float, burst: int, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at_s = now_s

    def delay_s(self, now_s: float) -> float:
        """Count one message at *now_s* and return how long to wait before handling it."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s) - 1
        self._at_s = now_s
        return max(0.0, -self._tokens / self._per_s)
