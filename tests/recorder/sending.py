"""What people send, packet by packet, and when: their streams as browsers send them.
What is to be seen and heard says the module ``clips``.
"""

import itertools
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from callrec.recorder.folder.track import Source
from tests.recorder.clips import BEEP_HZ, FPS, KEYFRAME_EVERY, encoded_clip, encoded_sound
from tests.recorder.packetise import packetise

AUDIO_PT, RED_PT = 111, 63
VIDEO_PT = {"vp8": 96, "vp9": 98, "h264": 102, "av1": 45}
"""The next one each is its RTX."""
COLOUR_ID = 8


@dataclass(frozen=True)
class Screen:
    """A shared screen."""

    from_ms: int
    to_ms: int
    colour: tuple[int, int] = (60, 190)
    size_px: tuple[int, int] = (480, 270)


@dataclass(frozen=True)
class Person:
    """A participant and what is special about the stream."""

    key: str
    name: str
    colour: tuple[int, int]
    """U and V of the picture."""
    tone_hz: int
    beep_hz: int = BEEP_HZ
    joins_ms: int = 0
    connects_ms: int = 0
    """So long after joining everything begins to be sent."""
    leaves_ms: int | None = None
    camera: bool = True
    size_px: tuple[int, int] = (320, 240)
    ntp_shift_s: float = 0
    ntp_is_set: tuple[int, float] = (0, 0)
    """From … ms on NTP is … s further."""
    sleeps_ms: tuple[int, int] = (0, 0)
    """From … to … of the call nothing is sent, and the sender's clocks stand still."""
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
    resizes: tuple[int, tuple[int, int]] | None = None
    """From that many ms after the first picture on it has another size; at a keyframe."""
    mutes_ms: tuple[int, int] = (0, 0)
    """From … to … of the call no sound is sent."""
    screen: Screen | None = None
    redundant_sound: bool = False
    colour_space: bytes | None = None
    """What keyframes say in the header extension of that name; the picture's numbers are the same."""

    @property
    def sends_ms(self) -> int:
        """When the first packet is sent."""
        return self.joins_ms + self.connects_ms

    @property
    def sources(self) -> list[Source]:
        """What is sent, in the order of the tracks."""
        sources: list[Source] = ["microphone"]
        if self.camera:
            sources.append("camera")
        if self.screen:
            sources.append("screen")
        return sources

    def sends(self, source: Source, until_ms: float) -> tuple[int, float]:
        """Return from when to when *source* is sent in a call that ends at *until_ms*."""
        end_ms = until_ms if self.leaves_ms is None else min(until_ms, self.leaves_ms)
        if source == "screen" and self.screen:
            return self.screen.from_ms, min(end_ms, self.screen.to_ms)
        return self.sends_ms, end_ms

    def size_at(self, at_ms: float) -> tuple[int, int]:
        """Return the size of the camera's picture that is sent at a time of the call."""
        change_ms, later = self.resizes or (math.inf, self.size_px)
        return self.size_px if at_ms - self.sends_ms < change_ms else later

    def own_ms(self, at_ms: float) -> float:
        """Return the time since the first packet by the sender's clock."""
        asleep_ms = max(0, min(at_ms, self.sleeps_ms[1]) - self.sleeps_ms[0])
        return (at_ms - self.sends_ms - asleep_ms) * (1 + self.skew_ppm / 1e6)

    def sent_ms(self, own_ms: float) -> float:
        """Return the time of the call at which the sender's clock says this."""
        at_ms = self.sends_ms + own_ms / (1 + self.skew_ppm / 1e6)
        return at_ms if at_ms < self.sleeps_ms[0] else at_ms + self.sleeps_ms[1] - self.sleeps_ms[0]

    @property
    def codecs(self) -> list[str]:
        """What the camera sends, in order."""
        return [self.codec, *([self.changes_codec[1]] if self.changes_codec else [])]

    def stream_base(self, at_ms: float) -> tuple[int, int, int]:
        """Return what to add to SSRC, sequence numbers and timestamps of what is sent at *at_ms*."""
        if self.restarts_ms is None or at_ms < self.restarts_ms:
            return 0, self.first_sequence, self.first_timestamp
        return 0 if self.keeps_ssrc else 5, self.first_sequence + 30_000, self.first_timestamp + 3_000_000_000


