"""Who is killed, and how he is found."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from callrec.recorder.folder.paths import FolderPaths
from tests.conversation.services import restart_postgresql
from tests.e2e.serve_process import ServeProcess, parent_of

Victim = Literal["recorder", "capture", "compose", "server", "postgresql"]
ALL: tuple[Victim, ...] = ("recorder", "capture", "compose", "server")


@dataclass(frozen=True)
class Kill:
    """kill -9 of somebody; of PostgreSQL an immediate restart."""

    victim: Victim
    at_s: float
    """Wall time; of a restart when it began."""
    recording: str | None
    """Whose process it was; None: everybody's."""

    def hits(self, recording: str) -> bool:
        """Tell whether the recording suffers of it."""
        return self.recording in (None, recording)


@dataclass
class Killer:
    """Kills in one house, and remembers."""

    serve: ServeProcess
    cluster: str | None = None
    """Address of the PostgreSQL cluster, where there is one."""
    kills: list[Kill] = field(default_factory=list)

    def kill(self, victim: Victim, recording: str) -> Kill | None:
        """Kill the victim, of its own processes that of *recording*; None: there is none at this moment."""
        if victim == "postgresql":
            assert self.cluster is not None, "only with PostgreSQL"
            kill = Kill(victim, time.time(), None)
            restart_postgresql(self.cluster)
        else:
            pid = self._find(victim, recording)
            if pid is None:
                return None
            kill = Kill(victim, time.time(), recording if victim in ("capture", "compose") else None)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return None
        self.kills.append(kill)
        return kill

    def folder(self, recording: str) -> FolderPaths:
        """Return the recording's folder."""
        return FolderPaths(self.serve.data / "recorder" / "recordings" / recording)

    def _find(self, victim: Victim, recording: str) -> int | None:
        if victim == "capture":
            return self._who_has_open(self.folder(recording).lock)
        if victim == "compose":
            begun = self.serve.events("compose_begins", recording=recording)
            pid = int(begun[-1]["pid"]) if begun else 0
            return pid if pid and parent_of(pid) else None
        begun = self.serve.events("supervisor_started", program=victim)
        pid = int(begun[-1]["pid"])
        return pid if parent_of(pid) == self.serve.pid else None  # else it is being started again

    def _who_has_open(self, path: Path) -> int | None:
        for pid in self.serve.left_over():
            try:
                if any(os.readlink(link) == str(path) for link in Path(f"/proc/{pid}/fd").iterdir()):
                    return pid
            except OSError:
                continue  # it has just ended
        return None
