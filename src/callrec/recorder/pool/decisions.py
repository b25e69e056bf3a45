"""What becomes of a recording in a pool, by what ledger and manifest say of it. Pure."""

from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle.states import ELSEWHERE, KEPT, LIVE, REMOVED, UNDELIVERED, Gone
from callrec.recorder.pool.entries import Entry

WORTH_TAKING: frozenset[State] = LIVE | (UNDELIVERED - {"parked"}) | {"delivered", "discarded"}
"""What others go on with when a recorder is gone; of one that was discarded they delete the copy."""
COPIED: frozenset[State] = LIVE | UNDELIVERED | {"delivered"}
GIVE_UP_AFTER_S = 120.0
"""A start that no recorder could begin for so long has failed: who ordered it has waited long enough."""
LOST_AFTER_S = 7 * 86400.0
"""What only a recorder's own disk holds has failed when that one has not come back for so long."""
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 60.0
"""Between attempts to begin what could not be begun here."""


def takeable(*, storage_is_away: bool) -> frozenset[State]:
    """Return the states in which recordings can be taken over now.

    Without the storage only orders that nobody has begun can be carried out: of all others there is
    something to go on from.
    """
    return frozenset({"accepted"}) if storage_is_away else WORTH_TAKING


def needs_copy(entry: Entry) -> bool:
    """Tell whether it must wait for its owner as long as there is no copy of it."""
    return entry.state in UNDELIVERED and not is_lost(entry)


def is_lost(entry: Entry) -> bool:
    """Tell whether its owner, who alone has what was captured, has been waited for long enough."""
    return entry.missing_s is not None and entry.missing_s >= LOST_AFTER_S


def is_no_more(entry: Entry) -> bool:
    """Tell whether a recording that is not on its recorder's disk needs nothing but to be forgotten."""
    return entry.state in KEPT | {"discarded", "delivered"}


def gone_as(entry: Entry | None, recorder_id: str) -> Gone | None:
    """Return why a folder that lies at *recorder_id* when it starts must go, None when it stays."""
    if entry is None:
        return None
    if entry.state == "discarded":  # perhaps an operator deleted it, and we died in the middle
        return REMOVED
    return None if entry.recorder_id == recorder_id else ELSEWHERE


def can_have_begun(entry: Entry) -> bool:
    """Tell whether there may be a copy of what its first owner captured."""
    return entry.state != "accepted" or entry.epoch > 1


def ends_unbegun(entry: Entry, failing_s: float) -> bool:
    """Tell whether one that cannot be begun, and of which nothing was captured, is over."""
    return entry.state in LIVE and (entry.stop is not None or failing_s >= GIVE_UP_AFTER_S)


def wait_s(attempts: int) -> float:
    """Return the wait after so many attempts to begin."""
    return float(min(FIRST_WAIT_S * 2 ** min(attempts - 1, 10), LONGEST_WAIT_S))


def is_copied(manifest: Manifest) -> bool:
    """Tell whether the storage should hold a copy."""
    return manifest.state in COPIED
