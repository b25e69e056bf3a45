"""The private places of aiortc as capture uses them: nothing leaves their handlers."""

import random
from typing import Any

import aioice.ice
import aiortc.rtcpeerconnection
import pytest
from aioice.ice import StunProtocol
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
)
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRtpfbPacket

from callrec.recorder.capture import seams
from callrec.recorder.capture.packets import PacketHead
from callrec.recorder.folder.track import COLOUR_SPACE_URI as URI
from tests.recorder.folder.samples import rtp, sender_report

VP8 = RTCRtpCodecParameters("video/VP8", 90_000, payloadType=96)
RTX = RTCRtpCodecParameters("video/rtx", 90_000, payloadType=97, parameters={"apt": 96})
SSRC, RTX_SSRC = 0x11223344, 0x55667788


class Sink:
    def __init__(self) -> None:
        self.rtp_packets: list[bytes] = []
        self.compounds: list[bytes] = []

    def rtp(self, packet: bytes) -> None:
        self.rtp_packets.append(packet)

    def rtcp(self, compound: bytes) -> None:
        self.compounds.append(compound)


class BrokenSink(Sink):
    def rtp(self, packet: bytes) -> None:
        raise RuntimeError("a bug")

    def rtcp(self, compound: bytes) -> None:
        raise RuntimeError("a bug")


@pytest.fixture
def receiver(transport: seams.CaptureDtlsTransport, monkeypatch: pytest.MonkeyPatch) -> seams.CaptureReceiver:
    """A video receiver as after negotiation, whose RTCP is collected in ``sent``."""
    receiver = seams.CaptureReceiver("video", transport)
    receiver._set_rtcp_ssrc(1)
    receiver._private("codecs").update({96: VP8, 97: RTX})
    receiver._private("rtx_ssrc")[RTX_SSRC] = SSRC
    transport._rtp_router.register_receiver(receiver, ssrcs=[SSRC, RTX_SSRC], payload_types=[96, 97])
    return receiver


@pytest.fixture
def sent(receiver: seams.CaptureReceiver, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    packets: list[Any] = []

    async def send(data: bytes) -> None:
        packets.extend(RtcpPacket.parse(data))

    monkeypatch.setattr(receiver.transport, "_send_rtp", send)
    return packets


def take(receiver: seams.CaptureReceiver, packet: bytes) -> None:
    head = PacketHead()
    assert head.read(packet)
    receiver.take(head, packet)


def rtx(sequence: int, payload: bytes) -> bytes:
    return rtp(sequence, payload, payload_type=97, ssrc=RTX_SSRC)


async def test_install_makes_connections_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, codecs in CODECS.items():
        monkeypatch.setitem(CODECS, kind, list(codecs))  # puts the originals back afterwards
    module = aiortc.rtcpeerconnection
    for name in ("RTCDtlsTransport", "RTCRtpReceiver", seams.FIND_CODECS):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(aioice.ice, "StunProtocol", StunProtocol)
    seams.install()
    connection = RTCPeerConnection()
    connection.addTransceiver("video")
    connection.addTransceiver("audio")
    assert len(seams.receivers(connection)) == 2
    sink = Sink()
    seams.attach(connection, sink, lambda: None)
    assert all(
        isinstance(r.transport, seams.CaptureDtlsTransport) and r.transport.sink is sink
        for r in seams.receivers(connection)
    )
    await connection.close()


async def test_the_colour_space_is_agreed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HEADER_EXTENSIONS, "video", list(HEADER_EXTENSIONS["video"]))
    for kind, codecs in CODECS.items():
        monkeypatch.setitem(CODECS, kind, list(codecs))
    module = aiortc.rtcpeerconnection
    for name in ("RTCDtlsTransport", "RTCRtpReceiver", seams.FIND_CODECS):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(aioice.ice, "StunProtocol", StunProtocol)
    seams.install()
    seams.install()
    assert len({e.uri for e in HEADER_EXTENSIONS["video"]}) == len(HEADER_EXTENSIONS["video"])
    ids = {(e.id, e.uri) for extensions in HEADER_EXTENSIONS.values() for e in extensions}
    assert len(ids) == len({id_ for id_, _ in ids})  # audio and video share them
    sender, recorder = RTCPeerConnection(), RTCPeerConnection()
    sender.addTransceiver("video", "sendonly")
    sender.addTransceiver("audio", "sendonly")
    await sender.setLocalDescription(await sender.createOffer())
    (own,) = (e.id for e in HEADER_EXTENSIONS["video"] if e.uri == URI)
    offer = sender.localDescription.sdp.replace(f"a=extmap:{own} {URI}", f"a=extmap:11 {URI}")
    await recorder.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await recorder.setLocalDescription(await recorder.createAnswer())
    assert f"a=extmap:11 {URI}\r\n" in recorder.localDescription.sdp
    found = {media.kind: media.extensions.get(11) for media in seams.negotiated(recorder)}
    assert found == {"video": URI, "audio": None}
    await sender.close()
    await recorder.close()


