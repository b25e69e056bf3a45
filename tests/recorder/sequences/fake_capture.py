"""A capture process that is none: a task that behaves as one at the other end of a real pipe."""

import asyncio
import contextlib
import multiprocessing
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from callrec import clock
from callrec.recorder.call import reports
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.call.process import PARENT_GONE
from callrec.recorder.folder.paths import FolderPaths
from callrec.wire.constants import RecordingStatus

SLOW_SHARE = 0.1
"""How often a process takes much longer to start, to join or to end than most do."""
HANG_SHARE = 0.05
"""How often one does not end at all when it is told to."""


@dataclass
class Captured:
    """All processes there have been, and who wants to know of new ones."""

    rng: random.Random
    started: Callable[["FakeCapture"], None]
    processes: list["FakeCapture"] = field(default_factory=list)
    ended: set[Path] = field(default_factory=set)
    """Folders whose end control has been told."""

    @property
    def alive(self) -> list["FakeCapture"]:
        return [process for process in self.processes if process.is_alive()]

    def in_room(self, token: str) -> list["FakeCapture"]:
        """Return who has joined the call of a room."""
        return [process for process in self.alive if process.order.token == token and process.joined]

    # The two functions of a multiprocessing context that control uses.

    def Pipe(self) -> tuple[Connection, Connection]:
        return multiprocessing.Pipe()

    def Process(self, *, target: Any, args: tuple[CaptureOrder, Connection], name: str) -> "FakeCapture":
        order, pipe = args
        return FakeCapture(self, order, pipe)


class FakeCapture:
    """One process. It hears of a stop and of the end of its parent by the pipe, as the real one."""

    def __init__(self, captured: Captured, order: CaptureOrder, pipe: Connection) -> None:
        self.order = order
        self.joined = False
        self.told_to_end = False
        self.frozen = False
        self.joined_for_s: list[float] = []
        """How long control waited for it to end by itself."""
        self._captured = captured
        self._rng = captured.rng
        self._theirs: Connection | None = pipe
        self._pipe: Connection | None = None
        self._life: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._end: asyncio.Future[str] | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        # A child has a copy of its own: the parent closes the one that it made.
        assert self._theirs is not None
        self._pipe = Connection(os.dup(self._theirs.fileno()))
        self._theirs = None
        self._end = loop.create_future()
        loop.add_reader(self._pipe.fileno(), self._on_pipe)
        self._life = loop.create_task(self._live())
        self._beating = loop.create_task(self._beat())
        self._captured.processes.append(self)
        self._captured.started(self)

    def is_alive(self) -> bool:
        return self._pipe is not None and not self._pipe.closed

    def join(self, timeout: float | None = None) -> None:
        """Waiting is the business of the virtual thread that calls this."""
        if timeout is not None:
            self.joined_for_s.append(timeout)

    def kill(self) -> None:
        """As by kill -9: not another word."""
        if self.is_alive():
            assert self._pipe is not None and self._life is not None
            timeline = FolderPaths(self.order.root).timeline
            if timeline.exists():  # it has written until now
                os.utime(timeline, (clock.wall_s(), clock.wall_s()))
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._pipe.close()
            self._life.cancel()
            if self._beating is not None:
                self._beating.cancel()

    def freeze(self) -> None:
        """As by SIGSTOP: it is there, and does nothing any more."""
        assert self._pipe is not None and self._life is not None and self._beating is not None
        self.frozen = True
        asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._beating.cancel()

    def end(self, cause: str) -> None:
        """Let it end as if by itself: the first cause counts."""
        if self.is_alive() and not self.frozen and self._end is not None and not self._end.done():
            self._end.set_result(cause)

    def hear(self, status: RecordingStatus) -> None:
        """Tell it what the room is told."""
        self._send(reports.RoomStatus(status))

    def _on_pipe(self) -> None:
        assert self._pipe is not None
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self.end(PARENT_GONE)
            return
        if isinstance(message, reports.StopCapture):
            self.told_to_end = True
            self.end(message.cause)

    def _send(self, report: reports.FromCapture) -> None:
        assert self._pipe is not None
        try:
            self._pipe.send(report)
        except OSError:
            self.end(PARENT_GONE)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(reports.ALIVE_EVERY_S)
            self._send(reports.Alive())

    async def _live(self) -> None:
        assert self._end is not None
        timeline = FolderPaths(self.order.root).timeline
        try:
            if not await self._ends_within(self._takes(0.3)):
                with timeline.open("a") as file:
                    file.write(f'{{"ms":{self._now_ms()},"type":"capture"}}\n')
                if not await self._ends_within(self._takes(2)):
                    self.joined = True
                    if not await self._ends_within(self._takes(2)):
                        self._send(reports.Ready(self._now_ms()))
            cause = await self._end
            if cause != PARENT_GONE:
                if self.told_to_end and self._rng.random() < HANG_SHARE:
                    await asyncio.Event().wait()
                await asyncio.sleep(self._takes(0.5))
                self._send(reports.Ended(cause, self._now_ms()))
                self._captured.ended.add(self.order.root)
        except OSError:  # of its log: the real one dies of it, too
            return
        finally:
            self.kill()

    async def _ends_within(self, seconds: float) -> bool:
        assert self._end is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._end)
        return self._end.done()

    def _takes(self, seconds: float) -> float:
        return self._rng.uniform(0, seconds * (10 if self._slow() else 1))

    def _slow(self) -> bool:
        return self._rng.random() < SLOW_SHARE

    def _now_ms(self) -> int:
        return (clock.monotonic_ns() - self.order.anchor.monotonic_ns) // 1_000_000
