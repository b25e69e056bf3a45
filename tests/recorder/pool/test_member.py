"""Who goes on with a recording, as one member sees it: real ledger, real copies, recordings on disk."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from obstore.store import LocalStore
from pydantic import SecretStr

from callrec.errors import PoolAway, StartRefused
from callrec.recorder.folder.manifest import Manifest, State, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.front import PoolFront
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.member import PoolMember
from callrec.recorder.pool.mirror import Mirror
from callrec.recorder.pool.pick import Member
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Start, Stop, encode_start, encode_stop
from tests.recorder.folder.samples import MANIFEST

from .conftest import Pool

IDLE = Member("a", None, 0, 0, 2, 0.0)
BACKEND = BackendSettings(url=MANIFEST.backend, secret=SecretStr("secret"))
VIDEO = Start(1, "mira", Actor("users", "mira"))


class NotedOrders:
    """Creates recordings, and remembers which were stopped."""

    def __init__(self, recordings: Recordings) -> None:
        self.recordings = recordings
        self.stopped: list[str] = []

    async def create(self, *args: Any) -> Manifest:
        return self.recordings.create(*args)

    def stop(self, manifest: Manifest, _request: Stop) -> None:
        self.stopped.append(manifest.recording_id)


class NotedLifecycle:
    """Remembers what was begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def begin(self, recording_id: str) -> None:
        self.begun.append(recording_id)


@dataclasses.dataclass
class World:
    """Recorder ``a`` with one recording, and the ledger as ``b`` sees it."""

    member: PoolMember
    recordings: Recordings
    mirror: Mirror
    b: Ledger
    orders: NotedOrders
    me: Member = IDLE

    def manifest(self) -> Manifest:
        manifest = self.recordings.get("r1")
        assert manifest is not None
        return manifest


def on_disk(root: Path, state: State) -> None:
    paths = FolderPaths(root / "r1")
    paths.create()
    write_manifest(
        paths.manifest,
        msgspec.structs.replace(
            MANIFEST, recording_id="r1", state=state, outcome="captured", started_ms=0, stop_ms=9000
        ),
    )


@pytest.fixture
async def world(pool: Pool, tmp_path: Path) -> AsyncIterator[World]:
    root = tmp_path / "recordings"
    on_disk(root, "finishing")
    recordings = Recordings(root)
    mirror = Mirror(LocalStore(str(tmp_path / "shared"), mkdir=True))
    nobody: Any = None
    orders = NotedOrders(recordings)
    made: list[World] = []
    member = PoolMember(
        ledger=Ledger(pool.database_url, "a"),
        mirror=mirror,
        recordings=recordings,
        captures=cast(Any, nobody),
        announcements=cast(Any, nobody),
        orders=cast(Any, orders),
        measure=lambda: made[0].me,
        backend_of=lambda url: BACKEND if url == BACKEND.url else None,
    )
    b = Ledger(pool.database_url, "b")
    made.append(World(member, recordings, mirror, b, orders))
    await member.ledger.prepare()
    yield made[0]
    await member.ledger.close()
    await b.close()


async def written_down(world: World, recorder_id: str = "a") -> None:
    entry = Entry(
        recording_id="r1",
        backend=MANIFEST.backend,
        token=MANIFEST.token,
        file_name=MANIFEST.file_name,
        request={},
        recorder_id=recorder_id,
        state="finishing",
        stop=None,
        repeats=0,
    )
    async with world.b.room(entry.backend, entry.token) as room:
        await room.add(entry)


async def test_its_own_are_kept_and_those_of_others_are_not(world: World) -> None:
    assert await world.member.keeps(world.manifest())  # nobody has heard of it yet
    await written_down(world)
    assert await world.member.keeps(world.manifest())
    await world.member.ledger.hand_over("r1", "b")
    assert not await world.member.keeps(world.manifest())


