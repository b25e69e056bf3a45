"""Synthetic recording folders with known truth: who sent what when, and how the network treated it.
What is to be seen and heard says the module ``clips``.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from callrec.clock import boot_id, monotonic_ns
from callrec.recorder.folder.manifest import ActorName, Anchor, Manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.rtpdump import SegmentWriter
from callrec.recorder.folder.timeline import Event, TimelineWriter
from callrec.recorder.folder.track import COLOUR_SPACE_URI as URI
from callrec.recorder.folder.track import PayloadType, Source, Track, create_track
from tests.recorder.clips import FPS, KEYFRAME_EVERY, encoded_clip, encoded_sound
from tests.recorder.packetise import packetise

DELAY_MS = 20
"""Every packet takes at least this long."""

_SEGMENT_MS = 30_000
_AUDIO_PT, _RED_PT = 111, 63
_VIDEO_PT = {"vp8": 96, "vp9": 98, "h264": 102, "av1": 45}
"""The next one each is its RTX."""
_COLOUR_ID = 8

Lost = Callable[[int], bool]
"""Says of the n-th packet of a stream whether the network drops it."""


def nothing_lost(_: int) -> bool:
    """A network without loss."""
    return False


def every(n: int) -> Lost:
    """A network that drops one in *n* packets."""
    return lambda index: index % n == n - 1


@dataclass(frozen=True)
class Person:
    """A participant and what is special about the stream."""

    key: str
    name: str
    colour: tuple[int, int]
    """U and V of the picture."""
    tone_hz: int
    joins_ms: int = 0
    connects_ms: int = 0
    """So long after joining everything begins to be sent."""
    leaves_ms: int | None = None
    camera: bool = True
    size_px: tuple[int, int] = (320, 240)
    ntp_shift_s: float = 0
    skew_ppm: float = 0
    """The sender's clock runs so much too fast."""
    first_sequence: int = 1000
    first_timestamp: int = 5_000_000
    restarts_ms: int | None = None
    """From then on all streams have new numbers …"""
    keeps_ssrc: bool = False
    """… under the old SSRCs or under new ones."""
    codec: str = "vp8"
    changes_codec: tuple[int, str] | None = None
    """From that many ms after the first picture on it is another; at a keyframe of both."""
    redundant_sound: bool = False
    colour_space: bytes | None = None
    """What keyframes say in the header extension of that name; the picture's numbers are the same."""

    @property
    def sends_ms(self) -> int:
        """When the first packet is sent."""
        return self.joins_ms + self.connects_ms

    @property
    def codecs(self) -> list[str]:
        """What the camera sends, in order."""
        return [self.codec, *([self.changes_codec[1]] if self.changes_codec else [])]

    def stream_base(self, at_ms: float) -> tuple[int, int, int]:
        """Return what to add to SSRC, sequence numbers and timestamps of what is sent at *at_ms*."""
        if self.restarts_ms is None or at_ms < self.restarts_ms:
            return 0, self.first_sequence, self.first_timestamp
        return 0 if self.keeps_ssrc else 5, self.first_sequence + 30_000, self.first_timestamp + 3_000_000_000


ANNA = Person("users/anna", "Anna Åström", (90, 200), 330, ntp_shift_s=-7200)
BEN = Person("users/ben", "Ben", (200, 90), 500, ntp_shift_s=3 * 3600)
CEM = Person("guests/cem", "Çem Yılmaz", (60, 70), 700, ntp_shift_s=40)
DORA = Person("guests/dora", "Dóra", (180, 180), 900, ntp_shift_s=-86400)


@dataclass(frozen=True)
class Network:
    """What happens to packets on their way."""

    lost: Lost = nothing_lost
    retransmitted_after_ms: int | None = 150
    """Lost video comes again so much later; None: never."""
    reorder_every: int = 0
    """Each so many-th packet is overtaken by what follows within 30 ms."""
    picture_delay_ms: int = 0
    """Pictures take so much longer than sound: only sender reports tell."""


