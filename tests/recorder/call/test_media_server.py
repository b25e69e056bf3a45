"""A media server that loses what it has offered: the stream is asked for again."""

import asyncio
from pathlib import Path

import pytest

from callrec.recorder.call import subscriptions
from tests.recorder.call.peers_world import MIRA, FarSide, World, offer_to_nowhere
from tests.recorder.capturing import install_seams

SOON_S = 0.05


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    install_seams(monkeypatch)
    monkeypatch.setattr(subscriptions, "SILENT_S", (SOON_S,))
    monkeypatch.setattr(subscriptions, "RETRY_S", (SOON_S,))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return served(World(tmp_path / "recording"))


def served(world: World) -> World:
    world.far = FarSide("mcu")
    world.roster.update([{"sessionId": MIRA, "inCall": 1}])  # she sends nothing but her screen
    return world


@pytest.fixture(scope="module")
def sdp() -> str:
    return asyncio.run(offer_to_nowhere())


async def requests(world: World, count: int) -> list[str]:
    """Let the time go on until the screen was asked for so many times; return the ids."""
    while True:
        found = [i for i in world.far.ids if i and i.startswith("stream-")]
        if len(found) >= count:
            assert len(found) == count
            return found
        await world.peers.tick(0)
        await asyncio.sleep(0.01)


async def no_request(world: World, count: int) -> None:
    """Let the time go on: there are no more requests than *count*."""
    for _ in range(10):
        await requests(world, count)
        await world.peers.tick(0)
        await asyncio.sleep(SOON_S / 5)


async def answered(world: World, sid: str) -> None:
    while f"answer-{sid}" not in world.far.ids:
        world.far.answered.clear()
        await world.far.answered.wait()


def screens(world: World) -> list[str]:
    return [event.type for event in world.events if event.type.startswith("screen")]


async def test_the_server_has_closed_what_it_offered_before_it_is_answered(
    world: World, sdp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "SILENT_S", (60.0,))
    async with world.running():
        (probe,) = await requests(world, 1)
        # The sharer has it offered, too: the second offer replaces the first one.
        world.offer(sdp, sid="1", room_type="screen")
        await answered(world, "1")
        world.offer(sdp, sid="2", room_type="screen")
        assert world.peers.refused("answer-1")
        await answered(world, "2")
        await no_request(world, 1)
        # Then the server closes the second one by mistake, and says so to nobody but who answers it.
        assert world.peers.refused("answer-2")
        assert (await requests(world, 2))[0] == probe
        world.offer(sdp, sid="3", room_type="screen")
        await answered(world, "3")
        await no_request(world, 2)
        assert not world.peers.refused("another")
    assert screens(world) == ["screen_started"]


async def test_a_screen_that_never_begins(world: World, sdp: str) -> None:
    async with world.running():
        await requests(world, 1)
        world.offer(sdp, sid="1", room_type="screen")
        await answered(world, "1")
        _, again = await requests(world, 2)
        # The server has it no more: it is over.
        assert world.peers.refused(again)
        _, _, once_more = await requests(world, 3)
        assert world.peers.refused(once_more)
        await no_request(world, 3)
        assert world.peers._peers == {}
    assert screens(world) == ["screen_started", "screen_stopped"]


async def test_a_screen_that_is_unshared_while_it_is_asked_for_again(world: World, sdp: str) -> None:
    async with world.running():
        await requests(world, 1)
        world.offer(sdp, sid="1", room_type="screen")
        await answered(world, "1")
        _, again = await requests(world, 2)
        world.peers.on_message(MIRA, {"type": "unshareScreen"})
        assert world.peers.refused(again)
        await no_request(world, 2)
        # And shared again: the earlier end does not count against it.
        world.offer(sdp, sid="2", room_type="screen")
        await answered(world, "2")
        await requests(world, 3)
    assert screens(world) == ["screen_started", "screen_stopped", "screen_started"]


async def test_nothing_is_expected_of_a_screen_in_a_recording_of_sound(tmp_path: Path, sdp: str) -> None:
    world = served(World(tmp_path / "recording", video=False))
    without_sound = sdp.replace("a=sendonly", "a=inactive", 1)
    async with world.running():
        await requests(world, 1)
        world.offer(without_sound, sid="1", room_type="screen")
        await answered(world, "1")
        await no_request(world, 1)
