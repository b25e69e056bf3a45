"""Recording folders to compose, and the same streams as files that ffmpeg can read."""

import fractions
import struct
from dataclasses import dataclass
from pathlib import Path

import av
from tests.recorder.clips import encoded_sound
from tests.recorder.packetise import packetise

from benchmarks.call_clips import CAMERA_PX, KEYFRAME_EVERY_S, SCREEN_PX
from callrec.clock import boot_id, monotonic_ns
from callrec.recorder.folder.manifest import ActorName, Anchor, Manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.rtpdump import SegmentWriter
from callrec.recorder.folder.timeline import Event, TimelineWriter
from callrec.recorder.folder.track import PayloadType, Source, Track, create_track

STARTED_MS = 500
_SOUND, _PICTURES = 111, 96
_NAMES = ("Anna Åström", "Ben", "Çem Yılmaz", "Dóra")
_TONES_HZ = (330, 500, 700, 900)


@dataclass(frozen=True)
class Video:
    """A stream of VP8."""

    frames: list[bytes]
    rate: int
    source: Source = "camera"

    @property
    def size_px(self) -> tuple[int, int]:
        return SCREEN_PX if self.source == "screen" else CAMERA_PX


@dataclass(frozen=True)
class Call:
    """Of each person what is sent beside sound."""

    people: list[list[Video]]
    seconds: int
    video: bool = True
    begins_ms: int = 0
    """On the time line of its recording: nobody was there before."""

    @property
    def file_name(self) -> str:
        return "Film.mp4" if self.video else "Film.ogg"


def write_folder(root: Path, call: Call, file_name: str) -> None:
    """Write a finished recording of *call*."""
    paths = FolderPaths(root)
    paths.create()
    timeline = TimelineWriter(paths.timeline)
    number = 0
    for index, videos in enumerate(call.people):
        key = f"users/{index}"
        timeline.write(Event(call.begins_ms, "joined", participant=key, name=_NAMES[index]))
        clip = encoded_sound(_TONES_HZ[index])
        sound = (clip * (1 + call.seconds * 50 // len(clip)))[: call.seconds * 50]
        kind = PayloadType("opus", 48000, channels=2)
        _write_track(paths, number, key, "microphone", kind, sound, 50, call.begins_ms)
        number += 1
        for video in videos:
            if video.source == "screen":
                timeline.write(Event(call.begins_ms, "screen_started", participant=key))
            kind = PayloadType("vp8", 90000)
            _write_track(paths, number, key, video.source, kind, video.frames, video.rate, call.begins_ms)
            number += 1
    timeline.close()
    end_ms = call.begins_ms + call.seconds * 1000
    anchor = Anchor(1_700_000_000.0, monotonic_ns() - end_ms * 1_000_000, boot_id())
    actor = ActorName("users", "0")
    manifest = Manifest(
        "r1", "https://talk.example", "abcd1234", call.video, "anna", actor, file_name, anchor,
        started_ms=STARTED_MS, stop_ms=end_ms, closed_at=1_700_000_100.0,
    )  # fmt: skip
    write_manifest(paths.manifest, manifest)


def _write_track(
    paths: FolderPaths,
    number: int,
    key: str,
    source: Source,
    kind: PayloadType,
    frames: list[bytes],
    rate: int,
    begins_ms: int,
) -> None:
    payload_type = _SOUND if kind.codec == "opus" else _PICTURES
    ssrc = 1000 + number
    track = Track(number, key, source, f"session-{key}", str(number), {payload_type: kind}, ssrcs=[ssrc])
    create_track(paths.track(number), track)
    writer = SegmentWriter(paths.segment(number, 0), 1.7e9)
    sequence = 0
    for index, data in enumerate(frames):
        keyframe = index % (KEYFRAME_EVERY_S * rate) == 0
        payloads = [data] if kind.codec == "opus" else packetise("vp8", data, index, keyframe=keyframe)
        ticks = index * kind.clock_rate_hz // rate
        for piece, payload in enumerate(payloads):
            marker = 0x80 if kind.codec != "opus" and piece == len(payloads) - 1 else 0
            head = struct.pack("!BBHII", 0x80, marker | payload_type, sequence & 0xFFFF, ticks, ssrc)
            writer.add(begins_ms + index * 1000 // rate + 20, head + payload, rtcp=False)
            sequence += 1
    writer.close()


def write_streams(directory: Path, call: Call) -> list[Path]:
    """Write each person's streams, sound first, as Matroska files; one each."""
    paths = []
    for index, videos in enumerate(call.people):
        path = directory / f"{index}.mkv"
        with av.open(path, "w") as container:
            sound = container.add_stream("libopus", rate=48000)
            assert isinstance(sound, av.AudioStream)
            sound.codec_context.layout = "mono"
            streams = []
            for video in videos:
                width, height = video.size_px
                stream = container.add_mux_stream("vp8", rate=video.rate, width=width, height=height)
                streams.append(stream)
            packets: list[tuple[float, av.Packet[av.stream.Stream]]] = []
            for number, data in enumerate(encoded_sound(_TONES_HZ[index])[: call.seconds * 50]):
                packets.append((number / 50, _packet(data, sound, number, 50, keyframe=True)))
            for video, stream in zip(videos, streams, strict=True):
                for number, data in enumerate(video.frames):
                    keyframe = number % (KEYFRAME_EVERY_S * video.rate) == 0
                    packet = _packet(data, stream, number, video.rate, keyframe=keyframe)
                    packets.append((number / video.rate, packet))
            for _, packet in sorted(packets, key=lambda item: item[0]):
                container.mux_one(packet)
        paths.append(path)
    return paths


def _packet(
    data: bytes, stream: av.stream.Stream, number: int, rate: int, *, keyframe: bool
) -> "av.Packet[av.stream.Stream]":
    packet = av.Packet(data)
    packet.stream, packet.time_base = stream, fractions.Fraction(1, rate)
    packet.pts = packet.dts = number
    packet.is_keyframe = keyframe
    return packet
