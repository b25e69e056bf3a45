"""The private places of aiortc 1.16 that capture replaces. All of them are here, and nowhere else.

Two class swaps: a DTLS transport that hands every decrypted packet to a sink before aiortc sees it, and a
receiver that keeps the books (receiver reports, gaps) and neither buffers nor decodes. No exception may leave
these handlers: it would end aiortc's receive task while the tracks stay "live". A function, too: which codecs
are agreed on, since aiortc knows fewer than browsers offer, and fewer payload types.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import aiortc.rtcpeerconnection
import aiortc.rtcrtpreceiver
import structlog
from aiortc import RTCPeerConnection
from aiortc.codecs import CODECS, HEADER_EXTENSIONS, is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RtcpPsfbPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)
from aiortc.sdp import SessionDescription

from callrec import clock
from callrec.recorder.capture.codecs import agreed_codecs, own_codecs
from callrec.recorder.capture.gaps import GapTracker
from callrec.recorder.folder.track import COLOUR_SPACE_URI, PayloadType

log = structlog.get_logger()

REQUIRED = {
    RTCDtlsTransport: ("_handle_rtp_data", "_handle_rtcp_data", "_register_rtp_receiver"),
    RTCRtpReceiver: (
        "receive",
        "_handle_rtp_packet",
        "_handle_rtcp_packet",
        "_send_rtcp",
        "_send_rtcp_nack",
        "_send_rtcp_pli",
        "_set_rtcp_ssrc",
    ),
}
"""Methods that must exist; a test names what an upgrade moved."""
PRIVATE_FIELDS = ("codecs", "remote_streams", "rtx_ssrc", "rtcp_ssrc", "lsr", "lsr_time", "started")
"""Name-mangled fields of RTCRtpReceiver that are read."""
FIND_CODECS = "find_common_codecs"
"""The function of aiortc's peer connection that intersects its own codecs with those of a remote side."""

MAX_SSRCS = 8
"""Per receiver. A sender needs two; a report holds at most 31 (RFC 3550 section 6.4.2)."""


class PacketSink(Protocol):
    """Takes decrypted packets. Must not raise."""

    def rtp(self, packet: bytes) -> None:
        """One RTP packet, whole."""

    def rtcp(self, compound: bytes) -> None:
        """One RTCP compound packet, whole."""


class CaptureDtlsTransport(RTCDtlsTransport):
    """Hands every decrypted packet to ``sink`` first."""

    sink: PacketSink | None = None
    faults = 0

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        try:
            if self.sink is not None:
                self.sink.rtp(data)
            await super()._handle_rtp_data(data, arrival_time_ms=arrival_time_ms)
        except Exception:  # see module docstring: counted and logged, never raised
            self._fault("rtp")

    async def _handle_rtcp_data(self, data: bytes) -> None:
        try:
            if self.sink is not None:
                self.sink.rtcp(data)
            await super()._handle_rtcp_data(data)
        except Exception:  # see module docstring
            self._fault("rtcp")

    def _fault(self, what: str) -> None:
        self.faults += 1
        if self.faults & (self.faults - 1) == 0:  # at the 1st, 2nd, 4th, 8th … so that a flood stays readable
            log.warning("capture_packet_handler_failed", what=what, faults=self.faults, exc_info=True)


