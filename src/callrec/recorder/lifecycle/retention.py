"""Which folders have been kept long enough. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """A recording that nobody waits for any more."""

    recording_id: str
    since_s: float
    """Wall time at which it came to rest."""
    size_bytes: int
    keep_s: float


def overdue(kept: Iterable[Kept], *, now_s: float, budget_bytes: int | None, lacking_bytes: int) -> list[str]:
    """Return what is to be removed, oldest first.

    Whatever is older than it is kept for goes; then the oldest, until the rest fits into *budget_bytes*
    (None: no limit) and *lacking_bytes* more are free on the disk.
    """
    oldest_first = sorted(kept, key=lambda k: (k.since_s, k.recording_id))
    total_bytes = sum(k.size_bytes for k in oldest_first)
    freed_bytes = 0
    due = []
    for recording in oldest_first:
        over_budget = budget_bytes is not None and total_bytes - freed_bytes > budget_bytes
        if now_s - recording.since_s >= recording.keep_s or over_budget or freed_bytes < lacking_bytes:
            due.append(recording.recording_id)
            freed_bytes += recording.size_bytes
    return due
