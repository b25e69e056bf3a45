"""Whether another recording may start, and when a running one must stop. Pure.

Each answer is a stable word, which reaches log, metric and, for a refused start, the backend.
"""

from collections.abc import Iterable
from dataclasses import dataclass

DISK_LOW = "disk_low"
TOO_MANY = "too_many_recordings"
OVERLOADED = "overloaded"
HOME_AWAY = "home_away"
"""Where the recording would lie is not mounted."""
REFUSALS = (DISK_LOW, TOO_MANY, OVERLOADED, HOME_AWAY)
"""Why a start is refused."""

MAX_DURATION = "max_duration"
MAX_SIZE = "max_size"
STOPS = (MAX_DURATION, MAX_SIZE, DISK_LOW)
"""Why a running recording stops by itself, apart from what happens in the call."""

START_PERCENT_OF_CORE = 10.0
"""What a start that is too young to be measured is taken to cost: a call of a few people."""
PEAK_BITS_PER_PIXEL_S = 1.3
"""No film takes more for its pictures (the encoder's limit) …"""
SOUND_BYTES_S = 24_000
"""… and its sound, with what the container adds."""


@dataclass(frozen=True)
class Limits:
    """What an operator allows; None: no limit."""

    max_duration_s: float | None
    max_size_bytes: int | None
    min_free_bytes: int
    max_recordings: int | None
    max_cpu_percent: float | None


@dataclass(frozen=True)
class Machine:
    """What was measured of the machine when a start is asked for."""

    free_bytes: int
    """Free on the disk of the new recording."""
    needed_bytes: int
    """What recordings on that disk still need to become films."""
    recordings: int
    """Being captured, without those that were told to stop."""
    cpu_percent: float | None
    """How busy it was lately, without niced work; None: not known."""
    unmeasured: int = 0
    """Starts that are younger than the measurement."""
    cores: int = 1


@dataclass(frozen=True)
class Running:
    """What was measured of a running recording."""

    film_s: float
    """Length of its film so far; 0 before that begins."""
    size_bytes: int
    free_bytes: int
    needed_bytes: int
    """What all recordings on its disk still need to become films."""


def refusal(limits: Limits, machine: Machine) -> str | None:
    """Return why a start is refused, None when it may be."""
    if machine.free_bytes < limits.min_free_bytes + machine.needed_bytes:
        return DISK_LOW
    if limits.max_recordings is not None and machine.recordings >= limits.max_recordings:
        return TOO_MANY
    if limits.max_cpu_percent is not None and machine.cpu_percent is not None:
        expected = machine.cpu_percent + machine.unmeasured * START_PERCENT_OF_CORE / machine.cores
        if expected > limits.max_cpu_percent:
            return OVERLOADED
    return None


def reached(limits: Limits, running: Running) -> str | None:
    """Return which limit a running recording has reached, None when it may go on."""
    if limits.max_duration_s is not None and running.film_s >= limits.max_duration_s:
        return MAX_DURATION
    if limits.max_size_bytes is not None and running.size_bytes >= limits.max_size_bytes:
        return MAX_SIZE
    # Half of what a start must find: one that was just let in is not stopped at once.
    if running.free_bytes < limits.min_free_bytes // 2 + running.needed_bytes:
        return DISK_LOW
    return None


@dataclass(frozen=True)
class Unfinished:
    """A recording that is not a film yet: its length so far, and what of it is composed."""

    film_s: float
    composed_s: float
    composed_bytes: int
    pixels: int
    """Pixels of a picture; 0: sound only."""


def needed_bytes(recordings: Iterable[Unfinished]) -> int:
    """Return at most how many bytes *recordings* still need on their disk to become films.

    What is composed is copied once, when the film is joined; the rest is composed first, and then copied.
    """
    needed = 0.0
    for recording in recordings:
        rate = recording.pixels * PEAK_BITS_PER_PIXEL_S / 8 + SOUND_BYTES_S
        rest_s = max(0.0, recording.film_s - recording.composed_s)
        needed += recording.composed_bytes + 2 * rest_s * rate
    return round(needed)
