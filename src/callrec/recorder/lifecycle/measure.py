"""Measures what limits are about: folders, disks, processors."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from callrec import clock
from callrec.recorder.compose.film import composed_ms
from callrec.recorder.folder.paths import FolderPaths

PROC_STAT = Path("/proc/stat")
CPU_WINDOW_S = 10.0


@dataclass(frozen=True)
class FolderSize:
    """How much lies in a recording folder."""

    size_bytes: int
    composed_bytes: int
    composed_s: float


def folder_size(paths: FolderPaths, fps: int) -> FolderSize:
    """Add up a recording folder. Files that go meanwhile count as gone."""
    composed = folder_bytes(paths.chunks)
    return FolderSize(
        size_bytes=folder_bytes(paths.root),
        composed_bytes=composed,
        composed_s=composed_ms(paths.chunks, fps) / 1000,
    )


def folder_bytes(folder: Path) -> int:
    """Add up the files below *folder*; those that go meanwhile count as gone."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        total += folder_bytes(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
    except FileNotFoundError:
        return total
    return total


@dataclass(frozen=True)
class _Sample:
    at_s: float
    busy: int
    total: int


class CpuLoad:
    """How busy the machine's processors were lately. Niced work counts as idle: it gives way."""

    def __init__(self, read: Callable[[], str] = PROC_STAT.read_text) -> None:
        self._read = read
        self._samples: list[_Sample] = []

    def sample(self) -> None:
        """Look once; to be called about every second."""
        try:
            sample = _sample(self._read(), clock.monotonic_ns() / 1e9)
        except (OSError, ValueError, IndexError):
            return  # not Linux: not known
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].at_s <= sample.at_s - CPU_WINDOW_S:
            del self._samples[0]

    @property
    def percent(self) -> float | None:
        """Busy percent of all processors over the last ten seconds; None: not known."""
        if len(self._samples) < 2:
            return None
        first, last = self._samples[0], self._samples[-1]
        if last.total <= first.total:
            return None
        return 100 * (last.busy - first.busy) / (last.total - first.total)


def _sample(text: str, at_s: float) -> _Sample:
    """Read the first line: user, nice, system, idle, iowait, irq, softirq, steal in ticks since boot."""
    name, *fields = text.splitlines()[0].split()
    if name != "cpu":
        raise ValueError("no line of all processors")
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    busy = user + system + irq + softirq + steal
    return _Sample(at_s, busy, busy + nice + idle + iowait)
