"""Runs the capture process of each recording, and decides what came of it."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext

import msgspec
import structlog

from callrec import clock
from callrec.observe import failures
from callrec.recorder.call import reports
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.folder import sign_of_life
from callrec.recorder.folder.manifest import Manifest, Outcome
from callrec.recorder.lifecycle.announcements import Announcements, settle
from callrec.recorder.lifecycle.capture_process import CaptureProcess
from callrec.recorder.lifecycle.causes import (
    NO_SUCH_BACKEND,
    NOT_ACKNOWLEDGED,
    REFUSED,
    WITHDRAWN,
)
from callrec.recorder.lifecycle.handshake import Verdict
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE, after_capture

MAX_CRASHES_BEFORE_START = 3
HANDSHAKE_AFTER_END_S = 10.0
"""How long the end of a capture waits for the backend's answer to *started*."""
STOP_TIMEOUT_S = 15.0
"""A capture process that has not ended so long after it was told to is killed; what it wrote counts."""
RESTART_WAIT_S = 0.5
"""Times how often it has died in a row; the first time another process is started at once."""
LONGEST_RESTART_WAIT_S = 5.0
LOOK_FOR_FOLDER_EVERY_S = 0.5
SETTLED_S = 10.0
"""A process that ran for so long is the first one to die again."""

log = structlog.get_logger()


@dataclass(frozen=True)
class _End:
    """How a capture ended; ``ms`` None: as the folder tells."""

    cause: str
    ms: int | None


