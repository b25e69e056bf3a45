"""How captures end, what came of them, and how long they are tried. Pure."""

import errno
from dataclasses import dataclass

from callrec.recorder.call import reports
from callrec.recorder.folder.manifest import Manifest, Outcome
from callrec.recorder.lifecycle.causes import REFUSED, WITHDRAWN

MAX_CRASHES_BEFORE_START = 3
MAX_CRASHES_IN_A_ROW = 10
RESTART_WAIT_S = 0.5
"""Times how often it has died in a row; the first time another process is started at once."""
LONGEST_RESTART_WAIT_S = 5.0
SETTLED_S = 10.0
"""A process that was in the call and ran for so long is the first one to die again."""
MAX_FAULTS = 12
"""So often in a row control may fail to run a capture, or to write its end: a minute, as its life retries."""
ROW_S = 60.0
"""A fault so long after the one before is the first one again."""
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class End:
    """How a capture ended; ``ms`` None: as the folder tells."""

    cause: str
    ms: int | None


@dataclass
class Crashes:
    """The deaths of one recording's capture processes."""

    number: int = 0
    in_a_row: int = 0
    """Since one last ran for long."""
    _row_since_s: float = 0.0

    def add(self, begun_s: float, now_s: float, *, was_ready: bool) -> None:
        """Note that the process that was begun at *begun_s* has died, ready (in the call) or not."""
        self.number += 1
        if self.in_a_row == 0 or (was_ready and now_s - begun_s > SETTLED_S):
            self.in_a_row, self._row_since_s = 0, now_s
        self.in_a_row += 1

    @property
    def wait_s(self) -> float:
        """How long to wait until the next one is started."""
        return min(RESTART_WAIT_S * (self.in_a_row - 1), LONGEST_RESTART_WAIT_S)

    def are_too_many(self, now_s: float, window_s: float, *, acknowledged: bool) -> bool:
        """Tell whether no other one is to be started; *window_s*: how old a sign of life may be."""
        if not acknowledged and self.number >= MAX_CRASHES_BEFORE_START:
            return True
        return self.in_a_row >= MAX_CRASHES_IN_A_ROW and now_s - self._row_since_s > window_s


@dataclass
class Ending:
    """How far a live recording is on its way to its end."""

    told: str | None = None
    """Why it was told to end: whose process dies of it, or is not there yet, gets none."""
    reached: End | None = None
    """Kept until it is written: with a full disk that is tried again, and must not join the call again."""
    since_s: float | None = None
    """When it was told, or has reached its end."""
    faults: int = 0
    """How often in a row control could not run its capture, or then write its end."""
    _last_fault_s: float = 0.0

    def tell(self, cause: str, now_s: float) -> None:
        """Note that it was told to end; the first cause counts."""
        self.told = self.told or cause
        self._begin(now_s)

    def reach(self, end: End, now_s: float) -> None:
        """Note how its capture has ended."""
        self.reached, self.faults = end, 0
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        if self.since_s is None:
            self.since_s = now_s

    def is_enough(self, now_s: float) -> bool:
        """Count another fault; return whether it is the last one that is borne."""
        self.faults = self.faults + 1 if now_s - self._last_fault_s <= ROW_S else 1
        self._last_fault_s = now_s
        return self.faults >= MAX_FAULTS


def is_disk_full(error: Exception) -> bool:
    """Tell whether *error* ends when an operator makes room."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def outcome_of(manifest: Manifest, cause: str) -> Outcome:
    """Decide what came of a capture that ended by *cause*. Never acknowledged is never delivered."""
    if manifest.acknowledged_at is not None:
        return "withdrawn" if cause in (WITHDRAWN, reports.ROOM_GONE) else "captured"
    if REFUSED in (cause, manifest.cause):
        return "refused"
    ended_early = (reports.STOPPED, reports.CALL_ENDED, reports.CALL_EMPTY, reports.ROOM_GONE)
    if manifest.started_ms is None and cause in ended_early:
        return "never"
    return "failed"
