"""How a composing process behaves: niced, gone with its parent, and heard by it."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait

import structlog

from callrec import logs
from callrec.recorder.compose import headway

_NICE = 15

Tell = Callable[[str, str], object]
"""Is told level and event of what is logged at warning or above, and ``ALIVE``."""

ALIVE = ("alive", "")
"""In place of level and event: this process waits, and has not hung. Work is seen by its CPU time; whether
that leads anywhere, by ``headway``."""
ALIVE_EVERY_S = 5.0


class Heartbeat:
    """To be called wherever there is waiting, as often as one likes."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._due_s = 0.0

    def __call__(self) -> None:
        """Tell that this process waits, if it was not told just now."""
        headway.made()
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + ALIVE_EVERY_S
            self._tell(*ALIVE)


@dataclass(frozen=True)
class ChildLogs:
    """How a child process logs."""

    level: str
    as_json: bool


def begin_child(child_logs: ChildLogs, recording: str, tell: Tell) -> None:
    """Make this process a composing one: it works for *recording* and tells its parent of failures."""
    logs.configure(child_logs.level, as_json=child_logs.as_json, on_failure=tell)
    structlog.contextvars.bind_contextvars(recording=recording)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the group; the parent decides
    give_way()
    headway.expect()


def give_way() -> None:
    """Work at low priority from now on, and end when the parent ends: under forkserver nothing else does."""
    niceness = max(_NICE, os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