class Captures:
    """One child process per running recording."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        announcements: Announcements,
        order_for: Callable[[Manifest], CaptureOrder | None],
        begin_composing: Callable[[str], object],
        context: ForkServerContext,
        rejoin_window_s: float,
    ) -> None:
        self._recordings = recordings
        self._announcements = announcements
        self._order_for = order_for
        self._begin_composing = begin_composing
        self._context = context
        self._rejoin_window_s = rejoin_window_s
        self._tasks: dict[str, asyncio.Task[Outcome]] = {}
        self._running: dict[str, CaptureProcess] = {}
        self._in_call: dict[str, asyncio.Event] = {}
        """Of each recording that was begun: media flows."""
        self._unwritten: dict[str, _End] = {}
        self._told: dict[str, str] = {}
        """Why recordings were told to end: whose process dies of it, or is not there yet, gets none."""

    async def capture(self, recording_id: str) -> Outcome:
        """Capture to the end; return what came of it. A running capture is awaited, a closed one told."""
        manifest = self._recordings.get(recording_id)
        if manifest is None:
            return "never"  # removed by an earlier run whose result was not recorded
        if manifest.outcome is not None:
            return manifest.outcome
        return await asyncio.shield(self._task(recording_id))

    def begin(self, recording_id: str) -> None:
        """Begin to capture what is to be captured; whoever calls ``capture`` gets what comes of it."""
        manifest = self._recordings.get(recording_id)
        if manifest is not None and manifest.state in LIVE and manifest.outcome is None:
            self._task(recording_id)

    async def all_in_calls(self, timeout_s: float) -> None:
        """Wait until media flows in all that were begun, or they are over; not longer than *timeout_s*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for in_call in list(self._in_call.values()):
                    await in_call.wait()

    def _task(self, recording_id: str) -> "asyncio.Task[Outcome]":
        task = self._tasks.get(recording_id)
        if task is None:
            task = asyncio.create_task(self._capture(recording_id), name=f"capture {recording_id}")
            task.add_done_callback(lambda task: self._on_end(recording_id, task))
            self._tasks[recording_id] = task
            self._in_call[recording_id] = asyncio.Event()
        return task

    def _on_end(self, recording_id: str, task: "asyncio.Task[Outcome]") -> None:
        self._tasks.pop(recording_id, None)
        self._in_call.pop(recording_id).set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("capture_end_not_written", recording=recording_id, error=str(fault))

    def stop(self, recording_id: str, cause: str = reports.STOPPED) -> None:
        """Tell the capture process to end. Where there is none now, none will be started any more."""
        self._told.setdefault(recording_id, cause)
        running = self._running.get(recording_id)
        if running is None:
            return
        try:
            running.tell(reports.StopCapture(cause))
        except OSError:
            log.info("capture_already_gone", recording=recording_id)
        asyncio.get_running_loop().call_later(STOP_TIMEOUT_S, self._give_up, recording_id, running, cause)

    def is_ending(self, recording_id: str) -> bool:
        """Whether the recording was told to end, and has not been closed yet."""
        return recording_id in self._told

    def _give_up(self, recording_id: str, running: CaptureProcess, cause: str) -> None:
        if self._running.get(recording_id) is running:
            log.error("capture_does_not_stop", recording=recording_id)
            running.give_up(cause)

    async def close(self) -> None:
        """Let go of all captures: their processes close their logs and end; the next start rejoins."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _capture(self, recording_id: str) -> Outcome:
        end = self._unwritten.get(recording_id) or await self._run_to_end(recording_id)
        # Kept until it is written: with a full disk this is tried again, and must not join the call again.
        self._unwritten[recording_id] = end
        outcome = await self._close(recording_id, end)
        del self._unwritten[recording_id]
        self._told.pop(recording_id, None)
        return outcome

    async def _run_to_end(self, recording_id: str) -> _End:
        manifest = self._manifest(recording_id)
        if manifest.cause is not None:  # a refusal, or a limit, after which the recorder died
            return _End(manifest.cause, None)
        paths = self._recordings.paths(recording_id)
        if sign_of_life.has_begun(paths):
            age_s = sign_of_life.age_s(paths)
            # One that was not agreed to yet goes on, too: what the backend says to *started* decides.
            if age_s > self._rejoin_window_s:
                log.warning("capture_not_rejoined", recording=recording_id, silent_s=round(age_s))
                return _End(reports.CRASHED, None)
            log.info("capture_rejoins", recording=recording_id, silent_s=round(age_s))
        crashes = in_a_row = 0
        while True:
            manifest = self._manifest(recording_id)
            if (cause := self._must_end(manifest)) is not None:
                return _End(cause, None)
            order = self._order_for(manifest)
            if order is None:
                log.error("capture_no_such_backend", recording=recording_id, backend=manifest.backend)
                return _End(NO_SUCH_BACKEND, None)
            if self._recordings.is_gone(recording_id):  # the watch ends what is away for too long
                await asyncio.sleep(LOOK_FOR_FOLDER_EVERY_S)
                continue
            begun_s = clock.monotonic_ns() / 1e9
            end = await self._one_process(recording_id, order)
            if end is not None:
                return end
            crashes += 1
            in_a_row = 1 if clock.monotonic_ns() / 1e9 - begun_s > SETTLED_S else in_a_row + 1
            log.error("capture_crashed", recording=recording_id, crashes=crashes)
            if self._manifest(recording_id).acknowledged_at is None and crashes >= MAX_CRASHES_BEFORE_START:
                return _End(reports.CRASHED, None)
            await asyncio.sleep(min(RESTART_WAIT_S * (in_a_row - 1), LONGEST_RESTART_WAIT_S))

    async def _one_process(self, recording_id: str, order: CaptureOrder) -> _End | None:
        """Run one capture process; return how it ended, None when it crashed. Raises OSError."""
        if self._manifest(recording_id).state == "accepted":
            self._recordings.update(recording_id, state="joining")
        running = await CaptureProcess.start(self._context, order)
        self._running[recording_id] = running
        if (cause := self._must_end(self._manifest(recording_id))) is not None:
            self.stop(recording_id, cause)  # it came while the process was being started
        try:
            return await self._follow(recording_id, running)
        finally:
            del self._running[recording_id]
            await running.end()

    async def _follow(self, recording_id: str, running: CaptureProcess) -> _End | None:
        announcing: asyncio.Task[Verdict] | None = None
        overruled: str | None = None
        try:
            while True:
                try:
                    report = await running.hear()
                except TimeoutError:
                    log.error("capture_hung", recording=recording_id)
                    return None
                if report is None:
                    return None
                if isinstance(report, reports.Failure):
                    failures.count(report.level, report.event)
                    continue
                if isinstance(report, reports.Ended):
                    if report.cause == reports.DISK_FAILED and self._recordings.is_gone(recording_id):
                        return None  # goes on when the folder is back
                    await settle(announcing, HANDSHAKE_AFTER_END_S)
                    return _End(overruled or report.cause, report.ms)
                if isinstance(report, reports.RoomStatus):
                    if self._announcements.room_status(recording_id, report.status):
                        overruled = WITHDRAWN
                        self._withdraw(recording_id)
                elif announcing is None:
                    announcing = self._on_ready(recording_id, report.ms)
        finally:
            if announcing is not None:
                announcing.cancel()

    def _must_end(self, manifest: Manifest) -> str | None:
        """Return why a recording must not go on, None when it may."""
        if manifest.cause is not None:
            return manifest.cause
        if manifest.stop_requested_at is not None:
            return reports.STOPPED
        return self._told.get(manifest.recording_id)

    def _withdraw(self, recording_id: str) -> None:
        try:
            # Durable first: after a crash it must not be started again.
            self._recordings.update(recording_id, cause=WITHDRAWN)
        except OSError as error:
            log.warning("capture_end_not_written", recording=recording_id, error=str(error))
        finally:
            self.stop(recording_id, WITHDRAWN)

    def _on_ready(self, recording_id: str, ms: int) -> "asyncio.Task[Verdict] | None":
        self._in_call[recording_id].set()
        manifest = self._manifest(recording_id)
        if self._must_end(manifest) is not None:
            return None  # it is on its way out, and must not be announced
        if manifest.acknowledged_at is not None:
            self._begin_composing(recording_id)
            return None
        again = manifest.started_ms is not None
        if not again:
            self._recordings.update(recording_id, started_ms=ms)
        announcing = asyncio.create_task(self._announcements.announce(recording_id, again=again))
        announcing.add_done_callback(lambda task: self._on_verdict(recording_id, task))
        return announcing

    def _on_verdict(self, recording_id: str, announcing: "asyncio.Task[Verdict]") -> None:
        if announcing.cancelled():
            return
        fault = announcing.exception()
        if fault is not None:
            log.error("recording_announcement_failed", recording=recording_id, exc_info=fault)
            self.stop(recording_id, NOT_ACKNOWLEDGED)
        elif announcing.result() != "acknowledged":
            self.stop(recording_id, REFUSED if announcing.result() == "refused" else NOT_ACKNOWLEDGED)

    async def _close(self, recording_id: str, end: _End) -> Outcome:
        """Write the end of the capture durably, with what came of it. Raises OSError."""
        manifest = self._manifest(recording_id)
        end_ms = end.ms
        if end_ms is None:
            end_ms = await asyncio.to_thread(self._last_ms, recording_id)
        cause = end.cause
        outcome = outcome_of(manifest, cause)
        stop_ms = end_ms if manifest.stop_ms is None else min(manifest.stop_ms, end_ms)
        closed = {"stop_ms": stop_ms, "closed_at": clock.wall_s(), "outcome": outcome, "cause": cause}
        state = after_capture(msgspec.structs.replace(manifest, **closed))
        self._recordings.update(recording_id, **closed, state=state)
        log.info("recording_closed", recording=recording_id, outcome=outcome, cause=cause)
        return outcome

    def _last_ms(self, recording_id: str) -> int:
        if self._recordings.is_gone(recording_id):  # and it may be back: nothing of it must be cut off
            return self._recordings.now_ms(recording_id)
        return sign_of_life.last_ms(self._recordings.paths(recording_id))

    def _manifest(self, recording_id: str) -> Manifest:
        manifest = self._recordings.get(recording_id)
        assert manifest is not None, "a recording is removed only after its capture ended"
        return manifest


def outcome_of(manifest: Manifest, cause: str) -> Outcome:
    """Decide what came of a capture that ended by *cause*. Never acknowledged is never delivered."""
    if manifest.acknowledged_at is not None:
        return "withdrawn" if cause in (WITHDRAWN, reports.ROOM_GONE) else "captured"
    if REFUSED in (cause, manifest.cause):
        return "refused"
    ended_early = (reports.STOPPED, reports.CALL_ENDED, reports.CALL_EMPTY, reports.ROOM_GONE)
    if manifest.started_ms is None and cause in ended_early:
        return "never"
    return "failed"
