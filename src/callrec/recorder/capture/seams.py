"""The private places of aiortc 1.16 and aioice that capture replaces. All of them are here, and nowhere else.

Three class swaps: a socket protocol that hands media straight to the DTLS transport, without a queue and a
task in between; a DTLS transport that decrypts it and hands it to a sink before anything else; and a receiver
that keeps the books (receiver reports, gaps) and neither buffers nor decodes. No exception may leave these
handlers: it would end aiortc's receive task while the tracks stay "live". A function, too: which codecs are
agreed on, since aiortc knows fewer than browsers offer, and fewer payload types.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

import aioice.ice
import aiortc.rtcpeerconnection
import aiortc.rtcrtpreceiver
import pylibsrtp
import structlog
from aioice.ice import StunProtocol
from aiortc import RTCPeerConnection
from aiortc.codecs import CODECS, HEADER_EXTENSIONS, is_rtx
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, State
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RtcpPsfbPacket,
    pack_remb_fci,
)
from aiortc.sdp import SessionDescription

from callrec import clock
from callrec.recorder.capture.codecs import agreed_codecs, own_codecs
from callrec.recorder.capture.gaps import GapTracker
from callrec.recorder.capture.negotiated import NegotiatedMedia, agreed_media
from callrec.recorder.capture.packets import PacketHead, PacketSink
from callrec.recorder.folder.rtp import parse_rtp
from callrec.recorder.folder.track import COLOUR_SPACE_URI

log = structlog.get_logger()

REQUIRED = {
    StunProtocol: ("datagram_received",),
    RTCDtlsTransport: ("_handle_rtp_data", "_handle_rtcp_data", "_register_rtp_receiver", "_set_state"),
    RTCRtpReceiver: (
        "receive",
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

RTCP_TYPES = range(192, 209)
"""What the second byte of RTCP says, and of RTP never does (RFC 5761 section 4)."""
MAX_SSRCS = 8
"""Per receiver. A sender needs two; a report holds at most 31 (RFC 3550 section 6.4.2)."""


class CaptureProtocol(StunProtocol):
    """Knows media by its first byte (RFC 7983 section 7), not by a STUN parser that fails."""

    media: Callable[[bytes], None] | None = None
    """Takes it; None: it is queued for aiortc like all else."""

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        if isinstance(data, str) or not data:
            return  # nobody sends these, but an empty one would end aiortc's reception
        if self.media is not None and _is_media(data):
            self.media(data)
        else:
            super().datagram_received(data, addr)


class CaptureDtlsTransport(RTCDtlsTransport):
    """Hands every decrypted packet to ``sink`` first."""

    sink: PacketSink | None = None
    faults = 0

    def __init__(self, transport: RTCIceTransport, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self._head = PacketHead()

    def _set_state(self, state: State) -> None:
        super()._set_state(state)
        if state is State.CONNECTED:
            # Not before the receivers are told of it, which happens without a pause after this.
            asyncio.get_running_loop().call_soon(self._go_direct)
        else:
            self._hand_media_to(None)

    def _go_direct(self) -> None:
        if self._state is not State.CONNECTED:
            return
        queue = self.transport._connection._queue
        for _ in range(queue.qsize()):  # came during the handshake; what comes now would overtake it
            queued = queue.get_nowait()
            if queued is not None and _is_media(queued[0]):
                self._media(queued[0])
            else:
                queue.put_nowait(queued)
        self._hand_media_to(self._media)

    def _hand_media_to(self, media: Callable[[bytes], None] | None) -> None:
        for protocol in self.transport._connection._protocols:
            if isinstance(protocol, CaptureProtocol):
                protocol.media = media

    def _media(self, datagram: bytes) -> None:
        """Take SRTP or SRTCP from the socket."""
        try:
            if len(datagram) > 1 and datagram[1] in RTCP_TYPES:
                _at_once(self._handle_rtcp_data(self._rx_srtp.unprotect_rtcp(datagram)))
            else:
                self._take(self._rx_srtp.unprotect(datagram))
        except pylibsrtp.Error:
            return  # forged, or come twice
        except Exception:  # see module docstring: counted and logged, never raised
            self._fault("srtp")

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self._take(data)

    def _take(self, packet: bytes) -> None:
        try:
            if self.sink is not None:
                self.sink.rtp(packet)
            head = self._head
            if not head.read(packet):
                return
            receiver = self._rtp_router.route_rtp(head)
            if receiver is not None:
                assert isinstance(receiver, CaptureReceiver)
                receiver.take(head, packet)
        except Exception:  # as above
            self._fault("rtp")

    async def _handle_rtcp_data(self, data: bytes) -> None:
        try:
            if self.sink is not None:
                self.sink.rtcp(data)
            await super()._handle_rtcp_data(data)
        except Exception:  # as above
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
        self._last_ssrc: int | None = None
        self._repairs: dict[int, bool] = {}
        """Whether a payload type is one of retransmissions; of those that were met."""
        self._agreed, self._streams = self._private("codecs"), self._private("remote_streams")
        self.gaps: dict[int, GapTracker] = {}
        self.stir: Callable[[], None] = _nobody
        """Called when there is something to ask for that ``tick`` has to see to."""

    def _private(self, name: str) -> Any:
        return getattr(self, f"_RTCRtpReceiver__{name}")

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Begin to receive; or, after a new offer, go on with what it says beside what it said before."""
        if not self._private("started"):
            await super().receive(parameters)
            return
        self._agreed.update({codec.payloadType: codec for codec in parameters.codecs})
        self._repairs.clear()
        self._private("rtx_ssrc").update({e.rtx.ssrc: e.ssrc for e in parameters.encodings if e.rtx})
        self.transport._register_rtp_receiver(self, parameters)

    def take(self, head: PacketHead, packet: bytes) -> None:
        """Note one packet that came."""
        payload_type, ssrc = head.payload_type, head.ssrc
        repairs = self._repairs.get(payload_type)
        if repairs is None:
            if payload_type not in self._agreed:
                return
            repairs = self._repairs[payload_type] = is_rtx(self._agreed[payload_type])
        if ssrc != self._last_ssrc:
            self._hear(ssrc)
        statistics = self._streams.get(ssrc)
        if statistics is None:
            statistics = self._streams[ssrc] = StreamStatistics(self._agreed[payload_type].clockRate)
        statistics.add(head)
        if not self._video:
            return  # browsers offer no retransmission of audio
        sequence = head.sequence_number
        if repairs:
            repaired, again = self._private("rtx_ssrc").get(ssrc), parse_rtp(packet)
            # Browsers probe with empty RTX payloads.
            if repaired is None or again is None or len(again.payload) < 2:
                return
            ssrc, sequence = repaired, int.from_bytes(again.payload[:2], "big")
        tracker = self.gaps.get(ssrc)
        if tracker is None:
            tracker = self.gaps[ssrc] = GapTracker()
        if not tracker.follows(sequence):
            lost = tracker.add(sequence, clock.monotonic_ns() // 1_000_000)
            if lost:
                self._ask_for(ssrc, lost)
            if tracker.restless:
                self.stir()

    def _hear(self, ssrc: int) -> None:
        """Remember an SSRC, and forget the one that was silent longest when there are too many."""
        self._last_ssrc = ssrc
        self._heard[ssrc] = None
        self._heard.move_to_end(ssrc)
        if len(self._heard) > MAX_SSRCS:
            silent, _ = self._heard.popitem(last=False)
            for books in (self.gaps, *map(self._private, ("remote_streams", "lsr", "lsr_time"))):
                books.pop(silent, None)

    def _ask_for(self, ssrc: int, lost: list[int]) -> None:
        # Ascending also across the wrap-around: aiortc cannot pack 65535 before 0.
        _at_once(self._send_rtcp_nack(ssrc, sorted(lost)))

    def tick(self, now_ms: int, keyframe_period_ms: int) -> None:
        """Ask again for what is missing, and for a keyframe where one is due."""
        for ssrc, tracker in self.gaps.items():
            lost = tracker.due(now_ms)
            if lost:
                self._ask_for(ssrc, lost)
            if tracker.wants_keyframe(now_ms, keyframe_period_ms):
                _at_once(self._send_rtcp_pli(ssrc))

    @property
    def restless(self) -> bool:
        """Something is missing: ``tick`` is needed soon."""
        return any(tracker.restless for tracker in self.gaps.values())

    def send_remb(self, bitrate_bps: int) -> None:
        """Tell the sender that *bitrate_bps* can be received; without it browsers start very low."""
        own = self._private("rtcp_ssrc")
        if own is None or not self.gaps:
            return
        fci = pack_remb_fci(bitrate_bps, list(self.gaps))
        _at_once(self._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci)))