class CaptureReceiver(RTCRtpReceiver):
    """Feeds receiver reports and follows gaps; the packet itself is already in the log."""

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        super().__init__(kind, transport)
        self._video = kind == "video"
        self._heard: OrderedDict[int, None] = OrderedDict()
        self.gaps: dict[int, GapTracker] = {}

    def _private(self, name: str) -> Any:
        return getattr(self, f"_RTCRtpReceiver__{name}")

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Begin to receive; or, after a new offer, go on with what it says beside what it said before."""
        if not self._private("started"):
            await super().receive(parameters)
            return
        self._private("codecs").update({codec.payloadType: codec for codec in parameters.codecs})
        repairs = {e.rtx.ssrc: e.ssrc for e in parameters.encodings if e.rtx}
        self._private("rtx_ssrc").update(repairs)
        self.transport._register_rtp_receiver(self, parameters)

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        codecs = self._private("codecs")
        codec = codecs.get(packet.payload_type)
        if codec is None:
            return
        self._hear(packet.ssrc)
        streams = self._private("remote_streams")
        statistics = streams.get(packet.ssrc)
        if statistics is None:
            statistics = streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        statistics.add(packet)
        if not self._video:
            return  # browsers offer no retransmission of audio
        if is_rtx(codec):
            apt, ssrc = codec.parameters.get("apt"), self._private("rtx_ssrc").get(packet.ssrc)
            # Browsers probe with empty RTX payloads.
            if len(packet.payload) < 2 or apt not in codecs or ssrc is None:
                return
            packet = unwrap_rtx(packet, payload_type=apt, ssrc=ssrc)
        tracker = self.gaps.get(packet.ssrc)
        if tracker is None:
            tracker = self.gaps[packet.ssrc] = GapTracker()
        lost = tracker.add(packet.sequence_number, clock.monotonic_ns() // 1_000_000)
        if lost:
            await self._ask_again(packet.ssrc, lost)

    def _hear(self, ssrc: int) -> None:
        """Remember an SSRC, and forget the one that was silent longest when there are too many."""
        self._heard[ssrc] = None
        self._heard.move_to_end(ssrc)
        if len(self._heard) > MAX_SSRCS:
            silent, _ = self._heard.popitem(last=False)
            for books in (self.gaps, *map(self._private, ("remote_streams", "lsr", "lsr_time"))):
                books.pop(silent, None)

    async def _ask_again(self, ssrc: int, lost: list[int]) -> None:
        # Ascending also across the wrap-around: aiortc cannot pack 65535 before 0.
        await self._send_rtcp_nack(ssrc, sorted(lost))

    async def tick(self, now_ms: int, keyframe_period_ms: int) -> None:
        """Ask again for what is missing, and for a keyframe where one is due."""
        for ssrc, tracker in list(self.gaps.items()):  # a new SSRC may arrive while a request is sent
            lost = tracker.due(now_ms)
            if lost:
                await self._ask_again(ssrc, lost)
            if tracker.wants_keyframe(now_ms, keyframe_period_ms):
                await self._send_rtcp_pli(ssrc)

    async def send_remb(self, bitrate_bps: int) -> None:
        """Tell the sender that *bitrate_bps* can be received; without it browsers start very low."""
        own = self._private("rtcp_ssrc")
        if own is None or not self.gaps:
            return
        fci = pack_remb_fci(bitrate_bps, list(self.gaps))
        await self._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci))


def install() -> None:
    """Make every RTCPeerConnection of this process capture what it receives instead of decoding it."""
    for cls, names in REQUIRED.items():
        for name in names:
            if not hasattr(cls, name):
                raise RuntimeError(f"aiortc moved {cls.__name__}.{name}: this callrec needs aiortc 1.16")
    module = vars(aiortc.rtcpeerconnection)
    if FIND_CODECS not in module:
        raise RuntimeError(f"aiortc moved {FIND_CODECS}: this callrec needs aiortc 1.16")
    # What composition can read, and its retransmissions. Who offers nothing of it is refused.
    for kind, codecs in own_codecs().items():
        CODECS[kind][:] = codecs
    # Its id in our own offers; who answers takes the other side's.
    extensions = HEADER_EXTENSIONS["video"]
    if COLOUR_SPACE_URI not in {e.uri for e in extensions}:
        free = 1 + max(e.id for kind in HEADER_EXTENSIONS.values() for e in kind)
        extensions.append(RTCRtpHeaderExtensionParameters(id=free, uri=COLOUR_SPACE_URI))
    # RTCPeerConnection looks these names up in its module.
    module["RTCDtlsTransport"] = CaptureDtlsTransport
    module["RTCRtpReceiver"] = CaptureReceiver
    module[FIND_CODECS] = agreed_codecs


def receivers(connection: RTCPeerConnection) -> list[CaptureReceiver]:
    """Return the connection's receivers."""
    return [t.receiver for t in connection.getTransceivers() if isinstance(t.receiver, CaptureReceiver)]


def want_keyframes(connection: RTCPeerConnection) -> None:
    """Ask the senders of all pictures for keyframes with the next tick."""
    for receiver in receivers(connection):
        for tracker in receiver.gaps.values():
            tracker.lose_picture()


@dataclass(frozen=True)
class NegotiatedMedia:
    """One accepted audio or video section: what its packets will look like."""

    mid: str
    kind: str
    payload_types: dict[int, PayloadType]
    extensions: dict[int, str]


def codec_names() -> dict[str, set[str]]:
    """Return the names, in lower case, of the codecs that are captured, per kind of media."""
    return {kind: {codec.name.lower() for codec in CODECS[kind] if not is_rtx(codec)} for kind in CODECS}


def negotiated(connection: RTCPeerConnection) -> list[NegotiatedMedia]:
    """Return what was agreed; the remote description must have been applied."""
    return [_media(t.mid or "", t.kind, t._codecs, t._headerExtensions) for t in connection.getTransceivers()]


def answered(connection: RTCPeerConnection, answer_sdp: str) -> list[NegotiatedMedia]:
    """Return what the answer to the connection's own offer agrees to, before it is applied.

    Raises:
        Exception: of many kinds, for what a stranger's SDP may hold.
    """
    kinds = {t.mid: t.kind for t in connection.getTransceivers()}
    return [
        _media(m.rtp.muxId, m.kind, agreed_codecs(CODECS[m.kind], m.rtp.codecs), m.rtp.headerExtensions)
        for m in SessionDescription.parse(answer_sdp).media
        if m.port and kinds.get(m.rtp.muxId) == m.kind
    ]


def _media(mid: str, kind: str, codecs: Iterable[Any], extensions: Iterable[Any]) -> NegotiatedMedia:
    payload_types: dict[int, PayloadType] = {}
    for codec in codecs:
        if codec.payloadType is None:
            continue
        apt = codec.parameters.get("apt")
        payload_types[codec.payloadType] = PayloadType(
            codec=codec.name.lower(),
            clock_rate_hz=codec.clockRate,
            channels=codec.channels or 1,
            fmtp={k: "" if v is None else str(v) for k, v in codec.parameters.items() if k != "apt"},
            apt=int(apt) if apt is not None else None,
        )
    return NegotiatedMedia(mid, kind, payload_types, {e.id: e.uri for e in extensions})


def attach(connection: RTCPeerConnection, sink: PacketSink) -> None:
    """Send the packets of all transports of *connection* to *sink*; call it before media can arrive."""
    for receiver in receivers(connection):
        transport = receiver.transport
        assert isinstance(transport, CaptureDtlsTransport)
        transport.sink = sink
