"""Puts the parts of the recording server together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from callrec.errors import SettingsError
from callrec.observe import disk
from callrec.observe.endpoints import observe
from callrec.recorder.control.api import create_app
from callrec.recorder.control.failures import FAILURES
from callrec.recorder.control.service import Service
from callrec.recorder.deliver.backends import BackendClients, Backends
from callrec.recorder.deliver.desk import ReportDesk, RoomKey
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder import home
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.composers import ChildLogs, Composers, forkserver_context
from callrec.recorder.lifecycle.counts import RecordingCounts, RecordingGauges
from callrec.recorder.lifecycle.keeper import Keeper, KeepRules
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.limits import Limits
from callrec.recorder.lifecycle.measure import CpuLoad
from callrec.recorder.lifecycle.plans import Plans
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.watch import LimitWatch
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.settings import BackendSettings, RecorderSettings

log = structlog.get_logger()


@dataclass(frozen=True)
class RecorderConfig:
    """A recorder that keeps its work below ``data``."""

    data: Path
    settings: RecorderSettings
    own_backend: bool = False
    """The one backend runs beside us: it is the same one even when its public URL has changed."""
    log_level: str = "info"
    log_json: bool = False


def build(config: RecorderConfig) -> Starlette:
    """Return the recorder's control API; its workflows and children live as long as the app's lifespan.

    Raises:
        SettingsError: no backend is configured.
    """
    settings = config.settings
    if not settings.backends and settings.any_backend is None:
        raise SettingsError("recorder.backends: at least one backend with url and secret is needed")
    if settings.gives_signaling_secret_away:
        log.warning("control_signaling_secret_shared", backends=len(settings.backends))
    backends = Backends(settings)
    registry = CollectorRegistry()
    counts = RecordingCounts(registry, backends)
    disk.DiskGauge(config.data, registry)

    @asynccontextmanager
    async def running() -> AsyncIterator[Service]:
        async with _running(config, backends, counts, registry) as service:
            yield service

    async def ready() -> Mapping[str, str]:
        problem = disk.low(config.data)
        return {"disk": problem} if problem else {}

    app = create_app(backends, settings.max_message_bytes, running)
    observe(app, registry, failure_events=FAILURES, networks=settings.metrics_networks, ready=ready)
    return app


@asynccontextmanager
async def _running(
    config: RecorderConfig,
    backends: Backends,
    counts: RecordingCounts,
    registry: CollectorRegistry,
) -> AsyncIterator[Service]:
    settings = config.settings
    plans = Plans(settings, backends, config.data, config.log_level, config.log_json)
    async with AsyncExitStack() as stack:
        for directory in plans.homes_outside:
            stack.enter_context(home.opened(directory))
        recordings = Recordings(plans.own_home, counts, homes=plans.homes_outside, home_of=plans.home_of)
        RecordingGauges(recordings.all, backends, registry)
        if config.own_backend:
            recordings.move_to_backend(settings.backends[0].url)
        clients = BackendClients(backends)
        stack.push_async_callback(clients.close)
        async with _service(config, plans, recordings, clients, counts) as service:
            yield service


@asynccontextmanager
async def _service(
    config: RecorderConfig,
    plans: Plans,
    recordings: Recordings,
    clients: BackendClients,
    counts: RecordingCounts,
) -> AsyncIterator[Service]:
    settings = config.settings

    def newest(room: RoomKey) -> str | None:
        latest = recordings.latest(*room)
        return latest.recording_id if latest else None

    def known(recording_id: str) -> Manifest:
        manifest = recordings.get(recording_id)
        assert manifest is not None, "what is composed is removed only afterwards"
        return manifest

    context = forkserver_context()
    desk = ReportDesk(clients, newest)
    composers = Composers(
        recordings,
        lambda recording_id: plans.compose_options(known(recording_id)),
        context,
        ChildLogs(config.log_level, config.log_json),
    )
    announcements = Announcements(recordings, desk, composers.begin)
    captures = Captures(
        recordings=recordings,
        announcements=announcements,
        order_for=lambda m: plans.capture_order(m, recordings.paths(m.recording_id)),
        begin_composing=composers.begin,
        context=context,
        rejoin_window_s=settings.rejoin_window_s,
    )
    stages = Stages(recordings, desk, composers, clients, counts)
    alarms = Alarms()
    backoff = Backoff(settings.retry_first_s, settings.retry_longest_s, settings.retry_for_s)
    life = Life(recordings, captures.capture, stages, backoff, alarms)
    lifecycle = Lifecycle(database=config.data / "workflows.sqlite", recordings=recordings, life=life)
    keeper = Keeper(
        recordings,
        KeepRules(
            delivered_s=settings.keep_delivered_s,
            failed_s=settings.keep_failed_s,
            delivered_bytes=settings.keep_delivered_bytes,
            min_free_bytes=2 * settings.min_free_bytes,  # before starts are refused
        ),
        disk.free_bytes,
    )
    watch = LimitWatch(
        recordings=recordings,
        captures=captures,
        allowed=Limits(
            max_duration_s=settings.max_duration_s,
            max_size_bytes=settings.max_size_bytes,
            min_free_bytes=settings.min_free_bytes,
            max_recordings=settings.max_recordings,
            max_cpu_percent=settings.max_cpu_percent,
        ),
        pixels_of=plans.pixels,
        fps=settings.fps,
        cpu=CpuLoad(),
        free_bytes=disk.free_bytes,
    )

    def refusal(backend: BackendSettings) -> str | None:
        reason = watch.refusal(recordings.home(backend.url))
        if reason is not None:
            counts.refused(backend.url, reason)
        return reason

    service = Service(
        recordings=recordings,
        captures=captures,
        announcements=announcements,
        stages=stages,
        desk=desk,
        lifecycle=lifecycle,
        refusal=refusal,
    )
    await lifecycle.launch()
    watching = [
        asyncio.create_task(watch.run(), name="limits"),
        asyncio.create_task(keeper.run(), name="keeper"),
    ]
    try:
        yield service
    finally:
        for task in watching:
            task.cancel()
        # Workflows first: what the closing captures then return must not count as a result.
        await lifecycle.close()
        await service.close()
        await captures.close()
        await composers.close()
        await asyncio.gather(*watching, return_exceptions=True)