def _is_media(datagram: bytes) -> bool:
    return len(datagram) > 0 and 127 < datagram[0] < 192


def _nobody() -> None:
    """Stand in for who is told, until ``attach``."""


def _at_once(sending: Coroutine[Any, Any, None]) -> None:
    """Send now: aiortc's handlers are coroutines in name only, since the socket never makes them wait."""
    try:
        sending.send(None)
    except StopIteration:
        return
    sending.close()
    raise RuntimeError("aioice waits to send: this callrec needs aiortc 1.16")


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
    vars(aioice.ice)["StunProtocol"] = CaptureProtocol
    module[FIND_CODECS] = agreed_codecs


def receivers(connection: RTCPeerConnection) -> list[CaptureReceiver]:
    """Return the connection's receivers."""
    return [t.receiver for t in connection.getTransceivers() if isinstance(t.receiver, CaptureReceiver)]


def want_keyframes(connection: RTCPeerConnection) -> None:
    """Ask the senders of all pictures for keyframes with the next tick."""
    for receiver in receivers(connection):
        for tracker in receiver.gaps.values():
            tracker.lose_picture()
        receiver.stir()


def codec_names() -> dict[str, set[str]]:
    """Return the names, in lower case, of the codecs that are captured, per kind of media."""
    return {kind: {codec.name.lower() for codec in CODECS[kind] if not is_rtx(codec)} for kind in CODECS}


def negotiated(connection: RTCPeerConnection) -> list[NegotiatedMedia]:
    """Return what was agreed; the remote description must have been applied."""
    return [
        agreed_media(t.mid or "", t.kind, t._codecs, t._headerExtensions)
        for t in connection.getTransceivers()
    ]


def answered(connection: RTCPeerConnection, answer_sdp: str) -> list[NegotiatedMedia]:
    """Return what the answer to the connection's own offer agrees to, before it is applied.

    Raises:
        Exception: of many kinds, for what a stranger's SDP may hold.
    """
    kinds = {t.mid: t.kind for t in connection.getTransceivers()}
    return [
        agreed_media(m.rtp.muxId, m.kind, agreed_codecs(CODECS[m.kind], m.rtp.codecs), m.rtp.headerExtensions)
        for m in SessionDescription.parse(answer_sdp).media
        if m.port and kinds.get(m.rtp.muxId) == m.kind
    ]


def attach(connection: RTCPeerConnection, sink: PacketSink, stir: Callable[[], None]) -> None:
    """Send the packets of all transports of *connection* to *sink*; call it before media can arrive.

    *stir* is called when a receiver needs its ``tick``, and not again and again while it does.
    """
    for receiver in receivers(connection):
        transport = receiver.transport
        assert isinstance(transport, CaptureDtlsTransport)
        transport.sink = sink
        receiver.stir = stir