@dataclass
class SyntheticRecording:
    """A recording folder that can be written as time goes on."""

    root: Path
    people: list[Person]
    duration_ms: int
    started_ms: int = 500
    stop_ms: int | None = None
    video: bool = True
    network: Network = field(default_factory=Network)
    events: list[Event] = field(default_factory=list)
    """Events of the timeline beside joining and leaving."""

    def __post_init__(self) -> None:
        self.paths = FolderPaths(self.root)
        self.paths.create()
        self._writers: dict[int, tuple[int, SegmentWriter]] = {}
        self._records: list[tuple[int, int, bool, bytes]] = []
        number = 0
        for person in self.people:
            sources: list[Source] = ["microphone", "camera"] if person.camera else ["microphone"]
            for source in sources:
                self._add_track(number, person, source)
                number += 1
        self._records.sort(key=lambda record: record[0])
        people_events = [
            event
            for p in self.people
            for event in (
                Event(p.joins_ms, "joined", participant=p.key, name=p.name),
                *([Event(p.leaves_ms, "left", participant=p.key)] if p.leaves_ms is not None else []),
            )
        ]
        self._events = sorted([*people_events, *self.events], key=lambda event: event.ms)
        self.manifest = Manifest(
            recording_id="r1",
            backend="https://talk.example",
            token="abcd1234",
            video=self.video,
            owner="anna",
            actor=ActorName("users", "anna"),
            file_name="Recording.mp4" if self.video else "Recording.ogg",
            anchor=Anchor(1_700_000_000.0, monotonic_ns() - self.duration_ms * 1_000_000, boot_id()),
            started_ms=self.started_ms,
        )
        write_manifest(self.paths.manifest, self.manifest)

    def write(self, until_ms: float = math.inf) -> None:
        """Write everything that happens until then and was not written yet."""
        timeline = TimelineWriter(self.paths.timeline)
        while self._events and self._events[0].ms <= until_ms:
            timeline.write(self._events.pop(0))
        timeline.close()
        taken = 0
        for arrival_ms, number, rtcp, packet in self._records:
            if arrival_ms > until_ms:
                break
            self._segment(number, arrival_ms // _SEGMENT_MS).add(arrival_ms, packet, rtcp=rtcp)
            taken += 1
        del self._records[:taken]
        for _, writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """End the capture."""
        for _, writer in self._writers.values():
            writer.close()
        stop_ms = self.duration_ms if self.stop_ms is None else self.stop_ms
        self.manifest = msgspec.structs.replace(self.manifest, stop_ms=stop_ms, closed_at=1_700_000_100.0)
        write_manifest(self.paths.manifest, self.manifest)

    def _segment(self, number: int, index: int) -> SegmentWriter:
        current = self._writers.get(number)
        if current is None or current[0] != index:
            if current:
                current[1].close()
            free = sum(1 for _ in self.paths.track(number).glob("*.rtpdump"))
            current = self._writers[number] = index, SegmentWriter(self.paths.segment(number, free), 1.7e9)
        return current[1]

    def _add_track(self, number: int, person: Person, source: Source) -> None:
        video, ssrc = source == "camera", 1000 + 10 * number
        types = {_AUDIO_PT: PayloadType("opus", 48000, channels=2)}
        if person.redundant_sound:
            types[_RED_PT] = PayloadType("red", 48000, channels=2, fmtp={"111/111": ""})
        if video:
            types = {}
            for codec in person.codecs:
                types[_VIDEO_PT[codec]] = PayloadType(codec, 90000)
                types[_VIDEO_PT[codec] + 1] = PayloadType("rtx", 90000, apt=_VIDEO_PT[codec])
        track = Track(
            number,
            person.key,
            source,
            f"session-{person.key}",
            str(number),
            types,
            extensions={_COLOUR_ID: URI} if video and person.colour_space else {},
            ssrcs=[ssrc],
        )
        create_track(self.paths.track(number), track)
        end_ms = min(self.duration_ms, person.leaves_ms if person.leaves_ms is not None else self.duration_ms)
        packets = _video_packets(person, ssrc) if video else _audio_packets(person, ssrc)
        delay_ms = DELAY_MS + (self.network.picture_delay_ms if video else 0)
        for index, (sent_ms, packet) in enumerate(packets):
            if sent_ms >= end_ms:
                break
            arrival_ms = round(sent_ms) + delay_ms + index * 7 % 5
            if self.network.reorder_every and index % self.network.reorder_every == 0:
                arrival_ms += 30
            if not self.network.lost(index):
                self._records.append((arrival_ms, number, False, packet))
            elif video and self.network.retransmitted_after_ms is not None:
                again = _retransmission(packet, index, ssrc + 1)
                self._records.append((arrival_ms + self.network.retransmitted_after_ms, number, False, again))
        rate = 90000 if video else 48000
        for at_ms in range(person.sends_ms + 700, end_ms, 1000):
            report = _sender_report(person, ssrc, rate, at_ms)
            self._records.append((at_ms + DELAY_MS, number, True, report))
        if video:  # a browser's probe: a retransmission of nothing
            probe = struct.pack("!BBHII", 0x80, _VIDEO_PT[person.codec] + 1, 7, 0, ssrc + 1)
            self._records.append((person.sends_ms + 300, number, False, probe))


def _sender_ms(person: Person, at_ms: float) -> float:
    """Time since the first packet by the sender's clock."""
    return (at_ms - person.sends_ms) * (1 + person.skew_ppm / 1e6)


def _sender_report(person: Person, ssrc: int, rate: int, at_ms: float) -> bytes:
    clock_ms = _sender_ms(person, at_ms)
    ntp_s = 3_900_000_000 + person.ntp_shift_s + clock_ms / 1000
    ntp = (int(ntp_s) << 32) + int(ntp_s % 1 * (1 << 32))
    add_ssrc, _, first_timestamp = person.stream_base(at_ms)
    timestamp = (first_timestamp + round(clock_ms * rate / 1000)) & 0xFFFFFFFF
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc + add_ssrc, ntp, timestamp, 0, 0)


