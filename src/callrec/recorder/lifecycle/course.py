"""What follows an attempt at the work of a recording's state. Pure."""

from typing import Any, Literal, NamedTuple

from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.states import after_report, has_film

MAX_ERROR_LENGTH = 200
REPORT_FOR_S = 3600.0
"""So long, of attempts and waits, a film is held up for the report of its end."""


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


def follow(
    manifest: Manifest, attempt: Attempt, backoff: Backoff, now_s: float, lasted_s: float = 0.0
) -> Changes:
    """Return what changes in *manifest* after an *attempt* at the work of its state, at wall time *now_s*.

    *lasted_s*: how long the attempt took.

    A report that is refused, or not answered for :data:`REPORT_FOR_S`, does not hold up the film: it is tried
    again when that is uploaded, and when it has been delivered.
    """
    if attempt.came_to in ("done", "superseded"):
        return _done(manifest, now_s, end_of(attempt))
    wait_s = backoff.wait_s(manifest.attempts)
    if attempt.retry_after_s is not None:
        wait_s = max(wait_s, min(attempt.retry_after_s, backoff.longest_s))
    tried_s = manifest.tried_s + lasted_s + wait_s
    if manifest.state == "reporting" and (
        attempt.came_to == "refused"
        or (has_film(manifest) and tried_s >= min(REPORT_FOR_S, backoff.give_up_s))
    ):
        return {"state": after_report(manifest), "error": _short(attempt.error)}
    if attempt.came_to == "over" or backoff.exhausted(tried_s):
        if manifest.state == "delivered":  # it is only the report that is missing
            return {"state": "retained", "error": _short(attempt.error)}
        return {"state": "parked", "parked_from": manifest.state, "error": _short(attempt.error)}
    return {
        "attempts": manifest.attempts + 1,
        "tried_s": tried_s,
        "next_attempt_at": now_s + wait_s,
        "error": _short(attempt.error),
    }


def end_of(told: Attempt) -> str:
    """Return the field of the manifest that says what became of the report of the end."""
    return "end_reported" if told.came_to == "done" else "end_superseded"


def _done(manifest: Manifest, now_s: float, end: str) -> Changes:
    match manifest.state:
        case "reporting":
            return {"state": after_report(manifest), end: True}
        case "finishing":
            return {"state": "uploading"}
        case "uploading":
            return {"state": "delivered", "delivered_at": now_s}
        case "delivered":
            # What was withdrawn owes no report: nobody was told by this recorder.
            return {"state": "retained"} | ({end: True} if manifest.outcome == "captured" else {})
        case _:
            raise ValueError(f"a recording that is {manifest.state} has no work to be done")


def _short(error: str) -> str | None:
    return error[:MAX_ERROR_LENGTH] or None
