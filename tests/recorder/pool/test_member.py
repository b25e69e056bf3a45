"""Who goes on with a recording, as one member sees it: real ledger, real copies, recordings on disk."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from obstore.store import LocalStore

from callrec.errors import PoolAway
from callrec.recorder.folder.manifest import Manifest, State, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.member import PoolMember
from callrec.recorder.pool.mirror import Mirror
from callrec.recorder.pool.pick import Member
from tests.recorder.folder.samples import MANIFEST

from .conftest import Pool

IDLE = Member("a", None, 0, 0, 2, 0.0)


@dataclasses.dataclass
class World:
    """Recorder ``a`` with one recording, and the ledger as ``b`` sees it."""

    member: PoolMember
    recordings: Recordings
    mirror: Mirror
    b: Ledger
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
    made: list[World] = []
    member = PoolMember(
        ledger=Ledger(pool.database_url, "a"),
        mirror=mirror,
        recordings=recordings,
        captures=cast(Any, nobody),
        announcements=cast(Any, nobody),
        orders=cast(Any, nobody),
        measure=lambda: made[0].me,
        backend_of=lambda _url: None,
    )
    b = Ledger(pool.database_url, "b")
    made.append(World(member, recordings, mirror, b))
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
