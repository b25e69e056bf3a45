"""A thousand random sequences of start, stop, leave and kill against the recorder's control.

Everything is the recorder's own but the capture and composing processes, the far side, the memory of finished
steps, and the clock. A seed that fails is printed with its story, which comes out the same every time.
"""

import asyncio
import contextlib
import os
import random
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from callrec import clock
from callrec.recorder.call import reports
from callrec.recorder.lifecycle.states import has_film
from callrec.wire.recording import Actor, Failed, Start, Started, Stop, Stopped

from .far_rooms import FAILED, OFF, RUNNING, STARTING
from .virtual_time import VirtualTimeLoop, threads_in_virtual_time
from .world import BACKEND, World

SEQUENCES = 1000
PER_TEST = 50
MAX_STEPS = 16
ROOMS = ("room1", "room2")
OWNERS = ("mira", "ole")
WALL_S = 1_800_000_000
MEMORY = Path("/dev/shm")
LONGEST_S = 8 * 86400.0
"""Recordings are kept for seven days; nothing else takes as long."""

MIRA = Actor("users", "mira")


class Moderator:
    """Does things to a room, some as the conversation server does, some as a confused one would."""

    def __init__(self, world: World, story: list[str]) -> None:
        self._world = world
        self._rng = world.rng
        self._requests: set[asyncio.Task[None]] = set()
        self._story = story

    async def step(self) -> None:
        """Do one thing; a request is answered while the next things are done."""
        actions: list[tuple[Callable[[str], Awaitable[None] | None], int]] = [
            (self._press_start, 6),
            (self._press_stop, 5),
            (self._start, 2),
            (self._stop, 2),
            (self._leave, 2),
            (self._kill_capture, 4),
            (self._kill_control, 1),
            (self._withdraw, 2),
            (self._withdraw_the_next, 1),
            (self._kill_the_next, 1),
            (self._room_goes, 1),
            (self._far_side_goes, 1),
            (self._disk_is_full, 2),
        ]
        action = self._rng.choices([a for a, _ in actions], [weight for _, weight in actions])[0]
        token = self._rng.choice(ROOMS)
        now_s = asyncio.get_running_loop().time()
        self._story.append(f"{now_s:9.2f} {action.__name__.strip('_')} {token}")
        done = action(token)
        if done is not None:
            await done
        self._world.check()
        assert not self._world.problems, self._world.problems

    async def answers(self) -> None:
        """Wait for the answers to all requests."""
        await asyncio.gather(*self._requests)

    async def stop_everything(self) -> None:
        """Let it end: the disk has room, the far side is there, every room is stopped."""
        self._world.disk_full = False
        self._world.far.away_until_s = 0.0
        for token in ROOMS:
            self._press_stop(token)
        await self.answers()

    def _press_start(self, token: str) -> None:
        """As a conversation server: only where nothing runs."""
        if self._world.far.status(token) in (OFF, FAILED):
            self._start(token)

    def _press_stop(self, token: str) -> None:
        if self._world.far.status(token) in (*STARTING, *RUNNING):
            self._stop(token)

    def _start(self, token: str) -> None:
        request = Start(self._rng.choice((1, 2)), self._rng.choice(OWNERS), MIRA)
        self._world.far.set_status(token, STARTING[request.status - 1])
        self._ask(self._send_start(token, request))

    def _stop(self, token: str) -> None:
        self._ask(self._send_stop(token))

    def _ask(self, request: Awaitable[None]) -> None:
        task = asyncio.ensure_future(request)
        self._requests.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        if (error := task.exception()) is not None:
            self._world.problems.append(repr(error))

    async def _send_start(self, token: str, request: Start) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.1))
        try:
            await self._world.service.start(BACKEND, token, request)
        except OSError:
            if self._world.far.status(token) in STARTING:
                self._world.far.set_status(token, FAILED)
            return
        latest = self._world.recordings.latest(BACKEND.url, token)
        assert latest is not None and latest.stop_requested_at is None, "a start that does not record"
        self._world.far.answered[token] = latest.recording_id

    async def _send_stop(self, token: str) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.1))
        try:
            known = await self._world.service.stop(BACKEND, token, Stop(MIRA))
        except OSError:
            return  # it is asked again: in the end by stop_everything
        status = self._world.far.status(token)
        if not known and status in (*STARTING, *RUNNING):
            latest = self._world.recordings.latest(BACKEND.url, token)
            reported = latest is not None and latest.outcome in ("failed", "never")  # or will be, soon
            if status in RUNNING and not reported:
                self._world.problems.append("the room shows a recording that nobody makes")
            self._world.far.set_status(token, OFF)

    def _leave(self, token: str) -> None:
        """Everybody leaves the call."""
        for process in self._world.captured.in_room(token):
            process.end(self._rng.choice((reports.CALL_ENDED, reports.CALL_EMPTY)))

    def _kill_capture(self, _token: str) -> None:
        if alive := self._world.captured.alive:
            self._rng.choice(alive).kill()

    async def _kill_control(self, _token: str) -> None:
        await self.answers()
        if self._world.disk_full:
            return  # what could not be written is lost with it: nobody can promise more
        await self._world.shut()
        await asyncio.sleep(self._rng.choice((0.5, 1, 10, 200)))
        assert not self._world.captured.alive, "a capture process outlives its control"
        await self._world.boot()

    def _withdraw(self, token: str) -> None:
        """The conversation server ends the recording by itself.

        One that it has waited for in vain is stopped as well; of a running one only the room is told.
        """
        status = self._world.far.status(token)
        if status in STARTING:
            self._world.far.set_status(token, FAILED)
            self._stop(token)
        else:
            self._world.far.withdraw(token)

    def _withdraw_the_next(self, _token: str) -> None:
        self._world.far.upon_started = self._world.far.withdraw

    def _kill_the_next(self, _token: str) -> None:
        self._world.far.upon_started = self._kill_captures_in

    def _kill_captures_in(self, token: str) -> None:
        for process in self._world.captured.in_room(token):
            process.kill()

    def _room_goes(self, token: str) -> None:
        if inside := self._world.captured.in_room(token):
            for process in inside:
                process.end(reports.ROOM_GONE)
            self._world.far.set_status(token, OFF)

    def _far_side_goes(self, _token: str) -> None:
        now_s = asyncio.get_running_loop().time()
        self._world.far.away_until_s = now_s + self._rng.choice((1, 10, 100))

    def _disk_is_full(self, _token: str) -> None:
        self._world.disk_full = True
        seconds = self._rng.uniform(0, 5)
        asyncio.get_running_loop().call_later(seconds, setattr, self._world, "disk_full", False)


