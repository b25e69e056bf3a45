"""Who is shown large: whoever speaks, without flicker. Pure."""

from collections.abc import Mapping, Sequence

from callrec.recorder.compose.activity import NEVER, Activity
from callrec.recorder.compose.scene import Seat

MIN_ON_STAGE_MS = 2000
"""Who has come on stage by speaking stays at least so long."""
INTERRUPTED_MS = 4000
"""Of two who speak at once the one who began first stays, until the other has gone on for so long."""


class Dominant:
    """Follows moments that only go forward."""

    def __init__(self) -> None:
        self.key: str | None = None
        """Who is on stage; None while nobody is in the call."""
        self._since_ms = NEVER

    def update(self, seats: Sequence[Seat], activity: Activity, ms: float) -> float | None:
        """Decide who is on stage at *ms*; return when to ask again even if nothing changes, if at all."""
        speaking = activity.speaking
        if self.key not in {seat.participant for seat in seats}:
            best = max(seats, key=activity.rank, default=None)
            self._show(best.participant if best else None, speaking, ms)
        others = {key: since for key, since in speaking.items() if key != self.key}
        if self.key is None or not others:
            return None
        if self.key in speaking:
            # A newer speech that goes on and on; not an older one: two would take turns.
            newer = [key for key, since in others.items() if since > speaking[self.key]]
            if not newer:
                return None
            next_key = min(newer, key=lambda key: others[key])
            due_ms = max(others[next_key] + INTERRUPTED_MS, self._since_ms + MIN_ON_STAGE_MS)
        else:
            next_key = min(others, key=lambda key: others[key])
            due_ms = self._since_ms + MIN_ON_STAGE_MS
        if ms < due_ms:
            return due_ms
        self._show(next_key, speaking, ms)
        return self.update(seats, activity, ms)  # somebody else may be next

    def _show(self, key: str | None, speaking: Mapping[str, float], ms: float) -> None:
        self.key = key
        self._since_ms = ms if key in speaking else NEVER
