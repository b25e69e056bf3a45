"""What start and stop requests do (docs/wire.md, Recording requests)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakValueDictionary

import structlog

from callrec import clock
from callrec.errors import StartRefused
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import ActorName, Manifest
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.settings import BackendSettings
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Start, Stop

log = structlog.get_logger()


class Service:
    """Carries out requests; each is durable before it is answered."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        captures: Captures,
        announcements: Announcements,
        stages: Stages,
        desk: ReportDesk,
        lifecycle: Lifecycle,
        refusal: Callable[[BackendSettings], str | None],
    ) -> None:
        """*refusal* tells why there is no room for another recording of a backend, None when there is."""
        self._recordings = recordings
        self._captures = captures
        self._announcements = announcements
        self._stages = stages
        self._desk = desk
        self._lifecycle = lifecycle
        self._refusal = refusal
        self._room_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def _room(self, backend: BackendSettings, token: str) -> asyncio.Lock:
        return self._room_locks.setdefault((backend.url, token), asyncio.Lock())

    async def start(self, backend: BackendSettings, token: str, request: Start) -> None:
        """Start a recording. The same request for the room's running recording only announces it again.

        Raises:
            StartRefused: there is no room for another recording now.
            OSError: the request could not be written to disk.
        """
        async with self._room(backend, token):
            running = self._running(backend, token)
            if running is not None and _same(running, request):
                log.info("recording_start_repeated", recording=running.recording_id)
                self._spawn(self._announcements.repeat(running.recording_id))
                return
            if running is not None:
                log.info("recording_replaced", recording=running.recording_id)
                self._request_stop(running, Stop())
            reason = self._refusal(backend)
            if reason is not None:
                raise StartRefused(reason)
            manifest = self._recordings.create(backend, token, request)
            log.info("recording_accepted", recording=manifest.recording_id, video=manifest.video)
            await self._desk.supersede((backend.url, token), manifest.recording_id)
            await self._lifecycle.begin(manifest.recording_id)

    async def stop(self, backend: BackendSettings, token: str, request: Stop) -> bool:
        """Stop the room's recording; False when there is none. Raises OSError."""
        async with self._room(backend, token):
            latest = self._recordings.latest(backend.url, token)
            if latest is None or latest.outcome in ("never", "refused", "failed") or _is_over(latest):
                return False
            if latest.outcome is not None:
                # The room still waits, so *stopped* was lost or refused: say it again.
                self._spawn(self._stages.report_end(latest))
            elif latest.stop_requested_at is None:
                self._request_stop(latest, request)
            return True

    def _running(self, backend: BackendSettings, token: str) -> Manifest | None:
        latest = self._recordings.latest(backend.url, token)
        if latest is None or latest.stop_requested_at is not None:
            return None
        if self._captures.is_ending(latest.recording_id):  # told so, but a full disk could not take it
            return None
        if latest.closed_at is not None or latest.cause is not None:  # over, or about to be: it was refused
            return None
        return latest

    def _request_stop(self, manifest: Manifest, request: Stop) -> None:
        actor = ActorName(request.actor.type, request.actor.id) if request.actor else None
        try:
            self._recordings.update(
                manifest.recording_id,
                stop_requested_at=clock.wall_s(),
                stop_ms=self._recordings.now_ms(manifest.recording_id),
                stop_actor=actor,
            )
        finally:
            # Also with a full disk: nobody is recorded on because a stop could not be written.
            self._captures.stop(manifest.recording_id)
        log.info("recording_stop_requested", recording=manifest.recording_id)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what is still being announced."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _logged(work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:  # a task of its own: nobody else would see it
        log.exception("recording_announce_failed")


def _is_over(manifest: Manifest) -> bool:
    """Tell whether nothing is owed to the backend any more."""
    return manifest.end_reported and manifest.state in ("delivered", "retained")


def _same(running: Manifest, request: Start) -> bool:
    return (running.video, running.owner) == (request.status == RecordingStatus.VIDEO, request.owner)
