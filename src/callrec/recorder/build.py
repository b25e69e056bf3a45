"""Puts the parts of the recording server together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from callrec.errors import SettingsError
from callrec.observe import disk
from callrec.observe.endpoints import observe
from callrec.recorder.control.api import Recorder, create_app
from callrec.recorder.control.failures import FAILURES
from callrec.recorder.control.operator_api import OperatorApi
from callrec.recorder.control.service import Service
from callrec.recorder.deliver.backends import BackendClients, Backends
from callrec.recorder.deliver.begun import UploadNote
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.deliver.hold import always
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, RoomKey
from callrec.recorder.lifecycle import nursery
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts, RecordingGauges
from callrec.recorder.lifecycle.homes import Homes, check_homes
from callrec.recorder.lifecycle.keeper import Keeper
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.measure import CpuLoad
from callrec.recorder.lifecycle.missing import Missing
from callrec.recorder.lifecycle.operator import Operator
from callrec.recorder.lifecycle.orders import Orders
from callrec.recorder.lifecycle.plans import Plans, look_of
from callrec.recorder.lifecycle.readiness import problems
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.recovery import Recovery
from callrec.recorder.lifecycle.returning import Returning
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.watch import LimitWatch
from callrec.recorder.lifecycle.webhooks import telling
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.recorder.pool.configured import ledger, mirror, recorder_id
from callrec.recorder.pool.front import PoolFront
from callrec.recorder.pool.gauges import PoolGauges
from callrec.recorder.pool.member import PoolMember
from callrec.recorder.pool.standing import Standing
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
    operator_token: str = field(default="", repr=False)
    """What opens the operator's page and API; without one there are none."""


def build(config: RecorderConfig) -> Starlette:
    """Return the recorder's control API; its workflows and children live as long as the app's lifespan.

    Raises:
        SettingsError: no backend is configured, or the watermark, or a home of recordings, cannot be used.
    """
    settings = config.settings
    if not settings.backends and settings.any_backend is None:
        raise SettingsError("recorder.backends: at least one backend with url and secret is needed")
    if settings.gives_signaling_secret_away:
        log.warning("control_signaling_secret_shared", backends=len(settings.backends))
    backends = Backends(settings)
    plans = Plans(settings, backends, config.data, config.log_level, config.log_json, look_of(settings))
    registry = CollectorRegistry()
    counts = RecordingCounts(registry, backends)
    check_homes(config.data, plans.own_home, plans.homes_outside)
    homes = Homes(config.data, plans.homes_outside)
    elsewhere = [place for place in plans.homes if place != plans.own_home]
    disk.DiskGauge([config.data, *elsewhere], registry)
    token = config.operator_token
    operator_api = OperatorApi(token, settings.operator_networks) if token else None

    @asynccontextmanager
    async def running() -> AsyncIterator[Recorder]:
        async with _running(
            config, plans, homes, counts, registry=registry, operator_api=operator_api
        ) as service:
            yield service

    async def ready() -> Mapping[str, str]:
        return await asyncio.to_thread(problems, config.data, plans, homes)

    app = create_app(backends, settings.max_message_bytes, running)
    if operator_api is not None:
        app.router.routes.extend(operator_api.routes)
    observe(app, registry, failure_events=FAILURES, networks=settings.metrics_networks, ready=ready)
    return app


@asynccontextmanager
async def _running(
    config: RecorderConfig,
    plans: Plans,
    homes: Homes,
    counts: RecordingCounts,
    *,
    registry: CollectorRegistry,
    operator_api: OperatorApi | None,
) -> AsyncIterator[Recorder]:
    settings, backends = config.settings, plans.backends
    async with AsyncExitStack() as stack:
        there = stack.enter_context(homes.opened())
        recordings = Recordings(plans.own_home, counts, homes=there, home_of=plans.home_of)
        Missing(config.data / "owed", recordings, homes.away, registry)
        RecordingGauges(recordings.all, backends, registry, lambda: len(recordings.damaged()))
        if config.own_backend:
            recordings.move_to_backend(settings.backends[0].url)
        await stack.enter_async_context(
            telling(recordings, settings.webhooks, config.data / "webhooks.sqlite", registry)
        )
        clients = BackendClients(backends)
        stack.push_async_callback(clients.close)
        async with _service(
            config,
            plans,
            homes,
            recordings,
            clients,
            counts=counts,
            registry=registry,
            operator_api=operator_api,
        ) as service:
            yield service


