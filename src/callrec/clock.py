"""Time, kept apart by kind: wall time for people, monotonic time for measuring; and waits that end."""

import asyncio
import time
from pathlib import Path


def wall_s() -> float:
    """Return seconds since the Unix epoch (UTC). May jump."""
    return time.time()


def monotonic_ns() -> int:
    """Return nanoseconds of the machine's monotonic clock, the same for all processes since boot."""
    return time.monotonic_ns()


def monotonic_s() -> float:
    """Return seconds of the monotonic clock."""
    return monotonic_ns() / 1e9


def since_boot_ns() -> int:
    """Return nanoseconds of a clock like the monotonic one that also counts while the machine sleeps."""
    try:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    except AttributeError:  # not Linux
        return time.monotonic_ns()


def boot_id() -> str:
    """Return an id that changes with every boot: monotonic times compare only within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        # Not Linux: the boot instant, rounded so that both clocks' jitter does not change it.
        return f"boot-{round((time.time() - time.monotonic()) / 10)}"


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until *event* is set; False when the time is over before.

    Not by ``asyncio.wait_for``: that of Python 3.11 can swallow a cancellation.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
