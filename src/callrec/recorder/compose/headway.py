"""Ends a process that uses the CPU and gets nowhere: one that goes round in circles would do so for ever.

The kernel allows it so many CPU seconds until its next step (RLIMIT_CPU, getrlimit(2)). So it is ended even
where it never comes back from a library; and where others have the machine, it has all the time it needs.
"""

import faulthandler
import math
import resource
import signal
import time
from dataclasses import dataclass

FRUITLESS_CPU_S = 120
"""A step is a picture, a track's sound of one chunk, a chunk that is looked at: seconds where all is slow."""
ENDED_BY = signal.SIGXCPU


@dataclass
class _Bound:
    holds: bool = False


_bound = _Bound()


def expect() -> None:
    """From now on end this process when it makes none; on standard error it then says where it was."""
    faulthandler.register(ENDED_BY, all_threads=True, chain=True)
    _bound.holds = True
    made()


def made() -> None:
    """A step is done, or there is nothing to do: the next one has its time. May be called by any thread."""
    if not _bound.holds:
        return
    hard_s = resource.getrlimit(resource.RLIMIT_CPU)[1]
    until_s = math.ceil(time.process_time()) + FRUITLESS_CPU_S
    soft_s = until_s if hard_s == resource.RLIM_INFINITY else min(until_s, hard_s)
    resource.setrlimit(resource.RLIMIT_CPU, (soft_s, hard_s))
