"""What is missing is asked for while it is missing, and only there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRtpfbPacket, is_rtcp

from callrec.recorder.call import peers as peers_module
from tests.recorder.call.peers_world import MIRA, World
from tests.recorder.capturing import install_seams
from tests.recorder.publisher import PICTURES_PER_S, ClipTrack, video_clip


class FakePeer:
    """Has loss for some rounds; or a bug."""

    def __init__(self, *rounds: bool, fails: bool = False) -> None:
        self.rounds, self.fails, self.asked = list(rounds), fails, 0
        self.closed = asyncio.Event()
        self.track_numbers: list[int] = []

    def repair(self, now_ms: int) -> bool:
        self.asked += 1
        if self.fails:
            raise ZeroDivisionError("a bug")
        return self.rounds.pop(0)

    async def close(self) -> None:
        self.closed.set()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "recording")


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_only_those_with_loss_are_repaired_and_only_as_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers_module, "REPAIR_S", 0.001)
    lossy, broken, well = FakePeer(True, True, False), FakePeer(fails=True), FakePeer()
    async with world.running():
        peers: dict[Any, Any] = world.peers._peers
        peers |= {("a", "video"): lossy, ("b", "video"): broken, ("c", "video"): well}
        for session in "ab" * 3:
            world.peers._has_loss((session, "video"))
        world.peers._has_loss(("gone", "video"))
        await until(lambda: lossy.asked == 3 and broken.closed.is_set())
        assert world.peers._repairing is None
        assert (lossy.asked, broken.asked, well.asked) == (3, 1, 0)
        assert set(peers) == {("a", "video"), ("c", "video")}


async def test_closing_ends_the_repair(world: World) -> None:
    async with world.running():
        world.peers._has_loss((MIRA, "video"))
        await world.peers.close()
        assert world.peers._repairing is not None and world.peers._repairing.cancelled()


@pytest.fixture
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    install_seams(monkeypatch)


class Camera:
    """Sends pictures, loses a packet for good when told, and keeps what it is asked for."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection()
        self.sender = self.peer.addTrack(ClipTrack("video", video_clip(90), 1 / PICTURES_PER_S))
        self.requests: list[list[int]] = []
        self.keyframes = 0
        self.lose_next = False
        self.lost: int | None = None
        transport = self.sender.transport
        send, handle = transport._send_rtp, transport._handle_rtcp_data

        async def lossy(data: bytes) -> None:
            if not is_rtcp(data):
                if self.lose_next and self.lost is None:
                    self.lost = int.from_bytes(data[2:4], "big")
                if data[1] & 0x7F == 98 or int.from_bytes(data[2:4], "big") == self.lost:
                    return
            await send(data)

        async def noting(data: bytes) -> None:
            for packet in RtcpPacket.parse(data):
                if isinstance(packet, RtcpRtpfbPacket):
                    self.requests.append(packet.lost)
                elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == 1:
                    self.keyframes += 1
            await handle(data)

        transport._send_rtp, transport._handle_rtcp_data = lossy, noting  # type: ignore[method-assign]


async def test_a_packet_that_stays_away_is_asked_for_again_and_then_a_keyframe(
    world: World, capturing: None
) -> None:
    camera = Camera()
    async with world.running():
        await camera.peer.setLocalDescription(await camera.peer.createOffer())
        world.offer(camera.peer.localDescription.sdp)
        await world.far.answered.wait()
        answer = world.far.sent[-1][1]["payload"]["sdp"]
        await camera.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: camera.keyframes == 1)  # the stream's first
        await until(lambda: world.peers._repairing is None)
        assert not camera.requests
        camera.lose_next = True
        await until(lambda: camera.keyframes == 2)
        await until(lambda: world.peers._repairing is None)
        await camera.peer.close()
    assert set(map(tuple, camera.requests)) == {(camera.lost,)}
    assert 2 <= len(camera.requests) <= 4