async def test_the_sink_gets_every_packet_whole_before_aiortc(transport: seams.CaptureDtlsTransport) -> None:
    sink = transport.sink = Sink()
    packets = [rtp(1), b"", b"\x00", rtp(2, payload_type=5)]
    for packet in packets:
        await transport._handle_rtp_data(packet, arrival_time_ms=0)
        await transport._handle_rtcp_data(packet)
    assert sink.rtp_packets == sink.compounds == packets
    assert transport.faults == 0


async def test_an_exception_in_aiortc_does_not_leave_the_handlers(
    transport: seams.CaptureDtlsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(packet: Any) -> Any:
        raise ZeroDivisionError("somewhere in aiortc")

    monkeypatch.setattr(transport._rtp_router, "route_rtp", broken)
    monkeypatch.setattr(transport._rtp_router, "route_rtcp", broken)
    sink = transport.sink = Sink()
    await transport._handle_rtp_data(rtp(1), arrival_time_ms=0)
    await transport._handle_rtcp_data(sender_report())
    assert transport.faults == 2
    assert (sink.rtp_packets, sink.compounds) == ([rtp(1)], [sender_report()])


async def test_an_exception_in_the_sink_does_not_leave_the_handlers(
    transport: seams.CaptureDtlsTransport,
) -> None:
    transport.sink = BrokenSink()
    await transport._handle_rtp_data(rtp(1), arrival_time_ms=0)
    await transport._handle_rtcp_data(sender_report())
    assert transport.faults == 2


async def test_garbage_does_not_leave_the_handlers(
    transport: seams.CaptureDtlsTransport, receiver: seams.CaptureReceiver, sent: list[Any]
) -> None:
    chance = random.Random(1)
    for _ in range(3000):
        packet = bytearray(
            chance.choice([rtp(chance.randrange(65536)), rtx(1, b"\x00\x01x"), sender_report()])
        )
        for _ in range(chance.randrange(4)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        garbage = bytes(packet[: chance.randrange(len(packet) + 1)])
        await transport._handle_rtp_data(garbage, arrival_time_ms=0)
        await transport._handle_rtcp_data(garbage)


@pytest.mark.parametrize("payload", [b"", b"\x00"])
async def test_an_empty_rtx_probe_does_no_harm(
    transport: seams.CaptureDtlsTransport, receiver: seams.CaptureReceiver, payload: bytes
) -> None:
    sink = transport.sink = Sink()
    await transport._handle_rtp_data(rtx(1, payload), arrival_time_ms=0)
    assert transport.faults == 0
    assert receiver.gaps == {}
    assert sink.rtp_packets == [rtx(1, payload)]


async def test_a_gap_is_asked_for_and_a_retransmission_closes_it(
    transport: seams.CaptureDtlsTransport, receiver: seams.CaptureReceiver, sent: list[Any]
) -> None:
    for sequence in (65534, 1):
        await transport._handle_rtp_data(rtp(sequence), arrival_time_ms=0)
    assert [type(p) for p in sent] == [RtcpRtpfbPacket]
    assert (sent[0].media_ssrc, sent[0].ssrc) == (SSRC, 1)
    assert sorted(sent[0].lost) == [0, 65535]
    for lost in (65535, 0):
        await transport._handle_rtp_data(rtx(9, lost.to_bytes(2, "big") + b"again"), arrival_time_ms=0)
    assert receiver.gaps[SSRC].missing == []
    assert transport.faults == 0


async def test_the_tick_repeats_requests_and_asks_for_a_keyframe(
    receiver: seams.CaptureReceiver, sent: list[Any]
) -> None:
    for sequence in (1, 3):
        take(receiver, rtp(sequence))
    begun_ms = receiver.gaps[SSRC]._missing[2][0]
    sent.clear()
    receiver.tick(begun_ms + 50, 12_000)
    assert [(type(p), p.media_ssrc) for p in sent] == [(RtcpRtpfbPacket, SSRC), (RtcpPsfbPacket, SSRC)]
    assert sent[0].lost == [2]


async def test_requests_are_repeated_across_the_wrap_around(
    receiver: seams.CaptureReceiver, sent: list[Any]
) -> None:
    for sequence in (65533, 2):
        take(receiver, rtp(sequence))
    begun_ms = receiver.gaps[SSRC]._missing[0][0]
    receiver.tick(begun_ms + 50, 12_000)
    nacks = [sorted(p.lost) for p in sent if isinstance(p, RtcpRtpfbPacket)]
    assert nacks == [[0, 1, 65534, 65535]] * 2


async def test_the_bitrate_is_told_once_there_is_a_stream(
    receiver: seams.CaptureReceiver, sent: list[Any]
) -> None:
    receiver.send_remb(10_000_000)
    assert sent == []
    take(receiver, rtp(1))
    receiver.send_remb(10_000_000)
    assert sent[0].fci.startswith(b"REMB\x01")
    assert sent[0].fci.endswith(SSRC.to_bytes(4, "big"))


async def test_requests_on_a_closed_transport_do_no_harm(receiver: seams.CaptureReceiver) -> None:
    for sequence in (1, 3):
        take(receiver, rtp(sequence))
    await receiver.transport.stop()
    receiver.tick(10**12, 12_000)
    receiver.send_remb(1)


async def test_audio_is_not_asked_for_again(transport: seams.CaptureDtlsTransport) -> None:
    receiver = seams.CaptureReceiver("audio", transport)
    opus = RTCRtpCodecParameters("audio/opus", 48_000, channels=2, payloadType=111)
    receiver._private("codecs")[111] = opus
    for sequence in (1, 9):
        take(receiver, rtp(sequence, payload_type=111))
    assert receiver.gaps == {}
    assert receiver._private("remote_streams")[SSRC].packets_received == 2


async def test_a_new_offer_adds_codecs_and_streams_to_what_is_received(
    receiver: seams.CaptureReceiver, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "_RTCRtpReceiver__started", True)
    vp9 = RTCRtpCodecParameters("video/VP9", 90_000, payloadType=98)
    repair = RTCRtpCodecParameters("video/rtx", 90_000, payloadType=99, parameters={"apt": 98})
    encoding = RTCRtpDecodingParameters(ssrc=7, payloadType=98, rtx=RTCRtpRtxParameters(ssrc=8))
    await receiver.receive(RTCRtpReceiveParameters(codecs=[vp9, repair], encodings=[encoding]))
    for sequence in (1, 3):
        await receiver.transport._handle_rtp_data(rtp(sequence, payload_type=98, ssrc=7), 0)
        await receiver.transport._handle_rtp_data(rtp(sequence), 0)  # still on its way
    assert [packet.lost for packet in sent if isinstance(packet, RtcpRtpfbPacket)] == [[2], [2]]
    again = rtp(1, (2).to_bytes(2, "big") + b"x", payload_type=99, ssrc=8)
    await receiver.transport._handle_rtp_data(again, 0)
    assert receiver.gaps[7].missing == [] and receiver.gaps[SSRC].missing == [2]
