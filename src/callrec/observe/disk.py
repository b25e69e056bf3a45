"""How much room a folder's disk has left."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

LOW_BYTES = 1 << 30
"""Below this nothing new should be begun."""
SCARCE_BYTES = 10 << 30
"""Below this an operator should look: an hour of five people with cameras takes about 3 GB."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of *folder*. Raises OSError."""
    return shutil.disk_usage(folder).free


def low(folder: Path) -> str | None:
    """Return in plain words why the disk of *folder* is not fit for work, None when it is."""
    try:
        free = free_bytes(folder)
    except OSError as error:
        return f"{folder} cannot be read: {error.strerror or error}"
    return f"only {free >> 20} MiB are free" if free < LOW_BYTES else None


class DiskGauge(Collector):
    """``callrec_disk_free_bytes`` of one folder."""

    def __init__(self, folder: Path, registry: CollectorRegistry) -> None:
        self._folder = folder
        registry.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the disk now."""
        gauge = GaugeMetricFamily("callrec_disk_free_bytes", "Free bytes where this program keeps its data")
        try:
            gauge.add_metric([], free_bytes(self._folder))
        except OSError:
            gauge.add_metric([], 0)  # a disk that is gone takes nothing
        return [gauge]
