"""Runs the capture process of each recording, and decides what came of it."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
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
from callrec.recorder.lifecycle.capture_end import Crashes, End, Ending, is_disk_full, outcome_of
from callrec.recorder.lifecycle.capture_process import CaptureProcess
from callrec.recorder.lifecycle.causes import NO_SUCH_BACKEND, NOT_ACKNOWLEDGED, REFUSED, WITHDRAWN
from callrec.recorder.lifecycle.handshake import Verdict
from callrec.recorder.lifecycle.in_calls import InCalls
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE, after_capture

HANDSHAKE_AFTER_END_S = 10.0
"""How long the end of a capture waits for the backend's answer to *started*."""
STOP_TIMEOUT_S = 15.0
"""A capture process that has not ended so long after it was told to is killed; what it wrote counts."""
LOOK_FOR_FOLDER_EVERY_S = 0.5

log = structlog.get_logger()


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
        self.in_calls = InCalls()
        self._endings: defaultdict[str, Ending] = defaultdict(Ending)
        self._held: dict[str, asyncio.Event] = {}
        """Of which no capture may begin until the event is set."""
        self._closing = False

    async def capture(self, recording_id: str) -> Outcome:
        """Capture to the end; return what came of it. A running capture is awaited, a closed one told."""
        while (manifest := self._recordings.get(recording_id)) is not None:
            if manifest.outcome is not None:
                return manifest.outcome
            if (released := self._held.get(recording_id)) is not None:
                await released.wait()
                continue
            task = self._task(recording_id)
            await asyncio.wait([task])  # it goes on when we are cancelled
            if not task.cancelled():
                return task.result()
            if self._closing:
                raise asyncio.CancelledError
        return "never"  # removed, by an operator or by an earlier run whose result was not recorded

    def begin(self, recording_id: str) -> None:
        """Begin to capture what is to be captured; whoever calls ``capture`` gets what comes of it."""
        manifest = self._recordings.get(recording_id)
        if manifest is None or manifest.state not in LIVE or manifest.outcome is not None:
            return
        if recording_id not in self._held:
            self._task(recording_id)

    def _task(self, recording_id: str) -> "asyncio.Task[Outcome]":
        task = self._tasks.get(recording_id)
        if task is None:
            task = asyncio.create_task(self._capture(recording_id), name=f"capture {recording_id}")
            task.add_done_callback(lambda task: self._on_end(recording_id, task))
            self._tasks[recording_id] = task
            self.in_calls.begin(recording_id)
        return task

    def _on_end(self, recording_id: str, task: "asyncio.Task[Outcome]") -> None:
        self._tasks.pop(recording_id, None)
        self.in_calls.end(recording_id)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("capture_end_not_written", recording=recording_id, error=str(fault))

    def stop(self, recording_id: str, cause: str = reports.STOPPED) -> None:
        """Tell the capture process to end. Where there is none now, none will be started any more."""
        self._endings[recording_id].tell(cause, clock.monotonic_s())
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
        ending = self._endings.get(recording_id)
        return ending is not None and ending.told is not None

    def ending_for_s(self, recording_id: str) -> float:
        """Return how long ago the recording was told to end, or did; 0 where neither is so."""
        ending = self._endings.get(recording_id)
        return 0.0 if ending is None or ending.since_s is None else clock.monotonic_s() - ending.since_s

    @contextlib.asynccontextmanager
    async def held(self, recording_id: str) -> AsyncIterator[None]:
        """End the capture here and now, with nothing written; none begins until the block ends."""
        released = self._held[recording_id] = asyncio.Event()
        try:
            if (task := self._tasks.get(recording_id)) is not None:
                task.cancel()
                await asyncio.wait([task])
            yield
        finally:
            del self._held[recording_id]
            if self._recordings.get(recording_id) is None:
                self._endings.pop(recording_id, None)
            released.set()

    def _give_up(self, recording_id: str, running: CaptureProcess, cause: str) -> None:
        if self._running.get(recording_id) is running:
            log.error("capture_does_not_stop", recording=recording_id)
            running.give_up(cause)

    async def close(self) -> None:
        """Let go of all captures: their processes close their logs and end; the next start rejoins."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _capture(self, recording_id: str) -> Outcome:
        ending = self._endings[recording_id]
        if ending.reached is None:
            ending.reach(await self._end_of(recording_id), clock.monotonic_s())
        assert ending.reached is not None
        outcome = await self._close(recording_id, ending.reached)
        self._endings.pop(recording_id, None)
        return outcome

    async def _end_of(self, recording_id: str) -> End:
        """Capture to the end. What fails here is raised, and so tried again, but not for ever."""
        try:
            return await self._run_to_end(recording_id)
        except Exception as error:  # whatever it was: with no end the room would show a recording for ever
            if not self._endings[recording_id].is_enough(clock.monotonic_s()):
                raise
            log.error("capture_given_up", recording=recording_id, error=str(error) or type(error).__name__)
            return End(reports.CRASHED, None)

    async def _run_to_end(self, recording_id: str) -> End:
        manifest = self._manifest(recording_id)
        if manifest.cause is not None:  # a refusal, or a limit, after which the recorder died
            return End(manifest.cause, None)
        paths = self._recordings.paths(recording_id)
        if sign_of_life.has_begun(paths):
            age_s = sign_of_life.age_s(paths)
            # One that was not agreed to yet goes on, too: what the backend says to *started* decides.
            if age_s > self._rejoin_window_s:
                log.warning("capture_not_rejoined", recording=recording_id, silent_s=round(age_s))
                return End(reports.CRASHED, None)
            log.info("capture_rejoins", recording=recording_id, silent_s=round(age_s))
        crashes = Crashes()
        while True:
            manifest = self._manifest(recording_id)
            if (cause := self._must_end(manifest)) is not None:
                return End(cause, None)
            order = self._order_for(manifest)
            if order is None:
                log.error("capture_no_such_backend", recording=recording_id, backend=manifest.backend)
                return End(NO_SUCH_BACKEND, None)
            if self._is_gone(recording_id):  # the watch ends what is away for too long
                await asyncio.sleep(LOOK_FOR_FOLDER_EVERY_S)
                continue
            begun_s = clock.monotonic_s()
            end = await self._one_process(recording_id, order)
            if end is not None:
                return end
            crashes.add(begun_s, clock.monotonic_s(), was_ready=self.in_calls.is_in(recording_id))
            log.error("capture_crashed", recording=recording_id, crashes=crashes.number)
            acknowledged = self._manifest(recording_id).acknowledged_at is not None
            if crashes.are_too_many(clock.monotonic_s(), self._rejoin_window_s, acknowledged=acknowledged):
                return End(reports.CRASHED, None)
            await asyncio.sleep(crashes.wait_s)

    async def _one_process(self, recording_id: str, order: CaptureOrder) -> End | None:
        """Run one capture process; return how it ended, None when it crashed. Raises OSError."""
        if self._manifest(recording_id).state == "accepted":
            self._recordings.update(recording_id, state="joining")
        self.in_calls.begin_process(recording_id)
        running = await CaptureProcess.start(self._context, order)
        self._running[recording_id] = running
        if (cause := self._must_end(self._manifest(recording_id))) is not None:
            self.stop(recording_id, cause)  # it came while the process was being started
        try:
            return await self._follow(recording_id, running)
        finally:
            del self._running[recording_id]
            await running.end()

    async def _follow(self, recording_id: str, running: CaptureProcess) -> End | None:
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
                    if report.cause == reports.DISK_FAILED and self._is_gone(recording_id):
                        return None  # goes on when the folder is back
                    await settle(announcing, HANDSHAKE_AFTER_END_S)
                    return End(overruled or report.cause, report.ms)
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
        return self._endings[manifest.recording_id].told

    def _withdraw(self, recording_id: str) -> None:
        try:
            # Durable first: after a crash it must not be started again.
            self._recordings.update(recording_id, cause=WITHDRAWN)
        except OSError as error:
            log.warning("capture_end_not_written", recording=recording_id, error=str(error))
        finally:
            self.stop(recording_id, WITHDRAWN)

    def _on_ready(self, recording_id: str, ms: int) -> "asyncio.Task[Verdict] | None":
        self.in_calls.come(recording_id)
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

    async def _close(self, recording_id: str, end: End) -> Outcome:
        """Write the end of the capture durably, with what came of it. Raises OSError: try again."""
        manifest = self._manifest(recording_id)
        end_ms = end.ms
        if end_ms is None:
            end_ms = await asyncio.to_thread(self._last_ms, manifest)
        cause = end.cause
        outcome = outcome_of(manifest, cause)
        stop_ms = end_ms if manifest.stop_ms is None else min(manifest.stop_ms, end_ms)
        closed = {"stop_ms": stop_ms, "closed_at": clock.wall_s(), "outcome": outcome, "cause": cause}
        state = after_capture(msgspec.structs.replace(manifest, **closed))
        try:
            self._recordings.update(recording_id, **closed, state=state)
        except OSError as error:
            # A full disk has an end, and what is written then is true after a crash, too.
            if is_disk_full(error) or not self._endings[recording_id].is_enough(clock.monotonic_s()):
                raise
            self._recordings.in_memory.add(recording_id)
            self._recordings.update(recording_id, **closed, state=state)
        log.info("recording_closed", recording=recording_id, outcome=outcome, cause=cause)
        return outcome

    def _last_ms(self, manifest: Manifest) -> int:
        recording_id = manifest.recording_id
        if self._is_gone(recording_id):  # and it may be back: nothing of it must be cut off
            return self._recordings.now_ms(recording_id)
        return sign_of_life.last_ms(self._recordings.paths(recording_id), manifest.anchor.wall_s)

    def _is_gone(self, recording_id: str) -> bool:
        try:
            return self._recordings.is_gone(recording_id)
        except OSError:  # the disk fails, and may not do so for ever
            return False

    def _manifest(self, recording_id: str) -> Manifest:
        manifest = self._recordings.get(recording_id)
        assert manifest is not None, "a recording is removed only after its capture ended"
        return manifest
