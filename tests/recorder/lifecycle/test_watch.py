"""The watch over limits, with real folders; captures, free space and time are the test's."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from callrec.recorder.folder.manifest import read_manifest
from callrec.recorder.lifecycle import sizes as sizes_module
from callrec.recorder.lifecycle import watch as watch_module
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.limits import Limits
from callrec.recorder.lifecycle.measure import CpuLoad
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.watch import LimitWatch
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Start

BACKEND = BackendSettings(url="https://talk.example", secret=SecretStr("secret"))
START = Start(1, "mira", Actor("users", "mira"))
DATA = Path("/proc")
"""On another disk than the recordings."""
NO_LIMITS = Limits(None, None, 0, None, None)


class World:
    def __init__(self, root: Path, limits: Limits) -> None:
        self.recordings = Recordings(root)
        self.stopped: list[tuple[str, str | None]] = []
        self.told = asyncio.Event()
        self.free_bytes = self.data_free_bytes = 1 << 40
        self.away: list[Path] = []
        self.sizes = Sizes(self.recordings, 25)
        self.watch = LimitWatch(
            recordings=self.recordings,
            captures=cast(Captures, cast(Any, self)),
            allowed=limits,
            pixels_of=lambda _: 640 * 360,
            sizes=self.sizes,
            cpu=CpuLoad(lambda: ""),
            free_bytes=lambda folder: self.data_free_bytes if folder == DATA else self.free_bytes,
            data=DATA,
            is_away=lambda home: home in self.away,
        )

    def begin(self) -> str:
        recording_id = self.recordings.create(
            BACKEND, f"room{len(self.recordings.ids())}", START
        ).recording_id
        self.recordings.update(recording_id, started_ms=0)
        return recording_id

    def stop(self, recording_id: str, cause: str) -> None:
        """Stand for the captures: note what was durable when they were told."""
        manifest = read_manifest(self.recordings.paths(recording_id).manifest)
        self.stopped.append((cause, manifest.cause))
        self.told.set()

    async def until_stopped(self) -> None:
        watching = asyncio.create_task(self.watch.run())
        try:
            await asyncio.wait_for(self.told.wait(), 20)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def test_a_film_as_long_as_allowed_stops_in_time_and_durably(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(0.3, None, 0, None, None))
    recording_id = world.begin()
    await world.until_stopped()
    assert world.stopped == [("max_duration", "max_duration")]
    assert 300 <= world.recordings.now_ms(recording_id) < 10_000


async def test_what_does_not_begin_has_no_length(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(0.001, None, 0, None, None))
    world.recordings.create(BACKEND, "joining1", START)
    watching = asyncio.create_task(world.watch._look())
    await watching
    assert world.stopped == []


async def test_a_folder_as_large_as_allowed_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes_module, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(watch_module, "LOOK_EVERY_S", 0.01)
    world = World(tmp_path, Limits(None, 20_000, 0, None, None))
    small, large = world.begin(), world.begin()
    (world.recordings.paths(small).tracks / "x").write_bytes(b"x" * 10_000)
    (world.recordings.paths(large).tracks / "x").write_bytes(b"x" * 20_000)
    await world.until_stopped()
    assert world.stopped == [("max_size", "max_size")]
    large_manifest = world.recordings.get(large)
    assert large_manifest is not None and large_manifest.cause == "max_size"


async def test_a_disk_that_runs_full_stops_while_there_is_room_to_finish(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(None, None, 1000, None, None))
    recording_id = world.begin()
    film = world.recordings.paths(recording_id).chunks / "1.0-640x360-auto-00000000"
    film.mkdir()
    (film / "000000-320.mkv").write_bytes(b"x" * 5000)
    world.free_bytes = 1 << 30
    await world.watch._look()
    assert world.stopped == []
    # Half of the reserve is there, but the chunk must be copied once more.
    world.free_bytes = 5400
    await world.until_stopped()
    assert world.stopped == [("disk_low", "disk_low")]


async def test_a_disk_that_takes_nothing_stops_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, Limits(None, None, 1000, None, None))
    world.begin()
    world.free_bytes = 0

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        await world.watch._look()
    assert world.stopped == [("disk_low", None)]


async def test_what_was_told_to_stop_is_left_alone(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(0.001, 1, 1000, None, None))
    asked, refused, closed = world.begin(), world.begin(), world.begin()
    world.recordings.update(asked, stop_requested_at=1.0)
    world.recordings.update(refused, cause="refused")
    world.recordings.update(closed, closed_at=1.0, outcome="captured", cause="stopped")
    world.free_bytes = 0
    await world.watch._look()
    assert world.stopped == []


async def test_starts_are_counted_without_those_that_end(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(None, None, 0, 2, None))
    first = world.begin()
    assert world.watch.refusal(tmp_path) is None
    world.begin()
    assert world.watch.refusal(tmp_path) == "too_many_recordings"
    world.recordings.update(first, stop_requested_at=1.0)
    assert world.watch.refusal(tmp_path) is None


async def test_a_start_needs_the_room_that_others_still_need(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(None, None, 1000, None, None))
    waiting = world.begin()
    world.recordings.update(waiting, stop_ms=0, closed_at=1.0, outcome="captured", cause="stopped")
    film = world.recordings.paths(waiting).chunks / "1.0-640x360-auto-00000000"
    film.mkdir()
    (film / "000000-320.mkv").write_bytes(b"x" * 5000)
    await world.watch._look()
    world.free_bytes = 5999
    assert world.watch.refusal(tmp_path) == "disk_low"
    world.free_bytes = 6000
    assert world.watch.refusal(tmp_path) is None
    manifest = world.recordings.get(waiting)
    assert manifest is not None
    (world.recordings.paths(waiting).output / manifest.file_name).write_bytes(b"the film")
    world.free_bytes = 1000
    assert world.watch.refusal(tmp_path) is None


async def test_a_start_needs_its_own_disk_and_a_little_of_the_data_directory(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(None, None, 1 << 30, None, None))
    world.data_free_bytes = 64 << 20  # far less than recordings need, but they lie elsewhere
    assert world.watch.refusal(tmp_path) is None
    world.data_free_bytes -= 1
    assert world.watch.refusal(tmp_path) == "disk_low"
    world.away = [tmp_path]
    assert world.watch.refusal(tmp_path) == "home_away"


async def test_a_fault_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "LOOK_EVERY_S", 0.01)
    world = World(tmp_path, Limits(0.2, None, 0, None, None))
    world.begin()
    looks = 0
    look = world.watch._look

    async def failing() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("a bug")
        await look()

    monkeypatch.setattr(world.watch, "_look", failing)
    await world.until_stopped()
    assert looks > 1 and world.stopped == [("max_duration", "max_duration")]


async def test_a_folder_may_be_away_for_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path / "home", NO_LIMITS)
    recording_id = world.begin()
    folder = world.recordings.paths(recording_id).root
    for _ in range(2):
        monkeypatch.setattr(watch_module, "AWAY_FOR_S", 60.0)
        folder.rename(tmp_path / "away")
        await world.watch._look()
        monkeypatch.setattr(watch_module, "AWAY_FOR_S", 0.0)  # it is over now, but for what is back
        (tmp_path / "away").rename(folder)
        await world.watch._look()
        assert world.stopped == [] and world.watch._away_since_s == {}
    folder.rename(tmp_path / "away")
    monkeypatch.setattr(world, "stop", lambda *told: world.stopped.append(told))
    await world.watch._look()
    assert world.stopped == [(recording_id, "folder_gone")]
    (tmp_path / "away").rename(folder)
    await world.watch._look()
    assert read_manifest(world.recordings.paths(recording_id).manifest).cause == "folder_gone"
