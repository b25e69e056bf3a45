"""A recorder's control without processes: the real parts, a fake capture, a far side, virtual time."""

import asyncio
import errno
import itertools
import random
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.control.service import Service
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.keeper import Keeper, KeepRules
from callrec.recorder.lifecycle.life import Life, Pace
from callrec.recorder.lifecycle.orders import Orders
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.settings import BackendSettings
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Report

from .fake_capture import Captured, FakeCapture
from .far_rooms import SENDER, FarRooms

BACKEND = BackendSettings(url="https://talk.example", secret=SecretStr("secret"))
REJOIN_WINDOW_S = 120.0
KEEP = KeepRules(delivered_s=7 * 86400.0, failed_s=7 * 86400.0, delivered_bytes=None, min_free_bytes=0)
BACKOFF = Backoff(1.0, 6 * 3600.0, 14 * 86400.0)


class NotingDesk(ReportDesk):
    """Lets the far side know which recording a report is about."""

    async def send(self, room: tuple[str, str], recording_id: str, report: Report, **options: Any) -> bool:
        SENDER.set(recording_id)
        return await super().send(room, recording_id, report, **options)


class Lives:
    """Steps through the life of each recording, and remembers finished steps over restarts, as DBOS does."""

    def __init__(self) -> None:
        self.life: Life | None = None
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.over: set[str] = set()
        self._finished: dict[tuple[str, int], Pace] = {}
        self._waited: set[tuple[str, int]] = set()

    async def begin(self, recording_id: str) -> None:
        if recording_id not in self.tasks and recording_id not in self.over:
            self.tasks[recording_id] = asyncio.create_task(self._live(recording_id), name=recording_id)

    async def go_on(self, recording_id: str) -> None:
        """Begin a life anew that has come to rest: an operator has changed its state."""
        task = self.tasks.get(recording_id)
        if task is not None and not task.done():
            return
        self.tasks.pop(recording_id, None)
        self.over.discard(recording_id)
        self._finished = {key: pace for key, pace in self._finished.items() if key[0] != recording_id}
        self._waited = {key for key in self._waited if key[0] != recording_id}
        await self.begin(recording_id)

    async def _live(self, recording_id: str) -> None:
        assert self.life is not None, "the control has begun"
        for number in itertools.count():
            key = recording_id, number
            if key not in self._finished:
                try:
                    self._finished[key] = await self.life.step(recording_id)
                except OSError:
                    self._finished[key] = "wait"
            if self._finished[key] == "wait" and key not in self._waited:
                await self.life.wait(recording_id)
                self._waited.add(key)
            if self._finished[key] == "over":
                self.over.add(recording_id)
                return

    async def end(self) -> None:
        """Cancel all."""
        tasks = [task for task in self.tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.tasks.clear()


class FakeComposers:
    """Makes a film of one line as soon as the capture is closed."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._tasks: dict[str, asyncio.Task[int]] = {}

    def begin(self, recording_id: str) -> asyncio.Task[int]:
        task = self._tasks.get(recording_id)
        if task is None or task.done():
            task = self._tasks[recording_id] = asyncio.create_task(self._compose(recording_id))
        return task

    async def _compose(self, recording_id: str) -> int:
        while True:
            manifest = self._world.recordings.get(recording_id)
            if manifest is None:
                return 1
            await asyncio.sleep(10 if manifest.closed_at is None else self._world.rng.uniform(0, 2))
            if manifest.closed_at is not None:
                film = self._world.recordings.paths(recording_id).output / manifest.file_name
                film.write_text(recording_id)
                return 0

    async def end(self, recording_id: str) -> None:
        task = self._tasks.pop(recording_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        for recording_id in list(self._tasks):
            await self.end(recording_id)


class World:
    """Everything that outlives a control is made once; ``boot`` makes a control."""

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root = root
        self.rng = rng
        self.disk_full = False
        self.captured = Captured(rng, self._on_process)
        self.far = FarRooms(rng, self._tell_room)
        self.lives = Lives()
        self.problems: list[str] = []
        """What did not hold at some moment."""
        self.fates: dict[str, Manifest] = {}
        """The last manifest of every recording there ever was."""

    async def boot(self) -> None:
        """Start control on what is on the disk."""
        recordings = self.recordings = NotedRecordings(self)
        desk = self.desk = NotingDesk(cast(Any, self.far), self._newest)
        composers = self.composers = FakeComposers(self)
        self.announcements = Announcements(recordings, desk, composers.begin)
        self.captures = Captures(
            recordings=recordings,
            announcements=self.announcements,
            order_for=self._order,
            begin_composing=composers.begin,
            context=cast(Any, self.captured),
            rejoin_window_s=REJOIN_WINDOW_S,
        )
        counts = RecordingCounts(CollectorRegistry(), [BACKEND.url])
        stages = Stages(recordings, desk, cast(Composers, composers), cast(Any, self.far), counts)
        self.alarms = Alarms()
        self.attempts = Attempts()
        recordings.listeners.append(self.attempts.hear)
        self.stages = stages
        self.sizes = Sizes(recordings, 25)
        self.keeper = Keeper(recordings, self.sizes, KEEP, lambda _root: 1 << 40)
        self.lives.life = Life(
            recordings=recordings,
            capture=self.captures.capture,
            work=stages,
            backoff=BACKOFF,
            alarms=self.alarms,
            attempts=self.attempts,
            keeps=_keeps,
        )
        self.service = Service(
            recordings=recordings,
            captures=self.captures,
            announcements=self.announcements,
            stages=stages,
            orders=Orders(recordings, self.captures, desk),
            lifecycle=cast(Lifecycle, self.lives),
            refusal=lambda _backend: None,
        )
        for recording_id in self.fates:
            await self.lives.begin(recording_id)

    async def shut(self) -> None:
        """End control in order: what runs goes on with the next one."""
        await self.lives.end()
        await self.sizes.close()
        await self.service.close()
        await self.captures.close()
        await self.composers.close()
        self.captured.ended.clear()
        self.far.answered.clear()  # the next control knows only the recordings that are still there

    def fsync(self, _descriptor: int) -> None:
        """Take the place of ``os.fsync``."""
        if self.disk_full:
            raise OSError(errno.ENOSPC, "No space left on device")

    def check(self) -> None:
        """Look at what holds at every moment: a room has at most one recording that runs on."""
        running = [
            manifest.token
            for manifest in self.recordings.all()
            if manifest.outcome is None
            and manifest.stop_requested_at is None
            and manifest.cause is None
            and not self.captures.is_ending(manifest.recording_id)
        ]
        if len(running) != len(set(running)):
            self.problems.append("two recordings of one room run")
        roots = [process.order.root for process in self.captured.alive]
        if len(roots) != len(set(roots)):
            self.problems.append("two processes write one folder")

    def _on_process(self, process: FakeCapture) -> None:
        if process.order.root in self.captured.ended:
            self.problems.append("a recording that has ended goes on")
        self.check()

    def _tell_room(self, token: str, status: RecordingStatus) -> bool:
        inside = self.captured.in_room(token)
        for process in inside:
            process.hear(status)
        return bool(inside)

    def _newest(self, room: tuple[str, str]) -> str | None:
        return self.recordings.newest(*room)

    def _order(self, manifest: Manifest) -> CaptureOrder:
        return CaptureOrder(
            root=self.recordings.paths(manifest.recording_id).root,
            anchor=manifest.anchor,
            token=manifest.token,
            backend_url=BACKEND.url,
            connect_url=BACKEND.url,
            backend_secret="",
            signaling_secret="",
            video=manifest.video,
            empty_timeout_s=1.0,
        )


async def _keeps(_manifest: Manifest) -> bool:
    return True


class NotedRecordings(Recordings):
    """Remembers every manifest, also of recordings that are removed."""

    def __init__(self, world: World) -> None:
        self._world = world
        super().__init__(world.root)

    def create(self, *args: Any) -> Manifest:
        manifest = super().create(*args)
        self._world.fates[manifest.recording_id] = manifest
        return manifest

    def update(self, recording_id: str, **changes: Any) -> Manifest:
        manifest = self._world.fates[recording_id] = super().update(recording_id, **changes)
        return manifest
