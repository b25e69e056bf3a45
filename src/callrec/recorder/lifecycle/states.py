"""The states of a recording, and which may follow which. Pure.

A state is written to the manifest before its work is begun, so after a crash it is known what to go on with.
ARCHITECTURE.md draws this table.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from callrec.recorder.folder.manifest import Manifest, State

FOLLOWING: Mapping[State, frozenset[State]] = {
    # Durable, and answered: the capture process is still to be started.
    "accepted": frozenset({"joining", "reporting", "discarded"}),
    # Its process is on the way into the call; the backend has not agreed yet.
    "joining": frozenset({"capturing", "reporting", "discarded"}),
    # The backend has agreed. Chunks are composed behind.
    "capturing": frozenset({"reporting", "finishing", "discarded"}),
    # Capture has ended; *stopped* or *failed* is told.
    "reporting": frozenset({"finishing", "failed", "discarded", "parked"}),
    # The last chunks are composed, and joined.
    "finishing": frozenset({"uploading", "parked"}),
    "uploading": frozenset({"delivered", "parked"}),
    # The backend has it; what is left of the work is done away with.
    "delivered": frozenset({"retained"}),
    # Tracks and timeline are kept until their time, or the disk, is over.
    "retained": frozenset(),
    # Given up for now, nothing deleted: an operator lets it go on.
    "parked": frozenset({"reporting", "finishing", "uploading", "delivered"}),
    # Nothing could be delivered, but media came: kept for the operator for a time.
    "failed": frozenset(),
    # There is nothing to keep.
    "discarded": frozenset(),
}

LIVE: frozenset[State] = frozenset({"accepted", "joining", "capturing"})
"""Capture runs, or will."""
AT_REST: frozenset[State] = frozenset({"retained", "parked", "failed"})
"""Nothing is to be done, until time or an operator ends it."""
KEPT: frozenset[State] = frozenset({"retained", "failed"})
"""Kept for a time, and owed to nobody."""
TRIED: tuple[State, ...] = ("reporting", "finishing", "uploading", "delivered")
"""What is done there may fail, and is tried again."""
UNDELIVERED: frozenset[State] = frozenset({"reporting", "finishing", "uploading", "parked"})
"""Captured, and only here."""

REMOVED: Literal["removed"] = "removed"
ELSEWHERE: Literal["elsewhere"] = "elsewhere"
"""Gone from here: another recorder of the pool has it."""
GONE = frozenset({REMOVED, ELSEWHERE})
"""What comes after the last state: the folder is gone."""


Gone = Literal["removed", "elsewhere"]


class Change(NamedTuple):
    """A recording has come to another state."""

    manifest: Manifest
    """As it is now; of one that was removed, as it was last."""
    before: State | None
    """None: it is new."""
    state: State | Gone


def may_follow(before: State, after: State) -> bool:
    """Tell whether a recording in the state *before* may go to *after*. Staying is not following."""
    return after in FOLLOWING[before]


def has_film(manifest: Manifest) -> bool:
    """Tell whether there is any time to compose, and somebody to deliver it to."""
    return (
        manifest.outcome in ("captured", "withdrawn")
        and manifest.started_ms is not None
        and manifest.stop_ms is not None
        and manifest.stop_ms > manifest.started_ms
    )


def after_capture(manifest: Manifest) -> State:
    """Return the state of a recording whose capture was closed with what *manifest* says."""
    if manifest.outcome in ("captured", "never", "failed"):
        return "reporting"
    return "finishing" if has_film(manifest) else "discarded"


def after_report(manifest: Manifest) -> State:
    """Return the state once the end was reported."""
    if has_film(manifest):
        return "finishing"
    # Media came, and the operator may want it.
    return "failed" if manifest.outcome == "failed" and manifest.started_ms is not None else "discarded"


def present_state(manifest: Manifest) -> State:
    """Return where a recording stands whose manifest was written before states were."""
    if manifest.state != "accepted":
        return manifest.state
    if manifest.outcome is not None:
        return after_capture(manifest)
    return "accepted" if manifest.acknowledged_at is None else "capturing"
