"""What people do in a call is noted on the time line, whatever else they send."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from callrec.recorder.call.peer import _read_status
from tests.recorder.call.peers_world import MIRA, World, offer_to_nowhere
from tests.recorder.capturing import install_seams


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    install_seams(monkeypatch)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "recording")


@pytest.fixture(scope="module")
def sdp() -> str:
    return asyncio.run(offer_to_nowhere())


async def test_mute_is_noted_once_however_often_and_in_whatever_way_it_is_said(world: World) -> None:
    def say(kind: str, name: Any) -> None:
        world.peers.on_message(MIRA, {"type": kind, "payload": {"name": name}})

    async with world.running():
        say("mute", "audio")
        say("mute", "audio")
        world.peers._on_status(MIRA, {"type": "audioOff"})
        say("mute", "video")
        world.peers._on_status(MIRA, {"type": "audioOn"})
        say("unmute", "audio")
        for name in (None, 7, ["audio"], "smell"):
            say("mute", name)
        odd: list[Any] = [None, 7, [], "sneezing"]
        for status in odd:
            world.peers._on_status(MIRA, {"type": status})
    noted = [(e.type, e.media) for e in world.events if e.participant == "users/mira"]
    assert noted == [("muted", "audio"), ("muted", "video"), ("unmuted", "audio")]


async def test_hands_speaking_and_names_are_noted_of_who_is_in_the_room(world: World) -> None:
    async with world.running():
        for state in (True, True, False):
            world.peers.on_message(MIRA, {"type": "raiseHand", "payload": {"state": state}})
        world.peers._on_status(MIRA, {"type": "speaking"})
        world.peers._on_status(MIRA, {"type": "stoppedSpeaking"})
        world.peers._on_status("nobody-knows", {"type": "speaking"})
        world.roster.update([{"sessionId": "recorder", "inCall": 1, "internal": True}])
        world.roster.joined_room([{"sessionid": "recorder"}, {"sessionid": "guest"}])
        world.peers._on_status("recorder", {"type": "speaking"})
        world.peers._on_status("guest", {"type": "nickChanged", "payload": "Gast"})
        assert world.roster.sessions["guest"].name == "Gast"
    assert [(e.type, e.participant) for e in world.events if e.participant] == [
        ("hand_raised", "users/mira"),
        ("hand_lowered", "users/mira"),
        ("speaking", "users/mira"),
        ("stopped_speaking", "users/mira"),
    ]


async def test_a_shared_screen_and_its_tracks_are_noted_from_beginning_to_end(world: World, sdp: str) -> None:
    async with world.running():
        for sid in ("1", "2"):  # the second takes the first one's place: the sharing goes on
            world.far.answered.clear()
            world.offer(sdp, room_type="screen", sid=sid)
            await world.far.answered.wait()
        world.peers.on_message(MIRA, {"type": "unshareScreen", "roomType": "screen"})
        world.peers.on_message(MIRA, {"type": "unshareScreen", "roomType": "screen"})
    noted = [e for e in world.events if e.type.startswith(("screen", "track"))]
    assert [e.type for e in noted if e.participant and not e.source] == ["screen_started", "screen_stopped"]
    started = {e.track: (e.participant, e.source) for e in noted if e.type == "track_started"}
    assert set(started) == {0, 1, 2, 3}
    assert set(started.values()) == {("users/mira", "screen"), ("users/mira", "screen_audio")}
    assert {e.track for e in noted if e.type == "track_ended"} == {0, 1, 2, 3}


async def test_who_leaves_has_stopped_sharing_without_a_word(world: World, sdp: str) -> None:
    async with world.running():
        world.offer(sdp, room_type="screen")
        await world.far.answered.wait()
        await asyncio.sleep(0)
        world.roster.left_room([MIRA])
        world.peers.has_left("users/mira")
        world.peers.drop_absent()
    assert [e.type for e in world.events if e.type.startswith("screen")] == ["screen_started"]


async def test_a_flood_of_hands_ends_with_the_last_one(world: World) -> None:
    async with world.running():
        for number in range(1001):
            state = {"state": number % 2 == 0}
            world.peers.on_message(MIRA, {"type": "raiseHand", "payload": state})
        assert len(world.events) < 50


@pytest.mark.parametrize(
    "data",
    [{}, {"type": None}, {"type": ["offer"]}, {"type": "offer", "roomType": "video", "payload": "x"},
     {"type": "nickChanged"}, {"type": "nickChanged", "payload": {"name": ["x"]}},
     {"type": "unshareScreen"}, {"type": "mute", "payload": []}, {"type": "candidate", "roomType": {}}],
)  # fmt: skip
async def test_odd_messages_do_no_harm(world: World, data: dict[str, Any]) -> None:
    async with world.running():
        world.peers.on_message(MIRA, data)


@pytest.mark.parametrize(
    "text", [b"\xff", "", "{", "[]", "7", "null", "[" * 100_000, 7, None, '{"a":' * 9999]
)
def test_a_data_channel_may_carry_what_it_likes(text: Any) -> None:
    taken: list[dict[str, Any]] = []
    _read_status(text, taken.append)
    assert taken == []
    _read_status('{"type":"audioOff"}', taken.append)
    assert taken == [{"type": "audioOff"}]
