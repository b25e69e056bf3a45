"""Puts the parts of the recording server together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from callrec.errors import SettingsError
from callrec.observe import disk
from callrec.observe.endpoints import observe
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.compose.worker import ComposeOptions
from callrec.recorder.control.api import create_app
from callrec.recorder.control.failures import FAILURES
from callrec.recorder.control.service import Service
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.desk import ReportDesk, RoomKey
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.composers import ChildLogs, Composers, forkserver_context
from callrec.recorder.lifecycle.counts import RecordingCounts, RecordingGauges
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.settings import BackendSettings, RecorderSettings


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
        SettingsError: no backend is configured, or one is named twice.
    """
    backends = {backend.url: backend for backend in config.settings.backends}
    if not backends:
        raise SettingsError("recorder.backends: at least one backend with url and secret is needed")
    if len(backends) != len(config.settings.backends):
        raise SettingsError("recorder.backends: a url is named twice")

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

    app = create_app(config.settings.backends, config.settings.max_message_bytes, running)
    observe(app, registry, failure_events=FAILURES, networks=config.settings.metrics_networks, ready=ready)
    return app


@asynccontextmanager
async def _running(
    config: RecorderConfig,
    backends: dict[str, BackendSettings],
    counts: RecordingCounts,
    registry: CollectorRegistry,
) -> AsyncIterator[Service]:
    settings = config.settings
    recordings = Recordings(config.data / "recordings", counts)
    RecordingGauges(recordings.all, backends, registry)
    if config.own_backend:
        recordings.move_to_backend(settings.backends[0].url)
    clients = {url: BackendClient(backend) for url, backend in backends.items()}

    def newest(room: RoomKey) -> str | None:
        latest = recordings.latest(*room)
        return latest.recording_id if latest else None

    def order_for(manifest: Manifest) -> CaptureOrder | None:
        backend = backends.get(manifest.backend)
        if backend is None:
            return None
        return CaptureOrder(
            root=recordings.paths(manifest.recording_id).root,
            anchor=manifest.anchor,
            token=manifest.token,
            backend_url=backend.url,
            connect_url=backend.connect_url or backend.url,
            backend_secret=backend.secret.get_secret_value(),
            signaling_secret=backend.signaling_secret.get_secret_value() if backend.signaling_secret else "",
            video=manifest.video,
            empty_timeout_s=settings.empty_timeout_s,
            log_level=config.log_level,
            log_json=config.log_json,
        )

    context = forkserver_context()
    desk = ReportDesk(clients, newest)
    options = ComposeOptions(width_px=settings.width_px, height_px=settings.height_px, fps=settings.fps)
    composers = Composers(recordings, options, context, ChildLogs(config.log_level, config.log_json))
    announcements = Announcements(recordings, desk, composers.begin)
    captures = Captures(
        recordings=recordings,
        announcements=announcements,
        order_for=order_for,
        begin_composing=composers.begin,
        context=context,
        rejoin_window_s=settings.rejoin_window_s,
    )
    stages = Stages(recordings, desk, composers, clients, counts)
    backoff = Backoff(settings.retry_first_s, settings.retry_longest_s, settings.retry_for_s)
    lifecycle = Lifecycle(
        database=config.data / "workflows.sqlite",
        recordings=recordings,
        captures=captures,
        stages=stages,
        backoff=backoff,
        keep_failed_s=settings.keep_failed_s,
    )
    service = Service(
        recordings=recordings,
        captures=captures,
        announcements=announcements,
        stages=stages,
        desk=desk,
        lifecycle=lifecycle,
    )
    await lifecycle.launch()
    try:
        yield service
    finally:
        # Workflows first: what the closing captures then return must not count as a result.
        await lifecycle.close()
        await service.close()
        await captures.close()
        await composers.close()
        for client in clients.values():
            await client.close()
