"""What limits decide. Pure."""

from dataclasses import replace

import pytest

from callrec.recorder.lifecycle.limits import (
    DISK_LOW,
    MAX_DURATION,
    MAX_SIZE,
    OVERLOADED,
    TOO_MANY,
    Limits,
    Machine,
    Running,
    Unfinished,
    needed_bytes,
    reached,
    refusal,
)

NONE = Limits(None, None, 0, None, None)
LIMITS = Limits(
    max_duration_s=3600, max_size_bytes=5000, min_free_bytes=1000, max_recordings=2, max_cpu_percent=80
)
QUIET = Machine(free_bytes=5000, needed_bytes=0, recordings=0, cpu_percent=10)
YOUNG = Running(film_s=1, size_bytes=10, free_bytes=5000, needed_bytes=0)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({}, None),
        ({"free_bytes": 999}, DISK_LOW),
        ({"free_bytes": 1000}, None),
        ({"free_bytes": 5000, "needed_bytes": 4001}, DISK_LOW),
        ({"recordings": 1}, None),
        ({"recordings": 2}, TOO_MANY),
        ({"recordings": 9}, TOO_MANY),
        ({"cpu_percent": 80}, None),
        ({"cpu_percent": 80.1}, OVERLOADED),
        ({"cpu_percent": None}, None),
        ({"cpu_percent": 61, "unmeasured": 1}, None),
        ({"cpu_percent": 61, "unmeasured": 2}, OVERLOADED),
        ({"cpu_percent": 61, "unmeasured": 2, "cores": 8}, None),
        ({"free_bytes": 0, "recordings": 9, "cpu_percent": 100}, DISK_LOW),
    ],
)
def test_starts(change: dict[str, float], reason: str | None) -> None:
    machine = replace(QUIET, **change)  # type: ignore[arg-type]
    assert refusal(LIMITS, machine) == reason
    assert refusal(NONE, machine) == (DISK_LOW if machine.free_bytes < machine.needed_bytes else None)


@pytest.mark.parametrize(
    "change, cause",
    [
        ({}, None),
        ({"film_s": 3599.9}, None),
        ({"film_s": 3600}, MAX_DURATION),
        ({"size_bytes": 4999}, None),
        ({"size_bytes": 5000}, MAX_SIZE),
        ({"free_bytes": 500}, None),
        ({"free_bytes": 499}, DISK_LOW),
        ({"free_bytes": 5000, "needed_bytes": 4501}, DISK_LOW),
        ({"film_s": 9999, "size_bytes": 9999, "free_bytes": 0}, MAX_DURATION),
    ],
)
def test_running_recordings(change: dict[str, float], cause: str | None) -> None:
    assert reached(LIMITS, replace(YOUNG, **change)) == cause  # type: ignore[arg-type]


def test_what_is_let_in_is_not_stopped_at_once() -> None:
    for free in range(0, 3000, 7):
        if refusal(LIMITS, replace(QUIET, free_bytes=free, needed_bytes=300)) is None:
            assert reached(LIMITS, replace(YOUNG, free_bytes=free, needed_bytes=300)) is None


def test_the_room_that_films_still_need() -> None:
    composed = Unfinished(film_s=128, composed_s=128, composed_bytes=1_000_000, pixels=1920 * 1080)
    assert needed_bytes([composed]) == 1_000_000  # the copy that joining makes
    behind = replace(composed, film_s=138)
    peak = 1920 * 1080 * 1.3 / 8 + 24_000
    assert needed_bytes([behind]) == round(1_000_000 + 20 * peak)
    assert needed_bytes([replace(behind, pixels=0)]) == 1_000_000 + 20 * 24_000
    assert needed_bytes([composed, behind]) == needed_bytes([composed]) + needed_bytes([behind])
    assert needed_bytes([replace(composed, composed_s=200)]) == 1_000_000
    assert needed_bytes([]) == 0
