"""Media on its way from the socket: past aiortc's queue and task, and nothing else with it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import is_rtcp

from callrec.recorder.capture import seams
from tests.recorder.capturing import install_seams
from tests.recorder.publisher import ClipTrack, audio_clip
from tests.waiting import until


class Sink:
    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.compounds: list[bytes] = []
        self.fails = False

    def rtp(self, packet: bytes) -> None:
        self.packets.append(packet)
        if self.fails:
            raise RuntimeError("a bug")

    def rtcp(self, compound: bytes) -> None:
        self.compounds.append(compound)


class Line:
    """A publisher of sound, and the connection that captures it."""

    def __init__(self) -> None:
        self.publisher, self.recorder = RTCPeerConnection(), RTCPeerConnection()
        self.sink = Sink()

    async def connect(self) -> None:
        self.publisher.addTrack(ClipTrack("audio", audio_clip(440), 0.02))
        await self.publisher.setLocalDescription(await self.publisher.createOffer())
        await self.recorder.setRemoteDescription(self.publisher.localDescription)
        seams.attach(self.recorder, self.sink, lambda: None)
        await self.recorder.setLocalDescription(await self.recorder.createAnswer())
        await self.publisher.setRemoteDescription(self.recorder.localDescription)
        await self.more()

    @property
    def transport(self) -> seams.CaptureDtlsTransport:
        (receiver,) = seams.receivers(self.recorder)
        assert isinstance(receiver.transport, seams.CaptureDtlsTransport)
        return receiver.transport

    @property
    def protocols(self) -> list[Any]:
        return list(self.transport.transport._connection._protocols)

    async def more(self, count: int = 5) -> None:
        """Wait for packets."""
        goal = len(self.sink.packets) + count
        await until(lambda: len(self.sink.packets) >= goal)


@pytest.fixture
async def line(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    install_seams(monkeypatch)
    line = Line()
    await line.connect()
    yield line
    await line.publisher.close()
    await line.recorder.close()


async def test_media_and_reports_go_past_the_queue(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[bytes] = []
    monkeypatch.setattr(
        line.transport.transport._connection, "data_received", lambda data, component: queued.append(data)
    )
    await line.more(10)
    await until(lambda: line.sink.compounds)
    assert not queued
    assert line.transport.faults == 0
    (receiver,) = seams.receivers(line.recorder)
    (statistics,) = receiver._private("remote_streams").values()
    assert statistics.packets_received == len(line.sink.packets)
    assert receiver._private("lsr")  # aiortc has read the sender report


async def test_media_that_was_queued_during_the_handshake_is_not_overtaken(line: Line) -> None:
    datagrams: list[bytes] = []
    for protocol in line.protocols:
        protocol.media = datagrams.append
    await until(lambda: sum(not is_rtcp(datagram) for datagram in datagrams) >= 2)
    early, late = [datagram for datagram in datagrams if not is_rtcp(datagram)][:2]
    ice = line.transport.transport._connection
    hello = b"\x16\xfe\xfd" + bytes(10)
    ice.data_received(hello, 1)
    ice.data_received(early, 1)
    seen = len(line.sink.packets)
    line.transport._go_direct()
    line.protocols[0].datagram_received(late, ("192.0.2.1", 9))
    assert [packet[:12] for packet in line.sink.packets[seen:]] == [early[:12], late[:12]]
    assert ice._queue.get_nowait() == (hello, 1)  # is for DTLS
    assert ice._queue.empty()


@pytest.mark.parametrize(
    "garbage",
    [
        *(b"", b"\x80", b"\x80\x6f" + bytes(40), b"\x80\xc8" + bytes(40), bytes(40), b"\x17\xfe" + bytes(40)),
        *(b"\x90\x6f" + bytes(60_000), b"\x90\xc8" + bytes(60_000)),
    ],
    ids=["empty", "short", "media", "report", "stun", "dtls", "huge_media", "huge_report"],
)
async def test_garbage_is_passed_over_and_media_goes_on(line: Line, garbage: bytes) -> None:
    for protocol in line.protocols:
        for _ in range(3):
            protocol.datagram_received(garbage, ("192.0.2.1", 9))
    seen = len(line.sink.packets)
    await line.more()
    assert not any(packet in garbage for packet in line.sink.packets[seen:])
    assert line.recorder.connectionState == "connected"


async def test_a_bug_does_not_end_the_reception(line: Line) -> None:
    line.sink.fails = True
    await line.more()
    line.sink.fails = False
    await line.more()
    assert line.transport.faults >= 5


async def test_after_the_end_nothing_is_taken_and_nothing_refers_to_the_transport(line: Line) -> None:
    protocols = line.protocols
    assert all(protocol.media is not None for protocol in protocols)
    await line.publisher.close()
    await until(lambda: line.transport.state == "closed")
    assert all(protocol.media is None for protocol in protocols)


async def test_a_send_that_would_wait_is_told() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="waits to send"):
        seams._at_once(waits())