def sender_report(person: Person, ssrc: int, rate: int, at_ms: float) -> bytes:
    """Return what the sender says at a time of the call about its stream *ssrc*."""
    clock_ms = person.own_ms(at_ms)
    set_ms, by_s = person.ntp_is_set
    ntp_s = 3_900_000_000 + person.ntp_shift_s + clock_ms / 1000 + (by_s if at_ms >= set_ms else 0)
    ntp = (int(ntp_s) << 32) + int(ntp_s % 1 * (1 << 32))
    add_ssrc, _, first_timestamp = person.stream_base(at_ms)
    timestamp = (first_timestamp + round(clock_ms * rate / 1000)) & 0xFFFFFFFF
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc + add_ssrc, ntp, timestamp, 0, 0)


def _rtp(base: tuple[int, int, int], ssrc: int, pt: int, index: int, ticks: int, payload: bytes) -> bytes:
    sequence, timestamp = (base[1] + index) & 0xFFFF, (base[2] + ticks) & 0xFFFFFFFF
    return struct.pack("!BBHII", 0x80, pt, sequence, timestamp, ssrc + base[0]) + payload


def _with_colour_space(packet: bytes, colour_space: bytes) -> bytes:
    """Put in the one element that browsers have there beside others (RFC 8285, one-byte form)."""
    element = bytes([COLOUR_ID << 4 | len(colour_space) - 1]) + colour_space
    element += bytes(-len(element) % 4)
    extension = struct.pack("!HH", 0xBEDE, len(element) // 4) + element
    return bytes([packet[0] | 0x10]) + packet[1:12] + extension + packet[12:]


def retransmission(packet: bytes, index: int, ssrc: int) -> bytes:
    """RFC 4588: payload type and SSRC of its own, the original sequence number before the payload."""
    head = struct.pack("!BBH4sI", packet[0], packet[1] + 1, index & 0xFFFF, packet[4:8], ssrc)
    start = 16 + 4 * int.from_bytes(packet[14:16], "big") if packet[0] & 0x10 else 12
    return head + packet[12:start] + packet[2:4] + packet[start:]


def video_packets(person: Person, source: Source, ssrc: int) -> Iterator[tuple[float, bytes]]:
    """Yield when each packet of a camera or a screen is sent, and the packet; without end."""
    index = 0
    begin_ms, _ = person.sends(source, math.inf)
    first_ms = person.own_ms(begin_ms)
    for number, (codec, data) in enumerate(_coded_pictures(person, source)):
        sent_ms = person.sent_ms(first_ms + number * 1000 / FPS)
        keyframe = number % KEYFRAME_EVERY == 0
        payloads = packetise(codec, data, number, keyframe=keyframe)
        for piece_index, payload in enumerate(payloads):
            marker = 0x80 if piece_index == len(payloads) - 1 else 0
            base, ticks = person.stream_base(sent_ms), round(first_ms * 90) + number * 90000 // FPS
            packet = _rtp(base, ssrc, marker | VIDEO_PT[codec], index, ticks, payload)
            if marker and keyframe and person.colour_space:
                packet = _with_colour_space(packet, person.colour_space)
            yield sent_ms, packet
            index += 1


def _coded_pictures(person: Person, source: Source) -> Iterator[tuple[str, bytes]]:
    change_ms, later = person.changes_codec or (math.inf, "")
    for number in itertools.count():
        at_ms = number * 1000 / FPS
        codec = person.codec if at_ms < change_ms else later
        if source == "screen" and person.screen:
            clip = encoded_clip(person.screen.size_px, person.screen.colour, codec)
        else:
            clip = encoded_clip(person.size_at(person.sends_ms + at_ms), person.colour, codec)
        yield codec, clip[number % len(clip)]


def audio_packets(person: Person, ssrc: int) -> Iterator[tuple[float, bytes]]:
    """Yield when each packet of a microphone is sent, and the packet; without end."""
    before = b""
    sound = encoded_sound(person.tone_hz, person.beep_hz)
    sent = 0
    for number in itertools.count():
        data = sound[number % len(sound)]
        sent_ms = person.sent_ms(number * 20)
        if person.mutes_ms[0] <= sent_ms < person.mutes_ms[1]:
            continue
        payload_type, payload = AUDIO_PT, data
        if person.redundant_sound:  # RFC 2198
            block = struct.pack("!I", (0x80 | AUDIO_PT) << 24 | 960 << 10 | len(before)) if before else b""
            payload_type, payload = RED_PT, block + bytes([AUDIO_PT]) + before + data
        yield sent_ms, _rtp(person.stream_base(sent_ms), ssrc, payload_type, sent, number * 960, payload)
        before = data
        sent += 1
