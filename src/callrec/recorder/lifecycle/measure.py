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
class Size:
    """How much lies in a recording folder."""

    folder_bytes: int
    film_bytes: int | None = None
    """None: the film is not joined yet, or gone again."""
    composed_bytes: int = 0
    composed_s: float = 0.0
    """How much film lies there as chunks."""


def measure(paths: FolderPaths, file_name: str, fps: int) -> Size:
    """Add up a recording folder. Files that go meanwhile count as gone. Raises OSError."""
    composed_bytes = _bytes(paths.chunks)
    rest_bytes = _bytes(paths.root, without=paths.chunks.name)
    try:
        film_bytes: int | None = paths.film(file_name).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        film_bytes = None
    return Size(
        composed_bytes + rest_bytes, film_bytes, composed_bytes, composed_ms(paths.chunks, fps) / 1000
    )


def _bytes(folder: Path, without: str = "") -> int:
    """Add up the files below *folder*, *without* those of one directory in it."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if not entry.is_dir(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
                    elif entry.name != without:
                        total += _bytes(Path(entry.path))
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
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
            sample = _sample(self._read(), clock.monotonic_s())
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
