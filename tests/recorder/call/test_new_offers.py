"""A new offer on the connection that is there: tracks come and go, and what did not change goes on."""

import asyncio
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from callrec.recorder.call import peer as peer_module
from callrec.recorder.capture import seams
from callrec.recorder.folder.reader import TrackReader
from tests.recorder.call.peers_world import World
from tests.recorder.capturing import install_seams
from tests.recorder.publisher import PICTURES_PER_S, ClipTrack, audio_clip, video_clip


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    install_seams(monkeypatch)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "recording")


class Offerer:
    """Somebody's connection to the recorder."""

    def __init__(self, world: World) -> None:
        self.peer = RTCPeerConnection()
        self._world = world

    async def offers(self, *, sid: str = "1") -> str:
        """Offer, take the answer, and return it."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        self._world.far.answered.clear()
        self._world.offer(self.peer.localDescription.sdp, sid=sid)
        await self._world.far.answered.wait()
        answer: str = self._world.far.sent[-1][1]["payload"]["sdp"]
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return answer


def packets(world: World, number: int) -> int:
    (track,) = (track for track in world.tracks if track.number == number)
    return sum(not record.rtcp for record in TrackReader(world.paths, track).poll())


async def arriving(world: World, number: int, more: int = 5) -> None:
    """Wait for packets in a track."""
    running = asyncio.create_task(world.log.run())
    try:
        while not any(track.number == number for track in world.tracks):
            await asyncio.sleep(0.01)
        goal = packets(world, number) + more
        while packets(world, number) < goal:
            await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_camera_that_comes_and_goes_beside_a_microphone_that_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "REPLACED_MS", 0)
    offerer = Offerer(world)
    offerer.peer.addTrack(ClipTrack("audio", audio_clip(440), 0.02))
    async with world.running():
        await offerer.offers()
        await arriving(world, 0)
        (connection,) = world.peers._peers.values()
        camera = offerer.peer.addTrack(ClipTrack("video", video_clip(200), 1 / PICTURES_PER_S))
        await offerer.offers()
        await arriving(world, 1)
        await arriving(world, 0)
        assert connection.track_numbers == [0, 1]
        camera.replaceTrack(None)
        offerer.peer.getTransceivers()[1].direction = "inactive"
        await offerer.offers()
        assert connection.track_numbers == [0]
        await world.peers.tick(0)
        assert [e.track for e in world.events if e.type == "track_ended"] == [1]
        await arriving(world, 0)
        assert list(world.peers._peers.values()) == [connection]
        await offerer.peer.close()
    assert [e.track for e in world.events if e.type == "track_started"] == [0, 1]
    assert [e.track for e in world.events if e.type == "track_ended"] == [1, 0]


async def test_the_same_offer_twice_changes_nothing(world: World) -> None:
    offerer = Offerer(world)
    offerer.peer.addTrack(ClipTrack("audio", audio_clip(440), 0.02))
    async with world.running():
        first = await offerer.offers()
        second = await offerer.offers()
        await arriving(world, 0)
        await offerer.peer.close()
    fingerprints = [line for sdp in (first, second) for line in sdp.splitlines() if "fingerprint" in line]
    assert len(set(fingerprints)) == 3  # three digests of one certificate
    assert [track.number for track in world.tracks] == [0]


async def test_another_codec_gets_another_track_and_a_keyframe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(seams, "want_keyframes", lambda connection: asked.append(len(asked)))
    offerer = Offerer(world)
    camera = offerer.peer.addTransceiver("video", direction="sendonly")
    known = RTCRtpSender.getCapabilities("video").codecs
    camera.setCodecPreferences([codec for codec in known if codec.mimeType in ("video/VP8", "video/rtx")])
    async with world.running():
        await offerer.offers()
        camera.setCodecPreferences(known)
        await offerer.offers()
        await offerer.peer.close()
    before, after = world.tracks
    codecs = [{kind.codec for kind in track.payload_types.values()} for track in (before, after)]
    assert codecs[0] == {"vp8", "rtx"} and codecs[1] > {"vp8", "rtx", "vp9"}
    assert before.mid == after.mid and asked == [0]


async def test_another_sid_is_another_connection(world: World) -> None:
    offerer = Offerer(world)
    offerer.peer.addTransceiver("audio", direction="sendonly")
    async with world.running():
        await offerer.offers()
        (before,) = world.peers._peers.values()
        await offerer.offers(sid="2")
        (after,) = world.peers._peers.values()
        await offerer.peer.close()
    assert before is not after and before.dead
    assert [track.number for track in world.tracks] == [0, 1]


async def test_two_offers_at_once_are_answered_one_after_the_other(world: World) -> None:
    offerer = Offerer(world)
    offerer.peer.addTransceiver("audio", direction="sendonly")
    async with world.running():
        await offerer.offers()
        await offerer.peer.setLocalDescription(await offerer.peer.createOffer())
        sdp = offerer.peer.localDescription.sdp
        for _ in range(3):
            world.offer(sdp)
        while len(world.far.sent) < 4:
            await asyncio.sleep(0.01)
        await offerer.peer.close()
    assert [track.number for track in world.tracks] == [0]
    assert [e.type for e in world.events if e.type.startswith("track")] == ["track_started", "track_ended"]
