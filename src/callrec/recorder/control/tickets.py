"""Tickets: secret addresses that are good once, and for a moment."""

import secrets

from callrec import clock

GOOD_FOR_S = 60.0


class Tickets:
    """Gives tickets for things by name."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, float]] = {}

    def give(self, name: str) -> str:
        """Return a new ticket for *name*."""
        now_s = clock.monotonic_s()
        self._given = {t: given for t, given in self._given.items() if given[1] > now_s}
        ticket = secrets.token_urlsafe(32)
        self._given[ticket] = name, now_s + GOOD_FOR_S
        return ticket

    def take(self, ticket: str) -> str | None:
        """Return the name that *ticket* is for; None where it is used up, too old, or was never given."""
        name, until_s = self._given.pop(ticket, (None, 0.0))
        return name if clock.monotonic_s() < until_s else None
