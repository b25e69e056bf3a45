"""How a composing process behaves: niced, gone with its parent, and heard by it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait

import structlog

from callrec import logs

_NICE = 15

Tell = Callable[[str, str], object]
"""Is told level and event of what is logged at warning or above."""


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
