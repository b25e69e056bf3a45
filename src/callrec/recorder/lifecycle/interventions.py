"""What an operator may do with a recording, by its state. Pure."""

from typing import Literal

from callrec.errors import OperatorRefused
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle.course import Changes
from callrec.recorder.lifecycle.states import LIVE, TRIED, may_follow

Action = Literal["retry", "park", "delete"]

NO_SUCH_RECORDING = "no_such_recording"
IS_LIVE = "is_live"
"""It is being captured."""
OVERDUE_S = 60.0
"""So long after it was told to end a recording that is still captured can be deleted."""
NOTHING_TO_RETRY = "nothing_to_retry"
NOT_PARKABLE = "not_parkable"
NO_FILM = "no_film"
DAMAGED = "damaged"
"""Its manifest cannot be read."""
DISK_FAILED = "disk_failed"
ELSEWHERE = "elsewhere"
"""Another recorder of the pool has it."""
ON_ITS_WAY = "on_its_way"
"""It is being copied from the pool's storage to this recorder."""
POOL_AWAY = "pool_away"
"""What must be known to all recorders cannot be written down now."""


def retry(manifest: Manifest, now_s: float, *, is_tried: bool) -> Changes:
    """Return what changes when it is to be tried now.

    *is_tried*: an attempt runs, or ran until it was ended for this one. Raises OperatorRefused.
    """
    if manifest.state == "parked":
        return {"state": _where_to(manifest)}
    if not _can_be_tried(manifest, is_tried=is_tried):
        raise OperatorRefused(NOTHING_TO_RETRY, f"it is {manifest.state}, and waits for no attempt")
    return {"attempts": 0, "tried_s": 0.0, "next_attempt_at": now_s}


def park(manifest: Manifest) -> Changes:
    """Return what changes when it is to rest as it is. Raises OperatorRefused."""
    if not may_follow(manifest.state, "parked"):
        text = f"it is {manifest.state}, not reporting, finishing or uploading"
        raise OperatorRefused(NOT_PARKABLE, text)
    return {"state": "parked", "parked_from": manifest.state, "error": manifest.error}


def is_overdue(manifest: Manifest, now_s: float, ending_for_s: float) -> bool:
    """Tell whether it is captured although it was to end long ago, and perhaps never will by itself.

    *ending_for_s*: how long ago the recorder was told, as far as it has run since.
    """
    asked_for_s = 0.0 if manifest.stop_requested_at is None else now_s - manifest.stop_requested_at
    return manifest.state in LIVE and max(asked_for_s, ending_for_s) > OVERDUE_S


def check_delete(manifest: Manifest, *, overdue: bool) -> None:
    """Raise OperatorRefused when the folder must stay."""
    if manifest.state in LIVE and not overdue:
        text = "stop it in its room before; what has not ended a minute later can be deleted"
        raise OperatorRefused(IS_LIVE, f"it is {manifest.state}: {text}")


def possible(manifest: Manifest, *, is_tried: bool, overdue: bool = False) -> list[Action]:
    """Return what may be done now; *is_tried*: an attempt runs."""
    actions: list[Action] = []
    if manifest.state == "parked" or _can_be_tried(manifest, is_tried=is_tried):
        actions.append("retry")
    if may_follow(manifest.state, "parked"):
        actions.append("park")
    if manifest.state not in LIVE or overdue:
        actions.append("delete")
    return actions


def _where_to(manifest: Manifest) -> State:
    """Return where a parked recording goes on; a film that is there already is not composed again."""
    before = manifest.parked_from
    return before if before is not None and may_follow("parked", before) else "finishing"


def _can_be_tried(manifest: Manifest, *, is_tried: bool) -> bool:
    """Tell whether an attempt runs, or has failed and another is to follow."""
    return manifest.state in TRIED and (is_tried or manifest.next_attempt_at is not None)
