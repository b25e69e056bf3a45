"""How much room a folder's disk has left."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

LOW_BYTES = 1 << 30
"""Below this nothing new should be begun."""
FLOOR_BYTES = 64 << 20
"""So much a data directory needs for its databases where recordings lie on other disks."""
SCARCE_BYTES = 10 << 30
"""Below this an operator should look: an hour of five people with cameras takes about 3 GB."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of *folder*. Raises OSError."""
    return shutil.disk_usage(folder).free


def low(folder: Path, least_bytes: int = LOW_BYTES) -> str | None:
    """Return in plain words why the disk of *folder* is not fit for work, None when it is."""
    try:
        free = free_bytes(folder)
    except OSError as error:
        return f"{folder} cannot be read: {error.strerror or error}"
    return f"only {free >> 20} MiB are free at {folder}" if free < least_bytes else None


class DiskGauge(Collector):
    """``callrec_disk_free_bytes`` of the folders in which a program keeps its data."""

    def __init__(self, folders: Iterable[Path], registry: CollectorRegistry) -> None:
        self._folders = list(folders)
        registry.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the disks now."""
        gauge = GaugeMetricFamily(
            "callrec_disk_free_bytes", "Free bytes where this program keeps its data", labels=["home"]
        )
        for folder in self._folders:
            try:
                gauge.add_metric([str(folder)], free_bytes(folder))
            except OSError:
                gauge.add_metric([str(folder)], 0)  # a disk that is gone takes nothing
        return [gauge]
