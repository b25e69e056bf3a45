"""Who composes: how many processes, within which bound, and how they log."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from callrec.recorder.compose.child import ChildLogs
from callrec.recorder.compose.division import useful_workers
from callrec.recorder.compose.slots import WAITING_S, Slots

_QUIET = ChildLogs("critical", as_json=False)  # the parent says what is wrong


def usable_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


@dataclass(frozen=True)
class Hands:
    """Who composes: so many processes at most, within the bound of *slots* that others share."""

    workers: int = 1
    slots: Slots | None = None
    logs: ChildLogs = _QUIET

    def slot(
        self, wait_s: float = WAITING_S, waits: Callable[[], object] = lambda: None
    ) -> contextlib.AbstractContextManager[None]:
        """Hold the right to compose one chunk; *waits* is called again and again until then."""
        return self.slots.one(wait_s, waits) if self.slots is not None else contextlib.nullcontext()

    def another_slot(self) -> contextlib.AbstractContextManager[bool]:
        """Hold a second one, if it is free at this moment; the context says whether."""
        return self.slots.another() if self.slots is not None else contextlib.nullcontext(False)

    def useful(self, missing: int) -> int:
        """Return how many processes are to compose so many chunks, this one included."""
        free = self.workers if self.slots is None else max(1, self.slots.free())
        return useful_workers(missing, min(self.workers, free))
