"""The order in which the stages of a recording's life follow each other. Pure.

    capture ─┬─ captured ──▶ report stopped ─▶ compose ─▶ upload ─▶ remove
             ├─ withdrawn ─────────────────▶ compose ─▶ upload ─▶ remove
             ├─ never ─────▶ report stopped ──────────────────────▶ remove
             ├─ refused ──────────────────────────────────────────▶ remove
             └─ failed ────▶ report failed ─▶ keep for the operator ▶ remove

Reports, composing and uploads are repeated with growing waits. A report that is refused does not hold up
the film; it is repeated after the upload. When the last wait is over the recording is *parked*: kept on disk,
with an error in the log, and begun anew with the next start of the recorder.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, Outcome
from callrec.recorder.lifecycle.stages import Attempt

DONE, PARKED, REFUSED = "done", "parked", "refused"

log = structlog.get_logger()

AttemptAtStage = Callable[[str], Awaitable[Attempt]]


@dataclass(frozen=True)
class Steps:
    """What a life is made of; each takes the recording's id, and may be repeated."""

    capture: Callable[[str], Awaitable[Outcome | None]]
    """None: it could not be written what came of it."""
    report_end: AttemptAtStage
    compose: AttemptAtStage
    upload: AttemptAtStage
    remove: AttemptAtStage
    film_expected: Callable[[str], Awaitable[bool]]
    worth_keeping: Callable[[str], Awaitable[bool]]
    sleep: Callable[[float], Awaitable[None]]
    """Wait for seconds, durably."""


class Course:
    """The way through the steps."""

    def __init__(self, steps: Steps, backoff: Backoff, keep_failed_s: float) -> None:
        self._steps = steps
        self._backoff = backoff
        self._keep_failed_s = keep_failed_s

    async def run(self, recording_id: str) -> str:
        """Go to the end; return the outcome, or ``parked``."""
        steps = self._steps
        number = 0
        while (outcome := await steps.capture(recording_id)) is None:
            await steps.sleep(self._backoff.wait_s(number))
            number += 1
        reported = DONE
        if outcome in ("captured", "never", "failed"):
            reported = await self._until_over(
                "report_end", steps.report_end, recording_id, through_refusals=False
            )
        if await steps.film_expected(recording_id):
            for name, step in (("compose", steps.compose), ("upload", steps.upload)):
                if await self._until_over(name, step, recording_id) == PARKED:
                    return PARKED
        if reported != DONE:
            await self._until_over("report_end", steps.report_end, recording_id)
        if await steps.worth_keeping(recording_id):
            await steps.sleep(self._keep_failed_s)
        await self._until_over("remove", steps.remove, recording_id)
        return outcome

    async def _until_over(
        self, name: str, attempt: AttemptAtStage, recording_id: str, *, through_refusals: bool = True
    ) -> str:
        number = 0
        while (came_to := await attempt(recording_id)) != "done":
            if came_to == "refused" and not through_refusals:
                return REFUSED
            if self._backoff.exhausted(number):
                log.error("recording_parked", recording=recording_id, stage=name)
                return PARKED
            await self._steps.sleep(self._backoff.wait_s(number))
            number += 1
        return DONE


def worth_keeping(manifest: Manifest | None) -> bool:
    """Tell whether a failed recording has media that the operator may want."""
    return manifest is not None and manifest.outcome == "failed" and manifest.started_ms is not None
