"""Takes a recording on, a step at a time: does the work of its state, and writes what came of it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, Protocol

import structlog

from callrec import clock
from callrec.errors import HoldLost, PoolAway
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.hold import Hold, always
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, Outcome
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.causes import FOLDER_GONE
from callrec.recorder.lifecycle.course import Attempt, follow
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import AT_REST, ELSEWHERE, LIVE, REMOVED, Gone

Pace = Literal["on", "wait", "over"]
"""How a life goes on after a step: at once, after the wait in the manifest, or not by itself."""

RETRY_WRITING_S = 5.0
"""Wait before a step is tried again that could not be written: the disk is full."""

log = structlog.get_logger()


class Work(Protocol):
    """What is done in the states after capture; each may be repeated."""

    async def attempt(self, manifest: Manifest, errand: Errand) -> Attempt:
        """Do the work of the recording's state; *errand* tells how far it is."""
        ...

    async def remove(self, recording_id: str, why: Gone) -> None:
        """Delete the folder."""
        ...


class Life:
    """Steps through the states of recordings. The manifest alone tells where each stands."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        capture: Callable[[str], Awaitable[Outcome]],
        work: Work,
        backoff: Backoff,
        alarms: Alarms,
        attempts: Attempts,
        keeps: Callable[[Manifest], Awaitable[bool]],
        hold: Callable[[], Hold] = lambda: always,
    ) -> None:
        """*capture* captures to the end, and writes the state that follows.

        *keeps* tells whether the recording is still this recorder's to work on, and what *hold* has returned
        before, whether that is so still.
        """
        self._keeps = keeps
        self._hold = hold
        self._recordings = recordings
        self._capture = capture
        self._work = work
        self._backoff = backoff
        self._alarms = alarms
        self._attempts = attempts
        self._held_up: set[str] = set()
        """Recordings whose last step came to nothing: the manifest does not tell when to try again."""

    async def step(self, recording_id: str) -> Pace:
        """Do the next thing. Raises OSError when it cannot be written: do it again later."""
        manifest = self._recordings.get(recording_id)
        if manifest is None or manifest.state in AT_REST:
            return "over"
        if manifest.state in LIVE:
            await self._capture(recording_id)
            return "on"
        self._held_up.add(recording_id)
        pace = await self._attempts.run(recording_id, partial(self._work_on, recording_id))
        if pace == "held_up":
            return "wait"
        self._held_up.discard(recording_id)
        return pace or "on"  # an operator has ended it, and the manifest tells what is next

    async def _work_on(self, recording_id: str, errand: Errand) -> Pace | Literal["held_up"]:
        """Do the work of a state after capture; held up: nobody can tell whose it is now."""
        manifest = self._recordings.get(recording_id)
        if manifest is None or manifest.state in AT_REST:
            return "over"
        errand.hold = self._hold()
        begun_ns = clock.monotonic_ns()
        try:
            keeps = await self._keeps(manifest)
        except PoolAway:
            return "held_up"
        if not keeps:
            log.info("recording_let_go", recording=recording_id, state=manifest.state)
        if not keeps or manifest.state == "discarded":
            await self._work.remove(recording_id, REMOVED if keeps else ELSEWHERE)
            return "over"
        try:
            if manifest.state in ("finishing", "uploading") and self._recordings.is_gone(recording_id):
                log.error("recording_folder_gone", recording=recording_id, state=manifest.state)
                attempt = Attempt("later", FOLDER_GONE)  # a disk may be mounted again
            else:
                attempt = await self._work.attempt(manifest, errand)
        except HoldLost as error:
            log.warning("recording_hold_lost", recording=recording_id, error=str(error))
            return "held_up"
        except OSError as error:  # of the disk, and so of no fault in here
            log.error("recording_stage_raised", recording=recording_id, error=str(error))
            attempt = Attempt("later", error.strerror or type(error).__name__)
        except Exception as error:  # whatever it was: it is tried again with growing waits, and then parked
            log.exception("recording_stage_raised", recording=recording_id)
            attempt = Attempt("later", type(error).__name__)
        return self._write(manifest, attempt, (clock.monotonic_ns() - begun_ns) / 1e9)

    async def wait(self, recording_id: str) -> None:
        """Wait until the next attempt is due; never longer than the longest wait, as wall time may jump."""
        held_up = recording_id in self._held_up
        self._held_up.discard(recording_id)
        manifest = self._recordings.get(recording_id)
        if manifest is None or manifest.state in AT_REST:
            return
        now_s = clock.wall_s()
        until_s = manifest.next_attempt_at
        if until_s is None or held_up:
            until_s = now_s + RETRY_WRITING_S
        await self._alarms.wait(recording_id, min(until_s, now_s + self._backoff.longest_s))

    def _write(self, before: Manifest, attempt: Attempt, lasted_s: float) -> Pace:
        recording_id = before.recording_id
        now = self._recordings.get(recording_id)
        if now is None:
            return "over"
        changes = follow(now, attempt, self._backoff, clock.wall_s(), lasted_s)
        after = self._recordings.update(recording_id, **changes)
        if after.state == "parked":
            log.error("recording_parked", recording=recording_id, stage=before.state, error=after.error)
        return "on" if after.state != before.state else "wait"
