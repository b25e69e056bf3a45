"""The log of one track, taken in the order of arrival: what its streams sent, and when that belongs.

What is damaged or missing in it costs itself only, and is logged.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import NamedTuple

import structlog

from callrec.recorder.compose.clock import SenderClock, StreamClock
from callrec.recorder.compose.colour import ColourSpace
from callrec.recorder.compose.depacketise import VIDEO_CODECS, Reorder, Unit
from callrec.recorder.compose.payload import OPUS_DELAY_MS
from callrec.recorder.compose.placement import Placed, Placer
from callrec.recorder.compose.red import unpack_red
from callrec.recorder.folder.reader import TrackReader
from callrec.recorder.folder.rtp import RtpPacket, parse_rtp, sender_reports
from callrec.recorder.folder.rtpdump import Record
from callrec.recorder.folder.track import COLOUR_SPACE_URI, PayloadType, Track

# A stream whose timestamps and arrivals disagree by more than this began anew under its old SSRC.
_RESTART_MS = 10_000
# So far back do no timestamps go of packets that are in their order; encoders may reorder a little.
_BACK_MS = 1000
_OVERTAKEN = 1000  # packets
# Who begins anew all the time would fill the memory.
_RESTARTS, _RESTARTS_WITHIN_MS = 8, 10_000
_CODECS = {"video": {*VIDEO_CODECS}, "audio": {"opus"}}
_REDUNDANT = "red"
_RTX_HEADER_BYTES = 2  # the original sequence number (RFC 4588 §4)

_log = structlog.get_logger()


class Frame(NamedTuple):
    """A whole frame of video; ``at_ms`` on the recording's time line."""

    at_ms: float
    data: bytes
    keyframe: bool
    codec: str
    """In lower case; changes only with a keyframe."""
    colour: ColourSpace | None = None
    """As told beside the picture; None where it was not."""


@dataclass
class Stream:
    """What one SSRC sent, as far as it is known and still needed."""

    clock_rate_hz: int
    reorder: Reorder
    clock: StreamClock
    placer: Placer = field(default_factory=Placer)
    frames: deque[Frame] = field(default_factory=deque)
    sounds: list[Placed] = field(default_factory=list)
    earlier: "Stream | None" = None
    """What was sent under the same SSRC before this began."""
    first_sequence: int = 0
    last: RtpPacket | None = None
    """The packet that arrived last …"""
    last_ms: float = 0
    """… and when."""


