"""A bound on how many chunks are composed at once, over all processes that share a directory.

A slot is a locked file: whoever dies gives it back, however he dies.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WAITING_S = 0.05
"""How often a process looks for a free slot that somebody waits for its film of …"""
PATIENT_S = 0.5
"""… and one that follows a running call: whoever waits for a finished film goes first, mostly."""


@dataclass(frozen=True)
class Slots:
    """``count`` slots, as files in ``directory``; it is made when missing."""

    directory: Path
    count: int

    @contextmanager
    def one(self, wait_s: float = WAITING_S, waits: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Hold a slot; wait for one, looking every *wait_s*, and each time call *waits*."""
        while (descriptor := self._take()) is None:
            waits()
            time.sleep(wait_s)
        try:
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def another(self) -> Iterator[bool]:
        """Hold a slot if one is free; yield whether it was."""
        descriptor = self._take()
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def free(self) -> int:
        """Return how many are free at this moment."""
        taken = []
        try:
            while (descriptor := self._take()) is not None:
                taken.append(descriptor)
            return len(taken)
        finally:
            for descriptor in taken:
                os.close(descriptor)

    def _take(self) -> int | None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for number in range(self.count):
            descriptor = os.open(self.directory / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return descriptor
        return None