async def test_nobody_can_tell_without_the_ledger(pool: Pool, world: World) -> None:
    pool.services.remove()
    with pytest.raises(PoolAway):
        await world.member.keeps(world.manifest())


async def test_composing_is_handed_over_with_a_copy(world: World, tmp_path: Path) -> None:
    await written_down(world)
    await world.b.beat(dataclasses.replace(IDLE, recorder_id="b"))
    world.me = dataclasses.replace(IDLE, composing=3)
    assert not await world.member.keeps(world.manifest())
    assert [entry.recording_id for entry in await world.b.mine()] == ["r1"]
    assert await world.mirror.restore("r1", tmp_path / "there")
    # In other states nothing is handed over.
    await world.b.hand_over("r1", "a")
    reporting = msgspec.structs.replace(world.manifest(), state="reporting")
    assert await world.member.keeps(reporting)


async def test_without_an_idle_one_it_composes_itself(world: World) -> None:
    await written_down(world)
    await world.b.beat(dataclasses.replace(IDLE, recorder_id="b", composing=2))
    world.me = dataclasses.replace(IDLE, composing=3)
    assert await world.member.keeps(world.manifest())


async def test_before_anything_goes_on_it_lets_go_of_what_others_have(world: World) -> None:
    await written_down(world, "b")
    await asyncio.wait_for(world.member.join(), 20)
    assert world.recordings.ids() == []
    # It may hold what the other one lacks.
    assert [folder.name for folder in world.recordings.set_aside()] == [".elsewhere-r1"]


async def placed(world: World, recording_id: str, **fields: Any) -> Entry:
    entry = Entry(
        recording_id=recording_id,
        backend=BACKEND.url,
        token=MANIFEST.token,
        file_name=f"{recording_id}.webm",
        request=encode_start(VIDEO),
        recorder_id="a",
        state="accepted",
        stop=None,
        repeats=0,
    )
    entry = dataclasses.replace(entry, **fields)
    async with world.b.room(entry.backend, entry.token) as room:
        await room.add(entry)
        if entry.stop is not None:
            await room.ask_stop(entry, entry.stop)
    return entry


@contextlib.asynccontextmanager
async def running(world: World) -> AsyncIterator[NotedLifecycle]:
    lifecycle = NotedLifecycle()
    task = asyncio.create_task(world.member.run(cast(Lifecycle, lifecycle)))
    yield lifecycle
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)  # what the database brings


async def test_one_that_cannot_be_begun_holds_up_neither_stops_nor_others(world: World) -> None:
    await placed(world, "r0", backend="https://unknown.example")
    await placed(world, "../r0")
    world.recordings.create(BACKEND, MANIFEST.token, VIDEO, ("r2", "r2.webm"))
    await placed(world, "r2", stop=encode_stop(Stop()))
    await placed(world, "r3")
    async with running(world) as lifecycle:
        await until(lambda: "r2" in world.orders.stopped and "r3" in lifecycle.begun)
    assert sorted(world.recordings.ids()) == ["r1", "r2", "r3"]


async def test_what_was_captured_and_is_nowhere_has_failed_and_does_not_begin_again(world: World) -> None:
    await placed(world, "r4", state="finishing")
    async with running(world) as lifecycle:
        await until(lambda: "r4" in lifecycle.begun)
    manifest = world.recordings.get("r4")
    assert manifest is not None and (manifest.state, manifest.outcome) == ("reporting", "failed")


async def test_a_refused_start_stops_what_it_was_to_replace(world: World) -> None:
    await placed(world, "r5")
    world.me = dataclasses.replace(IDLE, refusal="disk_low")
    with pytest.raises(StartRefused):
        await PoolFront(world.member).start(BACKEND, MANIFEST.token, Start(2, "mira", VIDEO.actor))
    (entry,) = await world.member.ledger.mine()
    assert entry.stop == encode_stop(Stop())


async def test_a_recorder_ends_in_order_without_the_ledger(pool: Pool, world: World) -> None:
    pool.services.remove()
    await world.member.leave()