class TrackLog:
    """One track: its records are taken as log time goes on."""

    def __init__(self, reader: TrackReader, clock: SenderClock) -> None:
        self.track: Track = reader.track
        self.video = self.track.kind == "video"
        self.first_record_ms: int | None = None
        self.streams: list[Stream] = []
        """In the order of their first packets."""
        self._reader = reader
        self._records: Iterator[Record] = iter(())
        self._held: Record | None = None
        self._clock = clock
        self._by_ssrc: dict[int, Stream] = {}
        self._opened_ms: deque[float] = deque(maxlen=_RESTARTS)
        readable = _CODECS[self.track.kind]
        self._codecs = {
            n: p.codec
            for n, p in self.track.payload_types.items()
            if p.codec in readable and p.clock_rate_hz > 0
        }
        self._colour_id = next(
            (id_ for id_, uri in self.track.extensions.items() if uri == COLOUR_SPACE_URI), None
        )

    def report_damage(self) -> None:
        """Log where segments end torn or are missing, as far as the log was read; capture is closed."""
        self._reader.end()
        for missing in self._reader.missing_segments:
            _log.warning("segments_missing", track=self.track.number, first=missing.start, count=len(missing))
        for path, tail in self._reader.torn_tails:
            _log.warning(
                "torn_tail",
                track=self.track.number,
                segment=path.name,
                position=tail.position,
                size_bytes=tail.size_bytes,
                reason=tail.reason,
            )

    def read(self, until_ms: int) -> None:
        """Take the records that arrived up to *until_ms*."""
        held = self._held or next(self._records, None)
        if held is None:  # read on: the file may have grown
            self._records = self._reader.poll()
            held = next(self._records, None)
        self._held = None
        for record in () if held is None else chain((held,), self._records):
            arrival_ms, rtcp, data = record
            if arrival_ms > until_ms:
                self._held = record
                return
            if self.first_record_ms is None:
                self.first_record_ms = arrival_ms
            if rtcp:
                self._report(arrival_ms, data)
            elif (packet := parse_rtp(data)) is not None:
                self._packet(arrival_ms, packet)

    def release(self, before_ms: float) -> None:
        """Let every stream say what it sent before *before_ms*."""
        for stream in self.streams:
            if not stream.reorder.waits_before(inf):
                continue
            ticks_per_ms = stream.clock_rate_hz / 1000
            for span_end_ms, offset_ms in stream.clock.spans():
                end = min(before_ms - offset_ms, span_end_ms) * ticks_per_ms
                self._place(stream, stream.reorder.release(end), offset_ms)
                if stream.reorder.waits_before(span_end_ms * ticks_per_ms):
                    break  # in their order

    def _place(self, stream: Stream, units: list[Unit], offset_ms: float) -> None:
        ticks_per_ms = stream.clock_rate_hz / 1000
        for unit in units:
            at_ms = unit.timestamp / ticks_per_ms + offset_ms
            if self.video:
                stream.frames.append(Frame(at_ms, unit.data, unit.keyframe, unit.codec, unit.colour))
                continue
            placed = stream.placer.place(
                unit.timestamp, at_ms - OPUS_DELAY_MS, unit.data, follows_loss=unit.follows_loss
            )
            if placed is not None:
                stream.sounds.append(placed)

    def _packet(self, arrival_ms: float, packet: RtpPacket) -> None:
        stream = self._by_ssrc.get(packet.ssrc)
        if (
            stream is not None
            and (last := stream.last) is not None
            and packet.timestamp == last.timestamp
            and packet.payload_type == last.payload_type
        ):
            # The rest of a frame: its first packet has said all there is to say.
            stream.reorder.add_more(packet)
            return
        kind = self.track.payload_types.get(packet.payload_type)
        if kind is None:
            return
        if kind.codec == "rtx":
            self._retransmission(packet, kind)
        elif kind.codec == _REDUNDANT and not self.video:
            self._redundant(arrival_ms, packet)
        elif packet.payload_type in self._codecs:
            if stream is not None and stream.earlier is not None and _was_overtaken(stream, packet):
                stream.earlier.reorder.add(packet)
                return
            if stream is None or self._restarted(stream, arrival_ms, packet):
                stream = self._open(packet, kind, arrival_ms)
                if stream is None:
                    return
            stream_ms = stream.reorder.add(packet) * 1000 / stream.clock_rate_hz
            stream.last, stream.last_ms = packet, arrival_ms
            stream.clock.add_arrival(arrival_ms, stream_ms)

    def _redundant(self, arrival_ms: float, packet: RtpPacket) -> None:
        for number, carried in enumerate(unpack_red(packet)):
            if carried.payload_type not in self._codecs:
                return
            if number == 0:
                self._packet(arrival_ms, carried)
            elif packet.ssrc in self._by_ssrc:
                self._by_ssrc[packet.ssrc].reorder.add(carried, retransmitted=True)

    def _retransmission(self, packet: RtpPacket, kind: PayloadType) -> None:
        # A browser probes the line with retransmissions of nothing.
        if kind.apt is None or len(packet.payload) <= _RTX_HEADER_BYTES:
            return
        ssrc = self.track.rtx_ssrcs.get(packet.ssrc)
        stream = self._by_ssrc.get(ssrc) if ssrc is not None else None
        if stream is None and self.streams:
            stream = self.streams[-1]  # not announced: it repairs what is being sent
        if stream is None or kind.apt not in self._codecs:
            return
        original = int.from_bytes(packet.payload[:_RTX_HEADER_BYTES], "big")
        restored = packet._replace(
            payload_type=kind.apt, sequence=original, payload=packet.payload[_RTX_HEADER_BYTES:]
        )
        stream.reorder.add(restored, retransmitted=True)

    def _report(self, arrival_ms: float, compound: bytes) -> None:
        for report in sender_reports(compound):
            stream = self._by_ssrc.get(report.ssrc)
            if stream is not None:
                ticks = stream.reorder.unwrap_timestamp(report.timestamp)
                stream_ms = ticks * 1000 / stream.clock_rate_hz
                stream.clock.add_report(arrival_ms, stream_ms, report.ntp_ms)

    def _open(self, packet: RtpPacket, kind: PayloadType, arrival_ms: float) -> Stream | None:
        opened_ms = self._opened_ms
        if len(opened_ms) == _RESTARTS and arrival_ms - opened_ms[0] < _RESTARTS_WITHIN_MS:
            return None
        opened_ms.append(arrival_ms)
        reorder = Reorder(self._codecs, colour_id=self._colour_id)
        stream = Stream(kind.clock_rate_hz, reorder, self._clock.open())
        stream.earlier, stream.first_sequence = self._by_ssrc.get(packet.ssrc), packet.sequence
        self._by_ssrc[packet.ssrc] = stream
        self.streams.append(stream)
        return stream

    def _restarted(self, stream: Stream, arrival_ms: float, packet: RtpPacket) -> bool:
        if stream.last is None:
            return False
        went_ms = _ticks_between(stream.last, packet) * 1000 / stream.clock_rate_hz
        if went_ms < -_BACK_MS:
            return 0 < (packet.sequence - stream.last.sequence & 0xFFFF) < 0x8000
        return abs(arrival_ms - stream.last_ms - went_ms) > _RESTART_MS


def _was_overtaken(stream: Stream, packet: RtpPacket) -> bool:
    """Tell whether a packet was sent before *stream* began, under its SSRC."""
    assert stream.earlier is not None, "something was before"
    if stream.last is None or stream.earlier.last is None:
        return False
    behind = 0 < (stream.first_sequence - packet.sequence & 0xFFFF) < _OVERTAKEN
    return behind and (
        abs(_ticks_between(stream.earlier.last, packet)) < abs(_ticks_between(stream.last, packet))
    )


def _ticks_between(one: RtpPacket, other: RtpPacket) -> int:
    ticks = other.timestamp - one.timestamp & 0xFFFFFFFF
    return ticks - (ticks >> 31 << 32)
