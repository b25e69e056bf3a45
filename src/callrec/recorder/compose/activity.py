"""Who of those in the call is speaking, for how long, and who was heard how long ago. Pure."""

from collections.abc import Iterable

from callrec.recorder.compose.page import Rank
from callrec.recorder.compose.scene import Seat
from callrec.recorder.compose.speech import Speech

HOLD_MS = 600
"""Marks stay so long after speech has ended: they do not flicker with its pauses."""
RECENT_MS = 60_000
"""Who spoke within this takes part in the conversation; before that, it does not count for how long."""

NEVER = float("-inf")


class Activity:
    """Follows what is told at moments that only go forward: at every one at which something changes."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._since_ms: dict[str, float] = {}
        self._last_ms: dict[str, float] = {}
        self._now_ms = NEVER

    def update(self, seats: Iterable[Seat], ms: float) -> list[float]:
        """Go on to *ms*, where *seats* are in the call; return when marks end that only hold."""
        self._now_ms = ms
        since = {}
        for seat in seats:
            key = seat.participant
            measured = self._speech.speaking(key, ms)
            if seat.speaking if measured is None else measured:
                since[key] = self._since_ms.get(key, ms)
        for key in self._since_ms.keys() | since.keys():
            self._last_ms[key] = ms
        ended = self._since_ms.keys() - since.keys()
        self._since_ms = since
        return [ms + HOLD_MS] if ended else []

    @property
    def speaking(self) -> dict[str, float]:
        """Those who speak, and since when."""
        return self._since_ms

    def marked(self, participant: str) -> bool:
        """Tell whether somebody speaks, or has just ended."""
        return participant in self._since_ms or self._now_ms < self.last_ms(participant) + HOLD_MS

    def last_ms(self, participant: str) -> float:
        """Return when somebody spoke last."""
        return self._last_ms.get(participant, NEVER)

    def rank(self, seat: Seat) -> Rank:
        """Return how much somebody deserves a tile."""
        last_ms = self.last_ms(seat.participant)
        recent = last_ms > self._now_ms - RECENT_MS
        return Rank(seat.participant in self._since_ms, recent, seat.picture, last_ms)
