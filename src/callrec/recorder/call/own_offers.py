"""Whom to offer to without a media server: some clients wait for the one with the larger id. Pure."""

from collections.abc import Collection

WAIT_S = (3.0, 10.0, 30.0, 60.0)
"""How long a session that should send may be silent before it is offered to, the first time and again."""


class OwnOffers:
    """Sessions that announce media and have not offered it."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[float, int]] = {}  # session: next offer at, offers made

    def due(self, silent: Collection[str], now_s: float) -> list[str]:
        """Return those of the *silent* sessions to offer to now; it counts as done."""
        self._waiting = {session: state for session, state in self._waiting.items() if session in silent}
        offering = []
        for session in silent:
            at_s, made = self._waiting.setdefault(session, (now_s + WAIT_S[0], 0))
            if now_s >= at_s:
                made += 1
                self._waiting[session] = (now_s + WAIT_S[min(made, len(WAIT_S) - 1)], made)
                offering.append(session)
        return offering
