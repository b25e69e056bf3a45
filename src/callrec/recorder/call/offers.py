"""Offers that wait to be answered: for their session to be in the call, and for their turn. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from callrec.recorder.call.peer import RoomType

Key = tuple[str, RoomType]
"""Whose stream: signaling session and room type."""

BURST = 5
REFILL_S = 1.0
"""A session's offers are answered at once up to the burst, then one in this time: each costs fsyncs."""
MAX_WAITING = 256


class Offer(NamedTuple):
    """A session description that somebody wants to send by."""

    sid: str
    sdp: str


class Offers:
    """The newest offer per key; the others are void."""

    def __init__(self) -> None:
        self._waiting: dict[Key, Offer] = {}
        self._budget: dict[str, tuple[float, float]] = {}  # session: answers left, at second

    def put(self, key: Key, offer: Offer) -> None:
        """Let *offer* wait instead of an older one of its key."""
        self._waiting.pop(key, None)
        self._waiting[key] = offer
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def take(self, may_send: Callable[[str], bool], now_s: float) -> list[tuple[Key, Offer]]:
        """Return the offers to answer now, and let them wait no more."""
        taken = []
        for key, offer in list(self._waiting.items()):
            if may_send(key[0]) and self._has_budget(key[0], now_s):
                del self._waiting[key]
                taken.append((key, offer))
        return taken

    def _has_budget(self, session_id: str, now_s: float) -> bool:
        left, at_s = self._budget.get(session_id, (float(BURST), now_s))
        left = min(BURST, left + (now_s - at_s) / REFILL_S)
        self._budget[session_id] = (left - 1 if left >= 1 else left, now_s)
        return left >= 1

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Forget everything of sessions that are *gone*."""
        self._waiting = {key: offer for key, offer in self._waiting.items() if not gone(key[0])}
        self._budget = {session: left for session, left in self._budget.items() if not gone(session)}
