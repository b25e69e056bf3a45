"""Tells webhooks of each change of a recording's state. What they do never holds up a recording."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callrec import clock
from callrec.recorder.deliver.webhook_courier import Courier, WebhookCounts
from callrec.recorder.deliver.webhook_queue import WebhookQueue, remove
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import GONE, REMOVED, Change
from callrec.settings import Webhook

TEND_EVERY_S = 60.0

log = structlog.get_logger()


class StateEvent(msgspec.Struct, frozen=True):
    """What a webhook is told (docs/api.md, Webhooks)."""

    id: str
    """The same at every attempt."""
    recording: str
    token: str | None
    """Room token; None, as what follows, where the folder had gone before it could be told."""
    backend: str | None
    state: str
    before: str | None
    at: float
    """Unix seconds."""
    error: str | None = None
    file_name: str | None = None


@asynccontextmanager
async def telling(
    recordings: Recordings, hooks: Sequence[Webhook], path: Path, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Tell the *hooks* meanwhile; *path* is the file of what is still to be told.

    Raises OSError.
    """
    if not hooks:
        remove(path)  # what happens meanwhile will be no news to those that are configured later
        yield
        return
    running = asyncio.create_task(Webhooks(recordings, hooks, path, registry).run(), name="webhooks")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Webhooks(Collector):
    """Queues an event for each change, and lets couriers send them."""

    def __init__(
        self, recordings: Recordings, hooks: Sequence[Webhook], path: Path, registry: CollectorRegistry
    ) -> None:
        """*path* is the queue's file. Raises OSError."""
        self._recordings = recordings
        self._loop = asyncio.get_running_loop()
        self._targets = {hook.url: hook.target for hook in hooks}
        self._queue = WebhookQueue(path)
        self._counts = WebhookCounts(registry, list(self._targets.values()))
        self._couriers = [Courier(hook, self._queue, self._counts) for hook in hooks]
        self._gone = set(recordings.found_removed)
        """What was removed, and may not be queued."""
        self._is_behind = True
        """Something may have happened that is not queued."""
        registry.register(self)
        self._no_news = {m.recording_id: m.state for m in recordings.all()} if self._queue.is_new else None
        """What was there before the queue; None: the queue knows it."""
        with suppress(sqlite3.Error):  # a full disk: at the next look
            self._begin()
        recordings.listeners.append(self._hear)
        recordings.unread_listeners.append(self._hear_unread)

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tend())
                for courier in self._couriers:
                    group.create_task(courier.run())
        finally:
            self._recordings.listeners.remove(self._hear)
            self._recordings.unread_listeners.remove(self._hear_unread)
            self._queue.close()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the queue now."""
        gauge = GaugeMetricFamily("callrec_webhooks_waiting", "Events still to be sent", labels=["target"])
        waiting = dict.fromkeys(self._targets.values(), 0)
        try:
            for url, count in self._queue.waiting().items():
                if url in self._targets:
                    waiting[self._targets[url]] += count
        except sqlite3.Error:
            return []  # not known, or closed
        for target, count in waiting.items():
            gauge.add_metric([target], count)
        return [gauge]

    def _hear(self, change: Change) -> None:
        manifest = change.manifest
        at = clock.wall_s() if change.state in GONE or manifest.state_at is None else manifest.state_at
        self._put(_event(manifest, change.state, change.before, at))

    def _hear_unread(self, recording_id: str) -> None:
        """Tell that one was removed of which only the id is known, if it was ever told of."""
        try:
            before = self._queue.told().get(recording_id)
        except sqlite3.Error:  # a full disk: made up for by a later look
            self._gone.add(recording_id)
            self._is_behind = True
            return
        if before is not None:
            self._put(_removed(recording_id, before))

    def _put(self, event: StateEvent) -> None:
        state = None if event.state in GONE else event.state
        body = msgspec.json.encode(event)
        try:
            self._queue.put(self._targets, event.recording, state, body, clock.wall_s())
        except sqlite3.Error as error:
            self._is_behind = True
            if state is None:
                self._gone.add(event.recording)
            log.warning("webhook_not_queued", recording=event.recording, error=str(error))
            return
        self._gone.discard(event.recording)
        for courier in self._couriers:
            self._loop.call_soon_threadsafe(courier.news.set)

    def _begin(self) -> None:
        if self._no_news is not None:
            self._queue.begin_with(self._no_news)
            self._no_news = None

    async def _tend(self) -> None:
        while True:
            try:
                self._begin()
                if self._is_behind:
                    self._is_behind = False
                    self._catch_up()
                for url, count in self._queue.drop(self._targets, clock.wall_s()).items():
                    target = self._targets.get(url, "a webhook that is configured no more")
                    log.warning("webhook_dropped", target=target, events=count)
                    if url in self._targets:
                        self._counts.dropped.labels(target).inc(count)
            except Exception:  # the root of a task: a full disk, for one, may have room at the next look
                self._is_behind = True
                log.exception("webhook_queue_not_tended")
            await asyncio.sleep(TEND_EVERY_S)

    def _catch_up(self) -> None:
        """Queue what the last process, or a full disk, left untold: where each recording stands now."""
        told = self._queue.told()
        known = {m.recording_id: m for m in self._recordings.all()}
        for manifest in known.values():
            before = told.get(manifest.recording_id)
            if before != manifest.state:
                at = manifest.state_at or clock.wall_s()
                self._put(_event(manifest, manifest.state, before, at))
        unread = {damaged.folder.name for damaged in self._recordings.damaged()}
        for recording_id in told.keys() - known.keys() - unread - self._recordings.removing:
            if recording_id in self._gone:  # others were not removed by this recorder: they may come back
                self._put(_removed(recording_id, told[recording_id]))


def _removed(recording_id: str, before: str) -> StateEvent:
    """Return the event of a removal of which nothing but the id is known any more."""
    return StateEvent(secrets.token_hex(16), recording_id, None, None, REMOVED, before, clock.wall_s())


def _event(manifest: Manifest, state: str, before: str | None, at: float) -> StateEvent:
    return StateEvent(
        id=secrets.token_hex(16),
        recording=manifest.recording_id,
        token=manifest.token,
        backend=manifest.backend,
        state=state,
        before=before,
        at=at,
        error=manifest.error,
        file_name=manifest.file_name,
    )
