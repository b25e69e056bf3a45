"""What the packets of one track amount to, put together as composition does it. Pure."""

from collections import OrderedDict

from callrec.recorder.folder.check.sequences import SequenceCounter
from callrec.recorder.folder.rtp import RtpPacket, Unwrapper, parse_rtp, sender_reports
from callrec.recorder.folder.track import PayloadType, Track

RESTART_MS = 10_000
"""A stream whose timestamps and arrivals disagree by more than this began anew under its old SSRC."""
MAX_SSRCS = 64
"""Streams of a track that are followed at a time, and that are named."""
_RTX_HEADER_BYTES = 2  # the original sequence number (RFC 4588 section 4)


class _Stream:
    def __init__(self, clock_rate_hz: int) -> None:
        self.sequences = SequenceCounter()
        self._ticks_per_ms = max(clock_rate_hz, 1000) / 1000
        self._timestamp = Unwrapper(32)
        self._last: tuple[float, float] | None = None  # arrival and stream time of the newest packet, ms

    def restarted(self, arrival_ms: int, timestamp: int) -> bool:
        if self._last is None:
            return False
        stream_ms = self._timestamp.near(timestamp) / self._ticks_per_ms
        return abs((arrival_ms - self._last[0]) - (stream_ms - self._last[1])) > RESTART_MS

    def add(self, arrival_ms: int, packet: RtpPacket) -> None:
        self.sequences.add(packet.sequence)
        stream_ms = self._timestamp(packet.timestamp) / self._ticks_per_ms
        self._last = max(self._last or (arrival_ms, stream_ms), (arrival_ms, stream_ms))


class PacketCounter:
    """Counts the packets of *track* in the order of their arrival."""

    def __init__(self, track: Track) -> None:
        self.packets = 0
        self.retransmissions = 0
        self.sender_reports = 0
        self.damaged = 0
        self.foreign = 0
        self.codecs: set[str] = set()
        self.ssrcs: list[int] = []
        self.unnamed_ssrcs = 0
        """SSRCs beyond those that are named; one that was forgotten counts again."""
        self._track = track
        self._expected = 0
        self._missing = 0
        self._streams: OrderedDict[int, _Stream] = OrderedDict()

    @property
    def expected(self) -> int:
        """Sequence numbers between the first and the last of each stream."""
        return self._expected + sum(stream.sequences.expected for stream in self._streams.values())

    @property
    def missing(self) -> int:
        """Those of them that came neither at first nor again."""
        return self._missing + sum(stream.sequences.missing for stream in self._streams.values())

    def rtp(self, arrival_ms: int, data: bytes) -> None:
        """Take one RTP packet."""
        packet = parse_rtp(data)
        if packet is None:
            self.damaged += 1
            return
        kind = self._track.payload_types.get(packet.payload_type)
        if kind is None:
            self.foreign += 1
        elif kind.codec == "rtx":
            self._retransmission(packet)
        elif not kind.codec.startswith("flexfec"):  # which has numbers of its own
            self._media(arrival_ms, packet, kind)

    def rtcp(self, compound: bytes) -> None:
        """Take one RTCP compound."""
        ours = (r for r in sender_reports(compound) if r.ssrc in self._streams or r.ssrc in self._track.ssrcs)
        self.sender_reports += sum(1 for _ in ours)

    def _media(self, arrival_ms: int, packet: RtpPacket, kind: PayloadType) -> None:
        self.packets += 1
        self.codecs.add(kind.codec)
        stream = self._streams.get(packet.ssrc)
        if stream is None or stream.restarted(arrival_ms, packet.timestamp):
            stream = self._open(packet.ssrc, kind)
        stream.add(arrival_ms, packet)
        if kind.codec == "red":
            for back in _repeated(packet.payload):
                stream.sequences.repair(packet.sequence - back & 0xFFFF)

    def _retransmission(self, packet: RtpPacket) -> None:
        # A browser probes the line with retransmissions of nothing.
        if len(packet.payload) <= _RTX_HEADER_BYTES:
            return
        self.retransmissions += 1
        ssrc = self._track.rtx_ssrcs.get(packet.ssrc)
        stream = self._streams.get(ssrc) if ssrc is not None else None
        if stream is None and self._streams:
            stream = next(reversed(self._streams.values()))  # not announced: it repairs what is being sent
        if stream is not None:
            stream.sequences.repair(int.from_bytes(packet.payload[:_RTX_HEADER_BYTES], "big"))

    def _open(self, ssrc: int, kind: PayloadType) -> _Stream:
        if ssrc in self._streams:
            self._forget(ssrc)
        elif len(self._streams) == MAX_SSRCS:
            self._forget(next(iter(self._streams)))
        if ssrc not in self.ssrcs:
            if len(self.ssrcs) < MAX_SSRCS:
                self.ssrcs.append(ssrc)
            else:
                self.unnamed_ssrcs += 1
        stream = self._streams[ssrc] = _Stream(kind.clock_rate_hz)
        return stream

    def _forget(self, ssrc: int) -> None:
        sequences = self._streams.pop(ssrc).sequences
        self._expected += sequences.expected
        self._missing += sequences.missing


def _repeated(payload: bytes) -> list[int]:
    """Return how many packets ago those were sent that a RED payload repeats (RFC 2198 section 3)."""
    lengths = []
    position = 0
    while position < len(payload) and payload[position] & 0x80:
        lengths.append(int.from_bytes(payload[position + 2 : position + 4], "big") & 0x3FF)
        position += 4
    if position + 1 + sum(lengths) >= len(payload):
        return []
    return [len(lengths) - index for index, length in enumerate(lengths) if length]
