"""Reports in order, and never one of an older recording."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.deliver import desk as desk_module
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import RoomKey
from callrec.wire.recording import Actor, Failed, Report, Started, Stopped
from tests.waiting import PATIENCE_S

URL = "https://talk.example"
ROOM: RoomKey = (URL, "k3x9p2aa")
STARTED = Started("k3x9p2aa", 1, Actor("users", "mira"))
STOPPED = Stopped("k3x9p2aa")


class Client:
    """A backend whose answers wait until the test lets them go."""

    def __init__(self) -> None:
        self.begun: list[Report] = []
        self.done: list[Report] = []
        self.cancelled: list[Report] = []
        self.open = asyncio.Event()
        self.open.set()
        self.changed = asyncio.Event()
        self.error: Exception | None = None

    async def report(self, report: Report) -> None:
        self.begun.append(report)
        self.changed.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(report)
            raise
        if self.error is not None:
            raise self.error
        self.done.append(report)


class World:
    def __init__(self) -> None:
        self.client = Client()
        self.newest: dict[RoomKey, str] = {ROOM: "one"}
        lookup: Callable[[RoomKey], str | None] = self.newest.get
        self.desk = ReportDesk({URL: cast(BackendClient, self.client)}, lookup)

    async def hold(self, recording_id: str, report: Report) -> asyncio.Task[bool]:
        """Begin to send *report* and leave it on its way."""
        self.client.open.clear()
        self.client.changed.clear()
        task = asyncio.create_task(self.desk.send(ROOM, recording_id, report))
        await asyncio.wait_for(self.client.changed.wait(), PATIENCE_S)
        return task


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_report_of_the_newest_recording_is_sent(world: World) -> None:
    assert await world.desk.send(ROOM, "one", STARTED) is True
    assert world.client.done == [STARTED]


async def test_a_report_of_an_older_recording_is_dropped(world: World) -> None:
    world.newest[ROOM] = "two"
    assert await world.desk.send(ROOM, "one", STOPPED) is False
    del world.newest[ROOM]
    assert await world.desk.send(ROOM, "one", STOPPED) is False
    assert world.client.begun == []


@pytest.mark.parametrize("error", [BackendAway("away"), BackendRefused("no")])
async def test_errors_reach_the_sender_and_the_next_report_goes_on(world: World, error: Exception) -> None:
    world.client.error = error
    with pytest.raises(type(error)):
        await world.desk.send(ROOM, "one", STARTED)
    world.client.error = None
    assert await world.desk.send(ROOM, "one", STOPPED)


async def test_a_backend_that_is_no_longer_configured_is_waited_for(world: World) -> None:
    room = ("https://gone.example", "k3x9p2aa")
    world.newest[room] = "one"
    with pytest.raises(BackendAway, match=r"gone\.example"):
        await world.desk.send(room, "one", STARTED)


async def test_reports_of_a_room_go_one_at_a_time_in_order(world: World) -> None:
    first = await world.hold("one", STARTED)
    others = [asyncio.create_task(world.desk.send(ROOM, "one", r)) for r in (STOPPED, Failed("k3x9p2aa"))]
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.client.begun == [STARTED]
    world.client.open.set()
    assert await asyncio.gather(first, *others) == [True, True, True]
    assert world.client.done == [STARTED, STOPPED, Failed("k3x9p2aa")]


async def test_rooms_do_not_wait_for_each_other(world: World) -> None:
    await world.hold("one", STARTED)
    other = (URL, "otherroom")
    world.newest[other] = "three"
    second = asyncio.create_task(world.desk.send(other, "three", Failed("otherroom")))
    for _ in range(10):
        await asyncio.sleep(0)
    assert Failed("otherroom") in world.client.begun
    world.client.open.set()
    assert await second


async def test_one_that_waits_its_turn_is_dropped_when_a_newer_recording_comes(world: World) -> None:
    first = await world.hold("one", STARTED)
    second = asyncio.create_task(world.desk.send(ROOM, "one", STOPPED))
    await asyncio.sleep(0)
    world.newest[ROOM] = "two"
    world.client.open.set()
    assert await first is True
    assert await second is False
    assert world.client.begun == [STARTED]


async def test_supersede_without_anything_on_its_way_returns_at_once(world: World) -> None:
    await world.desk.supersede(ROOM, "two")
    await world.desk.send(ROOM, "one", STARTED)
    await world.desk.supersede(ROOM, "two")
    assert not world.desk.is_doubtful(ROOM, "two")


async def test_supersede_waits_for_a_report_on_its_way(world: World) -> None:
    sending = await world.hold("one", STOPPED)
    superseding = asyncio.create_task(world.desk.supersede(ROOM, "two"))
    await asyncio.sleep(0)
    assert not superseding.done()
    world.client.open.set()
    await superseding
    assert await sending is True
    assert world.client.done == [STOPPED]
    assert world.desk.is_doubtful(ROOM, "two")  # the backend may have taken it for a report of the newer one
    await world.desk.supersede(ROOM, "three")
    assert not world.desk.is_doubtful(ROOM, "two")


async def test_a_report_that_is_not_due_any_more_is_dropped(world: World) -> None:
    due = True
    first = await world.hold("one", STOPPED)
    second = asyncio.create_task(world.desk.send(ROOM, "one", STARTED, is_due=lambda: due))
    await asyncio.sleep(0)
    due = False
    world.client.open.set()
    assert await first is True
    assert await second is False
    assert world.client.begun == [STOPPED]


async def test_supersede_waits_for_one_that_fails(world: World) -> None:
    sending = await world.hold("one", STOPPED)
    world.client.error = BackendAway("away")
    superseding = asyncio.create_task(world.desk.supersede(ROOM, "two"))
    await asyncio.sleep(0)
    world.client.open.set()
    await superseding
    with pytest.raises(BackendAway):
        await sending


async def test_supersede_cancels_at_last_and_the_sender_hears_false(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "SUPERSEDE_WAIT_S", 0.01)
    sending = await world.hold("one", STOPPED)
    world.newest[ROOM] = "two"
    await world.desk.supersede(ROOM, "two")
    assert await asyncio.wait_for(sending, PATIENCE_S) is False
    assert world.client.cancelled == [STOPPED]
    world.client.open.set()
    assert await world.desk.send(ROOM, "two", STARTED) is True
    assert world.client.done == [STARTED]


async def test_a_sender_that_is_cancelled_itself_is_cancelled_and_leaves_the_room_free(world: World) -> None:
    sending = await world.hold("one", STOPPED)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.sleep(0)
    assert world.client.cancelled == [STOPPED]
    world.client.open.set()
    assert await world.desk.send(ROOM, "one", STOPPED) is True
