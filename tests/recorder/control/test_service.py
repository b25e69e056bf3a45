"""What start and stop requests do, with real folders and a far side that only notes."""

import asyncio
import contextlib
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from pydantic import SecretStr

from callrec.errors import StartRefused
from callrec.recorder.control.service import Service
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import ActorName, Manifest, read_manifest
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.orders import Orders
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Start, Stop

BACKEND = BackendSettings(url="https://talk.example", secret=SecretStr("secret"))
OTHER = BackendSettings(url="https://cloud.example", secret=SecretStr("secret"))
TOKEN = "k3x9p2aa"
OLE = Actor("users", "ole")
VIDEO = Start(1, "mira", OLE)


class Parts:
    """Captures, desk and lifecycle in one: each call is a line, with what was durable at that moment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[tuple[str, str]] = []
        self.announcing: Exception | None = None

    def durable(self, recording_id: str) -> Manifest:
        return read_manifest(self.root / recording_id / "manifest.json")

    def stop(self, recording_id: str, cause: str = "stopped") -> None:
        assert self.durable(recording_id).stop_requested_at is not None
        self.said.append(("stop", recording_id))

    async def report_end(self, recording_id: str) -> None:
        self.said.append(("report", recording_id))

    async def repeat(self, recording_id: str) -> None:
        self.said.append(("announce", recording_id))
        if self.announcing is not None:
            raise self.announcing

    def is_ending(self, recording_id: str) -> bool:
        return ("stop", recording_id) in self.said

    async def supersede(self, room: tuple[str, str], newer: str) -> None:
        assert self.durable(newer).recording_id == newer
        self.said.append(("supersede", "/".join(room)))

    async def begin(self, recording_id: str) -> None:
        assert self.durable(recording_id).recording_id == recording_id
        self.said.append(("begin", recording_id))


class World:
    def __init__(self, root: Path) -> None:
        self.recordings = Recordings(root)
        self.parts = Parts(root)
        self.reason: str | None = None
        part: Any = self.parts
        self.service = Service(
            recordings=self.recordings,
            captures=cast(Captures, part),
            announcements=cast(Announcements, part),
            stages=cast(Stages, part),
            orders=Orders(self.recordings, cast(Captures, part), cast(ReportDesk, part)),
            lifecycle=cast(Lifecycle, part),
            refusal=lambda _backend: self.reason,
        )

    @property
    def latest(self) -> Manifest:
        manifest = self.recordings.latest(BACKEND.url, TOKEN)
        assert manifest is not None
        return manifest


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "recordings")


async def test_a_start_is_durable_before_older_reports_are_dropped_and_its_life_begins(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert world.parts.said == [
        ("supersede", f"{BACKEND.url}/{TOKEN}"),
        ("begin", world.latest.recording_id),
    ]
    assert (world.latest.owner, world.latest.actor) == ("mira", ActorName("users", "ole"))


async def test_the_same_start_again_only_announces(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    world.parts.said.clear()
    await world.service.start(BACKEND, TOKEN, Start(1, "mira", Actor("users", "somebody-else")))
    await asyncio.gather(*world.service._tasks)
    assert [what for what, _ in world.parts.said] == ["announce"]
    assert len(world.recordings.ids()) == 1


@pytest.mark.parametrize("other", [Start(2, "mira", OLE), Start(1, "ole", OLE)], ids=["kind", "owner"])
async def test_another_kind_or_owner_replaces_the_running_recording(world: World, other: Start) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    first = world.latest.recording_id
    world.parts.said.clear()
    await world.service.start(BACKEND, TOKEN, other)
    assert [what for what, _ in world.parts.said] == ["stop", "supersede", "begin"]
    assert world.parts.said[0] == ("stop", first)
    assert world.latest.recording_id != first
    stopped = world.parts.durable(first)
    assert stopped.stop_requested_at is not None and stopped.stop_actor is None


async def test_a_start_after_a_stop_is_a_new_recording(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert await world.service.stop(BACKEND, TOKEN, Stop(OLE))
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert len(world.recordings.ids()) == 2
    assert world.latest.stop_requested_at is None


async def test_a_stop_is_durable_with_its_moment_and_actor_before_capture_is_told(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert await world.service.stop(BACKEND, TOKEN, Stop(OLE))
    stopped = world.parts.durable(world.latest.recording_id)
    assert stopped == world.latest
    assert stopped.stop_actor == ActorName("users", "ole")
    assert stopped.stop_ms is not None and 0 <= stopped.stop_ms < 5000
    assert world.parts.said[-1] == ("stop", stopped.recording_id)


async def test_the_first_stop_counts(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert await world.service.stop(BACKEND, TOKEN, Stop(OLE))
    first = world.latest
    assert await world.service.stop(BACKEND, TOKEN, Stop(Actor("users", "late")))
    assert world.latest == first


async def test_a_stop_of_what_has_ended_by_itself_is_known(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    closed = world.recordings.update(world.latest.recording_id, closed_at=1.0, outcome="captured")
    assert await world.service.stop(BACKEND, TOKEN, Stop(OLE))
    assert world.latest == closed


async def test_rooms_and_backends_are_apart(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert not await world.service.stop(BACKEND, "otherroom", Stop())
    assert not await world.service.stop(OTHER, TOKEN, Stop())
    assert world.latest.stop_requested_at is None


async def test_a_start_that_cannot_be_written_begins_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            await world.service.start(BACKEND, TOKEN, VIDEO)
    assert world.parts.said == [] and world.recordings.ids() == []
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert world.parts.said[-1] == ("begin", world.latest.recording_id)


async def test_an_announcement_that_fails_does_no_harm(world: World) -> None:
    world.parts.announcing = RuntimeError("a bug")
    await world.service.start(BACKEND, TOKEN, VIDEO)
    await world.service.start(BACKEND, TOKEN, VIDEO)
    await asyncio.gather(*world.service._tasks)
    assert world.parts.said[-1][0] == "announce"
    await world.service.close()


async def test_without_room_nothing_is_begun(world: World) -> None:
    world.reason = "disk_low"
    with pytest.raises(StartRefused, match="disk_low"):
        await world.service.start(BACKEND, TOKEN, VIDEO)
    assert world.parts.said == [] and world.recordings.ids() == []
    assert not await world.service.stop(BACKEND, TOKEN, Stop())


async def test_the_same_start_again_needs_no_room(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    world.reason = "too_many_recordings"
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert len(world.recordings.ids()) == 1


async def test_another_kind_that_is_refused_still_ends_the_running_one(world: World) -> None:
    # The room waits for another recording: it does not show that it is recorded.
    await world.service.start(BACKEND, TOKEN, VIDEO)
    world.reason = "overloaded"
    with pytest.raises(StartRefused):
        await world.service.start(BACKEND, TOKEN, Start(2, "mira", OLE))
    assert world.parts.said[-1] == ("stop", world.latest.recording_id)


async def test_a_start_while_a_limit_ends_the_running_one_is_a_new_recording(world: World) -> None:
    await world.service.start(BACKEND, TOKEN, VIDEO)
    ending = world.recordings.update(world.latest.recording_id, cause="max_duration")
    await world.service.start(BACKEND, TOKEN, VIDEO)
    assert world.latest.recording_id != ending.recording_id


async def test_after_any_of_1000_random_steps_at_most_one_recording_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starts, stops, ends, limits, refusals and removals of one room, in any order."""
    monkeypatch.setattr("os.fsync", lambda _: None)  # power does not fail here, and disks are slow
    random = Random(20261126)
    for _ in range(1000):
        world.reason = random.choice([None, None, None, "disk_low"])
        what = random.randrange(6)
        if what <= 1:
            with contextlib.suppress(StartRefused):
                await world.service.start(BACKEND, TOKEN, random.choice([VIDEO, Start(2, "mira", OLE)]))
        elif what == 2:
            await world.service.stop(BACKEND, TOKEN, Stop(random.choice([None, OLE])))
        elif world.recordings.ids():
            chosen = random.choice(world.recordings.ids())
            manifest = world.recordings.get(chosen)
            assert manifest is not None
            if what == 3 and manifest.outcome is None:
                world.recordings.update(
                    chosen, closed_at=1.0, outcome=random.choice(["captured", "failed"]), cause="stopped"
                )
            elif what == 4 and manifest.outcome is None and manifest.cause is None:
                world.recordings.update(chosen, cause="max_size")
                world.parts.said.append(("stop", chosen))
            elif what == 5:
                for ended in [m for m in world.recordings.all() if m.outcome is not None]:
                    world.recordings.remove(ended.recording_id)
        await asyncio.gather(*world.service._tasks)
        begun = {recording_id for what_, recording_id in world.parts.said if what_ == "begin"}
        told = {recording_id for what_, recording_id in world.parts.said if what_ == "stop"}
        running = [m for m in world.recordings.all() if m.outcome is None and m.recording_id not in told]
        assert len(running) <= 1
        assert {m.recording_id for m in world.recordings.all()} <= begun, "a folder without an owner"
        assert {f.name for f in world.parts.root.iterdir()} == set(world.recordings.ids())
    await world.service.close()
