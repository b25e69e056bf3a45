"""How often one may make us write. Pure: the caller brings the time."""

from collections.abc import Hashable

MAX_KEYS = 4096
"""Keys that are remembered; the one that was used longest ago is forgotten first."""


class Pace:
    """At once up to *burst* times, then once in *refill_s*, for each key by itself."""

    def __init__(self, burst: int, refill_s: float) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._budget: dict[Hashable, tuple[float, float]] = {}  # times left, at second

    def allows(self, key: Hashable, now_s: float) -> bool:
        """Tell whether *key* may once more; if so it counts."""
        left, at_s = self._budget.pop(key, (float(self._burst), now_s))
        left = min(self._burst, left + (now_s - at_s) / self._refill_s)
        allowed = left >= 1
        self._budget[key] = (left - 1 if allowed else left, now_s)
        if len(self._budget) > MAX_KEYS:
            del self._budget[next(iter(self._budget))]
        return allowed
