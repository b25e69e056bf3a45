"""For how long nobody else can have taken what this recorder has, as far as its own clock can tell."""

from collections.abc import Callable

from callrec import clock

LASTS = 0.9
"""Of the time after which a silent recorder is gone: what is on its way must arrive, and clocks differ."""


class Lease:
    """Begins with each sign of life that has reached the ledger. Asks nobody.

    What was begun under a lease that has run out ends, also when there is another one by now: somebody may
    have taken the recording in between.
    """

    def __init__(self, dead_after_s: float) -> None:
        self._length_ns = int(dead_after_s * LASTS * 1e9)
        self._until_ns = 0
        self._number = 0

    def renew(self, said_ns: int) -> None:
        """A sign of life has reached the ledger that was sent at *said_ns*, of ``clock.since_boot_ns``."""
        if clock.since_boot_ns() >= self._until_ns:
            self._number += 1
        self._until_ns = said_ns + self._length_ns

    def hold(self) -> Callable[[], bool]:
        """Return what tells whether the lease has lasted from now on. Ask the ledger afterwards."""
        number = self._number
        return lambda: self._number == number and clock.since_boot_ns() < self._until_ns
