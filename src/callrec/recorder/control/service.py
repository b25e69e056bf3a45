"""What start and stop requests do (docs/wire.md, Recording requests)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakValueDictionary

import structlog

from callrec.errors import StartRefused
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.orders import Orders, is_same, stop_means
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.settings import BackendSettings
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
        orders: Orders,
        lifecycle: Lifecycle,
        refusal: Callable[[BackendSettings], str | None],
    ) -> None:
        """*refusal* tells why there is no room for another recording of a backend, None when there is."""
        self._recordings = recordings
        self._captures = captures
        self._announcements = announcements
        self._stages = stages
        self._orders = orders
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
            if running is not None and is_same(running, request):
                log.info("recording_start_repeated", recording=running.recording_id)
                self._spawn(self._announcements.repeat(running.recording_id))
                return
            if running is not None:
                log.info("recording_replaced", recording=running.recording_id)
                # Also when there is no room for the new one: the backend waits for that, so the running one
                # is over for it, and nobody in the room sees that he is recorded.
                self._orders.stop(running, Stop())
            reason = self._refusal(backend)
            if reason is not None:
                raise StartRefused(reason)
            manifest = await self._orders.create(backend, token, request)
            await self._lifecycle.begin(manifest.recording_id)

    async def stop(self, backend: BackendSettings, token: str, request: Stop) -> bool:
        """Stop the room's recording; False when there is none. Raises OSError."""
        async with self._room(backend, token):
            latest = self._recordings.latest(backend.url, token)
            if latest is None or (means := stop_means(latest)) == "nothing":
                return False
            if means == "tell_again":
                self._spawn(self._stages.report_end(latest))
            elif latest.stop_requested_at is None:
                self._orders.stop(latest, request)
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
