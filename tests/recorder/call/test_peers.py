"""Offers from strangers: the good ones are answered, the bad ones do no harm."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from callrec.recorder.call.peers import MAX_EARLY_CANDIDATES, MAX_EARLY_CONNECTIONS
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.reader import TrackReader
from tests.recorder.call.peers_world import MIRA, World, offer_to_nowhere
from tests.recorder.capturing import install_seams
from tests.recorder.folder.samples import MANIFEST
from tests.recorder.publisher import ClipTrack, audio_clip


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    install_seams(monkeypatch)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "recording")


@pytest.fixture(scope="module")
def sdp() -> str:
    return asyncio.run(offer_to_nowhere())


async def test_an_offer_is_answered_with_its_sid_after_its_tracks_are_durable(world: World, sdp: str) -> None:
    async with world.running():
        world.offer(sdp, sid="abc")
        await world.far.answered.wait()
        ((recipient, data),) = world.far.sent
        assert (recipient, data["type"], data["sid"], data["roomType"]) == (MIRA, "answer", "abc", "video")
        assert data["to"] == MIRA and data["payload"]["type"] == "answer"
        assert data["payload"]["sdp"].count("a=recvonly") == 2
        microphone, camera = world.tracks
    assert (microphone.source, microphone.participant) == ("microphone", "users/mira")
    assert (camera.source, camera.session) == ("camera", MIRA)
    assert {p.codec for p in camera.payload_types.values()} >= {"vp8", "rtx"}
    assert all(p.apt in camera.payload_types for p in camera.payload_types.values() if p.codec == "rtx")
    assert len(microphone.ssrcs) == len(camera.ssrcs) == len(camera.rtx_ssrcs) == 1
    assert list(camera.rtx_ssrcs.values()) == camera.ssrcs


async def test_a_screen_is_a_connection_of_its_own(world: World, sdp: str) -> None:
    async with world.running():
        world.offer(sdp)
        world.offer(sdp, room_type="screen")
        world.offer(sdp, room_type="nonsense")
        world.offer(sdp, room_type=["video"])  # type: ignore[arg-type]
    assert sorted(t.source for t in world.tracks) == ["camera", "microphone", "screen", "screen_audio"]
    assert len(world.far.sent) == 2


async def test_an_audio_recording_takes_no_video(tmp_path: Path, sdp: str) -> None:
    world = World(tmp_path / "recording", video=False)
    async with world.running():
        world.offer(sdp)
    assert [t.source for t in world.tracks] == ["microphone"]
    answer = world.far.sent[0][1]["payload"]["sdp"]
    assert "a=inactive" in answer and answer.count("a=recvonly") == 1


def broken_offers(sdp: str) -> list[Any]:
    lines = sdp.split("\r\n")
    return [
        None,
        {"sdp": sdp},
        "",
        "x" * 10_000,
        "v=0\r\n",
        "\ud800",
        sdp.replace("a=fingerprint", "a=nothing"),
        sdp.replace("a=ice-ufrag", "a=nothing"),
        sdp.replace("a=mid:0", "a=mid:\ud800").replace("BUNDLE 0", "BUNDLE \ud800"),
        sdp.replace("a=mid:", "a=nomid:"),
        sdp.replace("a=rtpmap:", "a=rtpmap:x"),
        sdp.replace("apt=", "apt=x"),
        sdp.replace("FID ", "FID x"),
        sdp.replace("a=rtcp-mux", "a=nothing"),
        sdp.replace("VP8", "VP7").replace("H264", "H263").replace("opus", "speex"),
        sdp.replace("m=video", "m=image"),
        sdp.replace("a=setup:actpass", "a=setup:passive").replace("sha-256", "md-5"),
        *("\r\n".join(lines[:end]) for end in range(1, len(lines), 9)),
        *("\r\n".join(lines[:cut] + lines[cut + 1 :]) for cut in range(0, len(lines), 7)),
    ]


async def test_no_broken_offer_does_harm(world: World, sdp: str) -> None:
    async with world.running():
        for number, broken in enumerate(broken_offers(sdp)):
            world.offer(broken, session=f"stranger-{number}")
        world.offer(sdp)
    assert MIRA in [recipient for recipient, _ in world.far.sent]
    assert not world.log.broken.is_set()


async def test_the_last_offer_wins_and_the_ones_before_do_no_harm(world: World, sdp: str) -> None:
    async with world.running():
        for number in range(5):
            world.offer(sdp, sid=str(number))
            for _ in range(number):  # each is overtaken at another point of its way
                await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)
    assert world.far.sent[-1][1]["sid"] == "4"
    assert len([d for _, d in world.far.sent if d["sid"] == "4"]) == 1
    assert list(world.peers._peers) == []


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21, 40])
async def test_a_peer_that_is_closed_while_it_answers_raises_nothing_else(
    world: World, sdp: str, steps: int
) -> None:
    async with world.running():
        world.offer(sdp)
        for _ in range(steps):
            await asyncio.sleep(0)
        world.roster.left_room([MIRA])
        world.peers.drop_absent()


async def test_a_refused_offer_does_not_close_the_newer_one(world: World, sdp: str) -> None:
    async with world.running():
        world.offer("broken", sid="old")
        world.offer(sdp, sid="new")
        await world.far.answered.wait()
        assert [peer.sid for peer in world.peers._peers.values()] == ["new"]


async def test_an_answer_that_cannot_be_sent_does_no_harm(world: World, sdp: str) -> None:
    world.far.lost = True
    async with world.running():
        world.offer(sdp)
    assert not world.peers._peers


async def test_a_disk_that_refuses_the_track_ends_the_recording_only_in_order(world: World, sdp: str) -> None:
    world.paths.track(0).mkdir()
    async with world.running():
        world.offer(sdp)
    assert world.log.broken.is_set()
    assert world.far.sent == []


async def test_candidates_that_are_nonsense_do_no_harm(world: World, sdp: str) -> None:
    nonsense: list[Any] = [
        None, "", [], {}, {"candidate": None}, {"candidate": "candidate:x"}, {"candidate": "candidate:1 2"},
        {"candidate": "candidate:1 1 udp 1 10.0.0.1 99999999 typ host", "sdpMid": []},
        {"candidate": "candidate:1 1 udp 1 name.local 9 typ host", "sdpMid": "7"},
        {"candidate": "candidate:1 1 udp x 10.0.0.1 9 typ host", "sdpMLineIndex": "one"}, {"candidate": 7},
    ]  # fmt: skip
    async with world.running():
        for when in ("early", "late"):
            for candidate in nonsense:
                data = {"type": "candidate", "sid": "1", "roomType": "video"}
                world.peers.on_message(MIRA, {**data, "payload": {"candidate": candidate}})
            if when == "early":
                world.offer(sdp)
                await world.far.answered.wait()
    assert len(world.far.sent) == 1


async def test_candidates_without_an_offer_do_not_pile_up(world: World) -> None:
    async with world.running():
        for number in range(MAX_EARLY_CONNECTIONS * 2):
            payload = {"candidate": {"candidate": "x"}}
            for _ in range(2 if number else MAX_EARLY_CANDIDATES * 2):
                data = {"type": "candidate", "sid": str(number), "roomType": "video", "payload": payload}
                world.peers.on_message(MIRA, data)
                assert max(map(len, world.peers._early.values())) <= MAX_EARLY_CANDIDATES
        assert len(world.peers._early) <= MAX_EARLY_CONNECTIONS


async def test_tracks_are_named_when_the_person_is_known(world: World, sdp: str) -> None:
    async with world.running():
        world.roster.joined_room([{"sessionid": "guest"}])
        world.roster.update([{"sessionId": "guest", "inCall": 7}])
        world.offer(sdp, session="guest")
        await world.far.answered.wait()
        world.roster.update([{"sessionId": "guest", "inCall": 7, "actorType": "guests", "actorId": "g1"}])
        world.peers.drop_absent()
        world.peers.drop_absent()
        assert [t.participant for t in world.tracks] == ["guests/g1"] * 2
    assert len([e for e in world.events if e.type == "track"]) == 2


async def test_an_offer_waits_until_its_session_is_in_the_call(world: World, sdp: str) -> None:
    async with world.running():
        world.roster.joined_room([{"sessionid": "lurker"}])
        world.roster.update([{"sessionId": "lurker", "inCall": 0}])
        world.offer(sdp, session="lurker", sid="old")
        world.offer(sdp, session="lurker", sid="new")
        world.peers.drop_absent()
        for _ in range(20):
            await asyncio.sleep(0)
        assert world.tracks == [] and world.far.sent == []
        world.roster.update([{"sessionId": "lurker", "inCall": 7}])
        world.peers.drop_absent()
        await world.far.answered.wait()
    assert [data["sid"] for _, data in world.far.sent] == ["new"]


async def test_an_offer_with_very_many_sections_is_refused(world: World, sdp: str) -> None:
    async with world.running():
        world.offer(sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 50)
    assert world.tracks == [] and world.far.sent == []


async def test_media_of_a_real_connection_lands_in_its_track(world: World) -> None:
    publisher = RTCPeerConnection()
    microphone = ClipTrack("audio", audio_clip(440)[:50], 0.02)
    publisher.addTrack(microphone)
    channel = publisher.createDataChannel("status")
    await publisher.setLocalDescription(await publisher.createOffer())
    async with world.running():
        world.offer(publisher.localDescription.sdp)
        await world.far.answered.wait()
        answer = world.far.sent[0][1]["payload"]["sdp"]
        await publisher.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await world.log.media_seen.wait()
        while channel.readyState != "open":
            await asyncio.sleep(0.01)
        channel.send("not json")
        channel.send(json.dumps({"type": "audioOff"}))
        while not any(e.type == "muted" for e in world.events):
            await asyncio.sleep(0.01)
        await world.peers.tick(0)
        await publisher.close()
    (track,) = world.tracks
    records = [r for r in TrackReader(world.paths, track).poll() if not r.rtcp]
    (opus,) = [number for number, p in track.payload_types.items() if p.codec == "opus"]
    assert records and all(r.packet[1] & 0x7F == opus for r in records)
    payloads = set(audio_clip(440)[:50])
    assert all(any(r.packet.endswith(p) for p in payloads) for r in records)
    assert records[0].packet[8:12] == track.ssrcs[0].to_bytes(4, "big")
    write_manifest(world.paths.manifest, MANIFEST)
    report = check_folder(world.paths.root)
    assert report.findings == [] and [found.packets for found in report.tracks] == [len(records)]
