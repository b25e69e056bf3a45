"""What follows an attempt at the work of a recording's state. Pure."""

from typing import Any, Literal, NamedTuple

from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.states import after_report

MAX_ERROR_LENGTH = 200


class Attempt(NamedTuple):
    """What an attempt at a state's work came to."""

    came_to: Literal["done", "superseded", "later", "refused", "over"]
    """superseded: done with, as a newer recording of the room speaks for it. later: unknown or temporary.
    refused: the far side understood and said no, which may change. over: it will never work by itself."""
    error: str = ""
    retry_after_s: float | None = None
    """The far side asks for so long a wait."""


DONE = Attempt("done")
SUPERSEDED = Attempt("superseded")

Changes = dict[str, Any]
"""Fields of the manifest."""


def follow(manifest: Manifest, attempt: Attempt, backoff: Backoff, now_s: float) -> Changes:
    """Return what changes in *manifest* after an *attempt* at the work of its state, at wall time *now_s*.

    A report that is refused does not hold up the film: it is tried again when that has been delivered.
    """
    if attempt.came_to in ("done", "superseded"):
        return _done(manifest, now_s, "end_reported" if attempt.came_to == "done" else "end_superseded")
    if manifest.state == "reporting" and attempt.came_to == "refused":
        return {"state": after_report(manifest), "error": _short(attempt.error)}
    if attempt.came_to == "over" or backoff.exhausted(manifest.attempts):
        if manifest.state == "delivered":  # it is only the report that is missing
            return {"state": "retained", "error": _short(attempt.error)}
        return {"state": "parked", "parked_from": manifest.state, "error": _short(attempt.error)}
    wait_s = backoff.wait_s(manifest.attempts)
    if attempt.retry_after_s is not None:
        wait_s = max(wait_s, min(attempt.retry_after_s, backoff.longest_s))
    return {
        "attempts": manifest.attempts + 1,
        "next_attempt_at": now_s + wait_s,
        "error": _short(attempt.error),
    }


def _done(manifest: Manifest, now_s: float, end: str) -> Changes:
    match manifest.state:
        case "reporting":
            return {"state": after_report(manifest), end: True}
        case "finishing":
            return {"state": "uploading"}
        case "uploading":
            return {"state": "delivered", "delivered_at": now_s}
        case "delivered":
            return {"state": "retained", end: True}
        case _:
            raise ValueError(f"a recording that is {manifest.state} has no work to be done")


def _short(error: str) -> str | None:
    return error[:MAX_ERROR_LENGTH] or None
