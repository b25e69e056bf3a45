"""How a recorder stands: what the others need to know to choose between it and themselves."""

from dataclasses import dataclass
from pathlib import Path

from callrec.recorder.lifecycle.measure import CpuLoad
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.lifecycle.watch import LimitWatch
from callrec.recorder.pool.pick import Member

DISK_FAILED = "disk_failed"


@dataclass(frozen=True)
class Standing:
    """Measures one recorder; new recordings lie in *home*."""

    recorder_id: str
    recordings: Recordings
    watch: LimitWatch
    cpu: CpuLoad
    home: Path
    composers: int
    """So many recordings it composes at a time."""

    def __call__(self) -> Member:
        """Return how it stands now."""
        states = [manifest.state for manifest in self.recordings.all()]
        try:
            refusal = self.watch.refusal(self.home)
        except OSError:
            refusal = DISK_FAILED
        return Member(
            recorder_id=self.recorder_id,
            refusal=refusal,
            capturing=sum(state in LIVE for state in states),
            composing=states.count("finishing"),
            composers=self.composers,
            busy_percent=self.cpu.percent or 0.0,
        )
