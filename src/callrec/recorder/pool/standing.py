"""How a recorder stands: what the others need to know to choose between it and themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from callrec import clock
from callrec.recorder.lifecycle.measure import CpuLoad
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.lifecycle.watch import LimitWatch
from callrec.recorder.pool.pick import Member

DISK_FAILED: Final = "disk_failed"
CLOSING: Final = "closing"
DISK_FAILED_FOR_S = 60.0
"""A recorder whose disk did not take a recording is given no other for so long."""


@dataclass(frozen=True)
class Standing:
    """Measures one recorder; new recordings lie in *homes*.

    It takes none when one of them takes none: who chooses does not know where a backend's recordings lie.
    """

    recorder_id: str
    recordings: Recordings
    watch: LimitWatch
    cpu: CpuLoad
    homes: Sequence[Path]
    composers: int
    """So many recordings it composes at a time."""
    most: int | None
    """So many it captures at a time."""

    def __call__(self) -> Member:
        """Return how it stands now."""
        states = [manifest.state for manifest in self.recordings.all()]
        try:
            refusals = (self.watch.refusal(home) for home in self.homes)
            refusal = next((reason for reason in refusals if reason is not None), None)
        except OSError:
            refusal = DISK_FAILED
        return Member(
            recorder_id=self.recorder_id,
            refusal=refusal,
            capturing=sum(state in LIVE for state in states),
            composing=states.count("finishing"),
            composers=self.composers,
            busy_percent=self.cpu.percent or 0.0,
            most=self.most,
        )


class Condition:
    """How a recorder stands, together with what only the pool knows of it."""

    def __init__(self, measure: Callable[[], Member]) -> None:
        self._measure = measure
        self._disk_failed_at_s: float | None = None
        self.is_closing = False
        """It ends in order: what is given to it now waits until others take it."""

    def __call__(self) -> Member:
        """Return how it stands now."""
        me = self._measure()
        if self.is_closing:
            return replace(me, refusal=CLOSING)
        failed_at_s = self._disk_failed_at_s
        if failed_at_s is not None and clock.monotonic_s() - failed_at_s < DISK_FAILED_FOR_S:
            return replace(me, refusal=DISK_FAILED)
        return me

    def disk_failed(self) -> None:
        """Take no more recordings for a while: one could not be written."""
        self._disk_failed_at_s = clock.monotonic_s()