def assert_nothing_is_left(world: World) -> None:
    """No orphan process, no stuck state, no folder without an owner."""
    assert not world.captured.alive
    assert not list(world.root.iterdir()) and not world.recordings.ids()
    assert world.lives.over == set(world.fates)
    assert {fate.state for fate in world.fates.values()} <= {"retained", "failed", "discarded"}
    captures, announcements, desk = world.captures, world.announcements, world.desk
    assert not (captures._tasks or captures._running)
    assert not any(ending.reached for ending in captures._endings.values())
    assert not (announcements._handshakes or desk._sending or world.service._tasks)
    for token in ROOMS:
        assert world.far.status(token) in (OFF, FAILED), f"{token} is stuck"


def assert_nothing_is_lost(world: World) -> None:
    """Every film that was agreed to has arrived, and no other one."""
    expected = sorted(recording_id for recording_id, fate in world.fates.items() if has_film(fate))
    assert sorted(world.far.uploaded) == expected


def assert_order(world: World) -> None:
    """The reports of one recording begin with *started* and end with its end."""
    of: dict[str, list[object]] = defaultdict(list)
    for heard in world.far.heard:
        of[heard.recording_id].append(heard.report)
    for recording_id, told in of.items():
        kinds = [type(report) for report in told]
        begun = kinds.count(Started)
        assert kinds[:begun] == [Started] * begun, (recording_id, kinds)
        assert set(kinds[begun:]) in ({Stopped}, {Failed}, set()), (recording_id, kinds)
    age = {recording_id: number for number, recording_id in enumerate(world.fates)}
    for heard in world.far.heard:
        answered = age.get(heard.answered, -1)
        assert age[heard.recording_id] >= answered, "a report of an older recording came late"


async def play(world: World, story: list[str]) -> None:
    """Do some steps, then let everything end."""
    moderator = Moderator(world, story)
    await world.boot()
    for _ in range(world.rng.randint(1, MAX_STEPS)):
        await moderator.step()
        # Mostly at once, or while something is on its way; sometimes when all is quiet.
        wait_s = world.rng.choice((0, 0, world.rng.uniform(0, 0.1), world.rng.uniform(0, 6), 60))
        await asyncio.sleep(wait_s)
    await moderator.answers()
    await moderator.stop_everything()
    if world.lives.tasks:
        await asyncio.wait(world.lives.tasks.values(), timeout=LONGEST_S)
    await asyncio.sleep(LONGEST_S)
    await world.keeper.look()


@contextlib.contextmanager
def logs_in(story: list[str], loop: VirtualTimeLoop) -> Iterator[None]:
    """Let the log be part of the story, with the virtual time."""

    def note(_logger: Any, level: str, event: MutableMapping[str, Any]) -> NoReturn:
        story.append(f"{loop.now_s:9.2f}   {level} {dict(event)}")
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    usual = processors.copy()
    processors[:] = [note]
    try:
        yield
    finally:
        processors[:] = usual


def run_sequence(seed: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play the sequence of a seed; print its story if something does not hold."""
    rng = random.Random(seed)
    root.mkdir()
    story: list[str] = []
    with contextlib.closing(VirtualTimeLoop()) as loop, logs_in(story, loop), monkeypatch.context() as patch:
        world = World(root, rng)
        patch.setattr(clock, "wall_s", lambda: WALL_S + loop.now_s)
        patch.setattr(clock, "monotonic_ns", lambda: int(loop.now_s * 1e9))
        patch.setattr(asyncio, "to_thread", threads_in_virtual_time(lambda: rng.uniform(0, 0.2)))
        patch.setattr(os, "fsync", world.fsync)
        try:
            loop.run_until_complete(play(world, story))
            assert not world.problems, world.problems
            assert_nothing_is_left(world)
            assert_nothing_is_lost(world)
            assert_order(world)
        except BaseException:
            print(f"seed {seed}", *story, sep="\n")
            raise
        finally:
            loop.run_until_complete(world.shut())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: the sequences make and remove many thousand files."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.mark.parametrize("first", range(0, SEQUENCES, PER_TEST))
def test_sequences(first: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(first, first + PER_TEST):
        run_sequence(seed, folder / str(seed), monkeypatch)
