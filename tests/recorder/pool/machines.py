"""Recorders of a pool in one process: real ledger, real copies, recordings on disk; nobody captures."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
from obstore.store import LocalStore
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from callrec.errors import BackendAway
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.folder.manifest import Manifest, RoomKey, State, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.operator import Operator
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.front import PoolFront
from callrec.recorder.pool.ledger import DEAD_AFTER_S, Ledger
from callrec.recorder.pool.member import PoolMember
from callrec.recorder.pool.mirror import Mirror
from callrec.recorder.pool.pick import Member
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Report, Start, Stop, encode_start, encode_stop
from tests.conversation.storage import Services
from tests.recorder.folder.samples import MANIFEST

BACKEND = BackendSettings(url=MANIFEST.backend, secret=SecretStr("secret"))
VIDEO = Start(1, "mira", Actor("users", "mira"))
NOBODY: Any = None


class NotedOrders:
    """Creates recordings, and remembers which were stopped."""

    def __init__(self, recordings: Recordings) -> None:
        self.recordings = recordings
        self.stopped: list[str] = []
        self.broken: OSError | None = None
        """What the disk says to a new recording."""

    async def create(self, *args: Any) -> Manifest:
        if self.broken is not None:
            raise self.broken
        return self.recordings.create(*args)

    def stop(self, manifest: Manifest, _request: Stop) -> None:
        self.stopped.append(manifest.recording_id)


class NotedCaptures:
    """Remembers what was told to end."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def is_ending(self, recording_id: str) -> bool:
        return recording_id in self.told

    def stop(self, recording_id: str, cause: str) -> None:
        self.told[recording_id] = cause


class NoComposers:
    async def end(self, _recording_id: str) -> None:
        return


class NotedBackend:
    """The client of the one backend, which takes reports."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.is_away = False

    async def report(self, report: Report) -> None:
        if self.is_away:
            raise BackendAway("not there")
        self.reports.append(report)

    def get(self, _url: str) -> "NotedBackend":
        return self


class Machine:
    """One recorder without captures and workflows."""

    def __init__(self, url: str, name: str, folder: Path, mirror: Mirror, dead_after_s: float) -> None:
        self.home = folder / name
        self.recordings = Recordings(self.home)
        self.mirror = mirror
        self.me = Member(name, None, 0, 0, 2, 0.0)
        self.orders = NotedOrders(self.recordings)
        self.captures = NotedCaptures()
        self.backend = NotedBackend()
        self.begun: list[str] = []
        self.failed: list[tuple[str, str]] = []
        clients = cast(Any, self.backend)
        desk = ReportDesk(clients, self._newest)
        counts = RecordingCounts(CollectorRegistry(), [])
        self.ledger = Ledger(url, name, dead_after_s)
        self.member = PoolMember(
            ledger=self.ledger,
            mirror=mirror,
            recordings=self.recordings,
            captures=cast(Any, self.captures),
            announcements=NOBODY,
            orders=cast(Any, self.orders),
            stages=Stages(self.recordings, desk, cast(Any, NoComposers()), clients, counts),
            alarms=Alarms(),
            send=desk.send,
            on_failed=lambda backend, cause: self.failed.append((backend, cause)),
            measure=lambda: self.me,
            backend_of=lambda url: BACKEND if url == BACKEND.url else None,
        )
        self.refused: list[tuple[str, str]] = []
        self.front = PoolFront(self.member, lambda backend, reason: self.refused.append((backend, reason)))

    def _newest(self, room: RoomKey) -> str | None:
        return self.member.newest(room)

    def manifest(self, recording_id: str = "r1") -> Manifest:
        manifest = self.recordings.get(recording_id)
        assert manifest is not None
        return manifest

    async def go_on(self, recording_id: str) -> None:
        self.begun.append(recording_id)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.member.membership():
            task = asyncio.create_task(self.member.run(self.go_on))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def nothing_was_sent(_manifest: Manifest, _errand: Errand) -> None:
    """Nothing to be deleted at the backend."""


def operator_of(machine: Machine) -> Operator:
    """Return what an operator has to do with the recordings of *machine*."""
    return Operator(
        recordings=machine.recordings,
        alarms=Alarms(),
        attempts=Attempts(),
        sizes=Sizes(machine.recordings, 25),
        begin=machine.go_on,
        end_composing=NoComposers().end,
        give_up=nothing_was_sent,
        removing=machine.member.removing,
        removing_unread=machine.member.removing_unread,
        elsewhere=machine.member.parked,
    )


@dataclasses.dataclass
class Machines:
    """Makes recorders that share a database and a directory."""

    services: Services
    folder: Path
    made: list[Machine] = dataclasses.field(default_factory=list)

    @property
    def url(self) -> str:
        cluster = self.services.cluster.replace("postgresql+psycopg://", "postgresql://")
        return f"{cluster}/{self.services.name}"

    @property
    def shared(self) -> Path:
        return self.folder / "shared"

    def mirror(self) -> Mirror:
        return Mirror(LocalStore(str(self.shared), mkdir=True))

    def add(self, name: str, mirror: Mirror | None = None, dead_after_s: float = DEAD_AFTER_S) -> Machine:
        machine = Machine(self.url, name, self.folder, mirror or self.mirror(), dead_after_s)
        self.made.append(machine)
        return machine


def on_disk(root: Path, state: State, recording_id: str = "r1", **fields: Any) -> FolderPaths:
    """Write a recording that was captured."""
    paths = FolderPaths(root / recording_id)
    paths.create()
    manifest = msgspec.structs.replace(
        MANIFEST, recording_id=recording_id, outcome="captured", started_ms=0, stop_ms=9000, closed_at=1.0
    )
    write_manifest(paths.manifest, msgspec.structs.replace(manifest, state=state, **fields))
    return paths


async def placed(ledger: Ledger, recording_id: str, at: str, stop: bool = False, **fields: Any) -> Entry:
    """Write an order into the ledger, for the recorder *at*."""
    entry = Entry(
        recording_id=recording_id,
        backend=BACKEND.url,
        token=MANIFEST.token,
        file_name=f"{recording_id}.webm",
        request=encode_start(VIDEO),
        recorder_id=at,
        state="accepted",
    )
    entry = dataclasses.replace(entry, **fields)
    async with ledger.room(entry.backend, entry.token) as room:
        await room.add(entry)
        if stop:
            await room.ask_stop(entry, encode_stop(Stop()))
    return entry


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)  # what the database brings
