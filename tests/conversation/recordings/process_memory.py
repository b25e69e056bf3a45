"""The memory of this process, as Linux counts it."""

from pathlib import Path


def reset_peak() -> None:
    """Begin to count the peak anew."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_bytes() -> int:
    """Return what is in memory now."""
    return _status_bytes("VmRSS")


def peak_bytes() -> int:
    """Return the most that was in memory since the last :func:`reset_peak`."""
    return _status_bytes("VmHWM")


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)