def _rtp(base: tuple[int, int, int], ssrc: int, pt: int, index: int, ticks: int, payload: bytes) -> bytes:
    sequence, timestamp = (base[1] + index) & 0xFFFF, (base[2] + ticks) & 0xFFFFFFFF
    return struct.pack("!BBHII", 0x80, pt, sequence, timestamp, ssrc + base[0]) + payload


def _with_colour_space(packet: bytes, colour_space: bytes) -> bytes:
    """Put in the one element that browsers have there beside others (RFC 8285, one-byte form)."""
    element = bytes([_COLOUR_ID << 4 | len(colour_space) - 1]) + colour_space
    element += bytes(-len(element) % 4)
    extension = struct.pack("!HH", 0xBEDE, len(element) // 4) + element
    return bytes([packet[0] | 0x10]) + packet[1:12] + extension + packet[12:]


def _retransmission(packet: bytes, index: int, ssrc: int) -> bytes:
    """RFC 4588: payload type and SSRC of its own, the original sequence number before the payload."""
    head = struct.pack("!BBH4sI", packet[0], packet[1] + 1, index & 0xFFFF, packet[4:8], ssrc)
    start = 16 + 4 * int.from_bytes(packet[14:16], "big") if packet[0] & 0x10 else 12
    return head + packet[12:start] + packet[2:4] + packet[start:]


def _video_packets(person: Person, ssrc: int) -> Iterator[tuple[float, bytes]]:
    index = 0
    for number, (codec, data) in enumerate(_coded_pictures(person)):
        sent_ms = person.sends_ms + number * 1000 / FPS / (1 + person.skew_ppm / 1e6)
        keyframe = number % KEYFRAME_EVERY == 0
        payloads = packetise(codec, data, number, keyframe=keyframe)
        for piece_index, payload in enumerate(payloads):
            marker = 0x80 if piece_index == len(payloads) - 1 else 0
            base, ticks = person.stream_base(sent_ms), number * 90000 // FPS
            packet = _rtp(base, ssrc, marker | _VIDEO_PT[codec], index, ticks, payload)
            if marker and keyframe and person.colour_space:
                packet = _with_colour_space(packet, person.colour_space)
            yield sent_ms, packet
            index += 1


def _coded_pictures(person: Person) -> Iterator[tuple[str, bytes]]:
    clips = {codec: encoded_clip(person.size_px, person.colour, codec) for codec in person.codecs}
    change_ms, later = person.changes_codec or (math.inf, "")
    for number in range(len(clips[person.codec])):
        codec = person.codec if number * 1000 / FPS < change_ms else later
        yield codec, clips[codec][number]


def _audio_packets(person: Person, ssrc: int) -> Iterator[tuple[float, bytes]]:
    before = b""
    for number, data in enumerate(encoded_sound(person.tone_hz)):
        sent_ms = person.sends_ms + number * 20 / (1 + person.skew_ppm / 1e6)
        payload_type, payload = _AUDIO_PT, data
        if person.redundant_sound:  # RFC 2198
            block = struct.pack("!I", (0x80 | _AUDIO_PT) << 24 | 960 << 10 | len(before)) if before else b""
            payload_type, payload = _RED_PT, block + bytes([_AUDIO_PT]) + before + data
        yield sent_ms, _rtp(person.stream_base(sent_ms), ssrc, payload_type, number, number * 960, payload)
        before = data