@asynccontextmanager
async def _service(
    config: RecorderConfig,
    plans: Plans,
    homes: Homes,
    recordings: Recordings,
    clients: BackendClients,
    *,
    counts: RecordingCounts,
    registry: CollectorRegistry,
    operator_api: OperatorApi | None,
) -> AsyncIterator[Recorder]:
    settings = config.settings

    def newest(room: RoomKey) -> str | None:
        if member is not None and (elsewhere := member.newest(room)) is not None:
            return elsewhere
        return recordings.newest(*room)

    context = nursery.forkserver_context()
    nursery.sweep(config.data)
    desk = ReportDesk(clients, newest)
    composers = Composers(
        recordings,
        lambda recording_id: plans.compose_options(_known(recordings, recording_id)),
        context,
        plans.hands,
        plans.tracks,
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
    cpu = CpuLoad()
    sizes = Sizes(recordings, settings.fps)
    watch = LimitWatch(
        recordings=recordings,
        captures=captures,
        allowed=plans.limits,
        pixels_of=plans.pixels,
        sizes=sizes,
        cpu=cpu,
        free_bytes=disk.free_bytes,
        data=config.data,
        is_away=homes.is_away,
    )
    orders = Orders(recordings, captures, desk)
    stages = Stages(recordings, desk, composers, clients, counts)
    alarms = Alarms()
    attempts = Attempts(lambda recording_id: UploadNote(recordings.paths(recording_id).upload))
    recordings.listeners.append(attempts.hear)
    member = None
    if settings.pool is not None:
        member = PoolMember(
            ledger=ledger(settings.pool, config.data),
            mirror=mirror(settings.pool),
            recordings=recordings,
            captures=captures,
            announcements=announcements,
            orders=orders,
            stages=stages,
            alarms=alarms,
            send=desk.send,
            on_failed=counts.never_begun,
            measure=Standing(
                recorder_id(config.data),
                recordings,
                watch,
                cpu,
                plans.homes,
                plans.hands.workers,
                settings.max_recordings,
            ),
            backend_of=plans.backends.get,
        )
        PoolGauges(member.waiting, registry)
    life = Life(
        recordings=recordings,
        capture=captures.capture,
        work=stages,
        backoff=Backoff(settings.retry_first_s, settings.retry_longest_s, settings.retry_for_s),
        alarms=alarms,
        attempts=attempts,
        keeps=member.keeps if member else _keeps,
        hold=member.hold if member else lambda: always,
    )
    lifecycle = Lifecycle(
        database=config.data / "workflows.sqlite",
        recordings=recordings,
        life=life,
        meanwhile=captures.begin,
    )
    keeper = Keeper(
        recordings,
        sizes,
        plans.keep_rules,
        disk.free_bytes,
    )

    service = Service(
        recordings=recordings,
        captures=captures,
        announcements=announcements,
        stages=stages,
        orders=orders,
        lifecycle=lifecycle,
        refusal=lambda backend: _refusal(watch, recordings, counts, backend),
    )
    operator = Operator(
        recordings=recordings,
        alarms=alarms,
        attempts=attempts,
        sizes=sizes,
        begin=lifecycle.begin,
        end_composing=composers.end,
        give_up=stages.give_up,
        removing=member.removing if member else None,
        removing_unread=member.removing_unread if member else None,
        elsewhere=member.parked if member else None,
        ending_for_s=captures.ending_for_s,
        capture_held=captures.held,
    )
    if operator_api is not None:
        operator_api.operator = operator
    async with member.membership() if member else nullcontext():
        recovery = Recovery(recordings, captures, lifecycle)
        returning = Returning(homes, recordings, captures, lifecycle)
        watching = [
            asyncio.create_task(recovery.run(), name="recovery"),
            asyncio.create_task(watch.run(), name="limits"),
            asyncio.create_task(_keep(recovery, keeper), name="keeper"),
            asyncio.create_task(returning.run(), name="homes"),
        ]
        if member is not None:
            watching.append(asyncio.create_task(member.run(lifecycle.begin), name="pool"))
        try:
            yield PoolFront(member, counts.refused) if member else service
        finally:
            if member is not None:
                member.condition.is_closing = True
            for task in watching:
                task.cancel()
            # Workflows first: what the closing captures then return must not count as a result.
            await lifecycle.close()
            await sizes.close()
            await service.close()
            await captures.close()
            await composers.close()
            await asyncio.gather(*watching, return_exceptions=True)


def _known(recordings: Recordings, recording_id: str) -> Manifest:
    manifest = recordings.get(recording_id)
    assert manifest is not None, "what is composed is removed only afterwards"
    return manifest


def _refusal(
    watch: LimitWatch, recordings: Recordings, counts: RecordingCounts, backend: BackendSettings
) -> str | None:
    reason = watch.refusal(recordings.home(backend.url))
    if reason is not None:
        counts.refused(backend.url, reason)
    return reason


async def _keep(recovery: Recovery, keeper: Keeper) -> None:
    await recovery.back_in_calls()
    await keeper.run()  # it walks through all folders


async def _keeps(_manifest: Manifest) -> bool:
    """Keep whatever is here: there are no other recorders."""
    return True
