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
    is_delivered: bool = True
    """What the backend does not have stays for its time, however full the disk is."""


def overdue(kept: Iterable[Kept], *, now_s: float, budget_bytes: int | None, lacking_bytes: int) -> list[str]:
    """Return what is to be removed.

    Whatever is older than it is kept for goes; then the oldest that are delivered, until the rest of these
    fits into *budget_bytes* (None: no limit) and *lacking_bytes* more are free on the disk.
    """
    oldest_first = sorted(kept, key=lambda k: (k.since_s, k.recording_id))
    due = [k for k in oldest_first if now_s - k.since_s >= k.keep_s]
    rest = [k for k in oldest_first if k.is_delivered and k not in due]
    freed_bytes = sum(k.size_bytes for k in due)
    rest_bytes = sum(k.size_bytes for k in rest)
    for recording in rest:
        over_budget = budget_bytes is not None and rest_bytes > budget_bytes
        if not over_budget and freed_bytes >= lacking_bytes:
            break
        due.append(recording)
        freed_bytes += recording.size_bytes
        rest_bytes -= recording.size_bytes
    return [recording.recording_id for recording in due]
