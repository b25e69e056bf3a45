"""When to try again, and when to stop trying. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubling waits: ``first_s``, twice that …, at most ``longest_s``; over after ``give_up_s`` in all."""

    first_s: float
    longest_s: float
    give_up_s: float

    def wait_s(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number *attempt* (from 0) failed."""
        return float(min(self.first_s * 2 ** min(attempt, 40), self.longest_s))

    def exhausted(self, tried_s: float) -> bool:
        """Tell whether *tried_s*, of attempts and of waits up to the next one, are enough."""
        return tried_s >= self.give_up_s
