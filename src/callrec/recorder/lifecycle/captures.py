"""Runs the capture process of each recording, and decides what came of it."""

import asyncio
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess

import structlog

from callrec import clock
from callrec.observe import failures
from callrec.recorder.call import reports
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.call.process import run_capture
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder import sign_of_life
from callrec.recorder.folder.manifest import Manifest, Outcome
from callrec.recorder.lifecycle.handshake import Handshake
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Actor, Started

MAX_CRASHES_BEFORE_START = 3
HANDSHAKE_AFTER_END_S = 10.0
"""How long the end of a capture waits for the backend's answer to *started*."""
RESTART_WAIT_S = 0.5
REFUSED = "refused"
WITHDRAWN = "withdrawn"
NOT_ACKNOWLEDGED = "not_acknowledged"

log = structlog.get_logger()


class Captures:
    """One child process per running recording."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        desk: ReportDesk,
        order_for: Callable[[Manifest], CaptureOrder],
        begin_composing: Callable[[str], object],
        context: ForkServerContext,
        rejoin_window_s: float,
    ) -> None:
        self._recordings = recordings
        self._desk = desk
        self._order_for = order_for
        self._begin_composing = begin_composing
        self._context = context
        self._rejoin_window_s = rejoin_window_s
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._pipes: dict[str, Connection] = {}
        self._handshakes: dict[str, Handshake] = {}

    async def capture(self, recording_id: str) -> Outcome:
        """Capture to the end; return what came of it. A running capture is awaited, a closed one told."""
        manifest = self._recordings.get(recording_id)
        if manifest is None:
            return "never"  # removed by an earlier run whose result was not recorded
        if manifest.outcome is not None:
            return manifest.outcome
        task = self._running.get(recording_id)
        if task is None:
            task = asyncio.create_task(self._capture(recording_id), name=f"capture {recording_id}")
            task.add_done_callback(lambda _: self._running.pop(recording_id, None))
            self._running[recording_id] = task
        return await asyncio.shield(task)

    def stop(self, recording_id: str, cause: str = reports.STOPPED) -> None:
        """Tell the capture process to end, if there is one."""
        pipe = self._pipes.get(recording_id)
        if pipe is not None:
            try:
                pipe.send(reports.StopCapture(cause))
            except OSError:
                log.info("capture_already_gone", recording=recording_id)

    async def announce(self, recording_id: str) -> None:
        """Send *started* once more for an acknowledged recording; whatever is answered, it goes on."""
        manifest = self._recordings.get(recording_id)
        if manifest and manifest.acknowledged_at is not None:
            await Handshake(lambda: self._send_started(manifest)).run()

    async def close(self) -> None:
        """Let go of all captures: their processes close their logs and end; the next start rejoins."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _capture(self, recording_id: str) -> Outcome:
        manifest = self._manifest(recording_id)
        if sign_of_life.has_begun(self._recordings.paths(recording_id)):
            age_s = sign_of_life.age_s(self._recordings.paths(recording_id))
            if manifest.acknowledged_at is None or age_s > self._rejoin_window_s:
                log.warning("capture_not_rejoined", recording=recording_id, silent_s=round(age_s))
                return self._close(recording_id, reports.CRASHED, None)
            log.info("capture_rejoins", recording=recording_id, silent_s=round(age_s))
        crashes = 0
        while True:
            if self._manifest(recording_id).stop_requested_at is not None:
                return self._close(recording_id, reports.STOPPED, None)
            ended, verdict_cause = await self._one_process(recording_id)
            if ended is not None:
                cause = verdict_cause or ended.cause
                return self._close(recording_id, cause, ended.ms)
            crashes += 1
            log.error("capture_crashed", recording=recording_id, crashes=crashes)
            if self._manifest(recording_id).acknowledged_at is None and crashes >= MAX_CRASHES_BEFORE_START:
                return self._close(recording_id, reports.CRASHED, None)
            await asyncio.sleep(RESTART_WAIT_S)

    async def _one_process(self, recording_id: str) -> tuple[reports.Ended | None, str | None]:
        """Run one capture process; return how it ended (None: crashed) and a cause of ours that overrules."""
        order = self._order_for(self._manifest(recording_id))
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=run_capture, args=(order, theirs), name="callrec-capture")
        await asyncio.to_thread(process.start)
        theirs.close()
        inbox: asyncio.Queue[reports.FromCapture | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), lambda: _receive(ours, inbox, loop))
        self._pipes[recording_id] = ours
        if self._manifest(recording_id).stop_requested_at is not None:
            self.stop(recording_id)  # the stop came while the process was being started
        try:
            return await self._follow(recording_id, inbox)
        finally:
            self._pipes.pop(recording_id, None)
            self._handshakes.pop(recording_id, None)
            loop.remove_reader(ours.fileno())
            ours.close()  # the child ends when its pipe does
            await asyncio.to_thread(_reap, process)

    async def _follow(
        self, recording_id: str, inbox: "asyncio.Queue[reports.FromCapture | None]"
    ) -> tuple[reports.Ended | None, str | None]:
        handshake: asyncio.Task[None] | None = None
        overruled: str | None = None
        try:
            while True:
                report = await inbox.get()
                if report is None:
                    return None, None
                if isinstance(report, reports.Failure):
                    failures.count(report.level, report.event)
                    continue
                if isinstance(report, reports.Ended):
                    if handshake is not None:
                        await asyncio.wait([handshake], timeout=HANDSHAKE_AFTER_END_S)
                    return report, overruled
                if isinstance(report, reports.Ready):
                    manifest = self._manifest(recording_id)
                    if manifest.stop_requested_at is not None:
                        continue  # it is on its way out, and must not be announced
                    if manifest.started_ms is None:
                        self._recordings.update(recording_id, started_ms=report.ms)
                        handshake = asyncio.create_task(self._shake(recording_id))
                    elif manifest.acknowledged_at is not None:
                        self._begin_composing(recording_id)
                elif self._withdrawn(recording_id, report.status):
                    overruled = WITHDRAWN
                    self.stop(recording_id, WITHDRAWN)
        finally:
            if handshake is not None:
                handshake.cancel()

    def _withdrawn(self, recording_id: str, status: RecordingStatus) -> bool:
        handshake = self._handshakes.get(recording_id)
        if handshake is not None:
            handshake.room_status(status)
        manifest = self._manifest(recording_id)
        if status not in (RecordingStatus.OFF, RecordingStatus.FAILED):
            return False
        return manifest.acknowledged_at is not None and manifest.stop_requested_at is None

    async def _shake(self, recording_id: str) -> None:
        manifest = self._manifest(recording_id)
        handshake = Handshake(lambda: self._send_started(manifest))
        self._handshakes[recording_id] = handshake
        log.info("recording_announced", recording=recording_id)
        verdict = await handshake.run()
        log.info("recording_started", recording=recording_id, verdict=verdict)
        if verdict == "acknowledged":
            self._recordings.update(recording_id, acknowledged_at=clock.wall_s())
            self._begin_composing(recording_id)
        else:
            if verdict == "refused":
                self._recordings.update(recording_id, cause=REFUSED)
            self.stop(recording_id, REFUSED if verdict == "refused" else NOT_ACKNOWLEDGED)

    async def _send_started(self, manifest: Manifest) -> bool:
        status = RecordingStatus.VIDEO if manifest.video else RecordingStatus.AUDIO
        started = Started(manifest.token, status, Actor(manifest.actor.type, manifest.actor.id))
        return await self._desk.send((manifest.backend, manifest.token), manifest.recording_id, started)

    def _close(self, recording_id: str, cause: str, end_ms: int | None) -> Outcome:
        """Write the end of the capture durably, with what came of it."""
        manifest = self._manifest(recording_id)
        if end_ms is None:
            end_ms = sign_of_life.last_ms(self._recordings.paths(recording_id))
        outcome = outcome_of(manifest, cause)
        stop_ms = end_ms if manifest.stop_ms is None else min(manifest.stop_ms, end_ms)
        self._recordings.update(
            recording_id, stop_ms=stop_ms, closed_at=clock.wall_s(), outcome=outcome, cause=cause
        )
        log.info("recording_closed", recording=recording_id, outcome=outcome, cause=cause)
        return outcome

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
    if cause == reports.STOPPED and manifest.started_ms is None:
        return "never"
    return "failed"


def _receive(
    pipe: Connection,
    inbox: "asyncio.Queue[reports.FromCapture | None]",
    loop: asyncio.AbstractEventLoop,
) -> None:
    try:
        inbox.put_nowait(pipe.recv())
    except (EOFError, OSError):
        loop.remove_reader(pipe.fileno())
        inbox.put_nowait(None)


def _reap(process: ForkServerProcess) -> None:
    process.join(5)
    if process.is_alive():
        process.kill()
        process.join()
