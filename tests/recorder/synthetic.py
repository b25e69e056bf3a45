"""Synthetic recording folders with known truth: who sent what when, and how the network treated it.
What is sent says the module ``sending``, what is to be seen and heard ``clips``.
"""

import math
import struct
from collections.abc import Callable
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
from tests.recorder.sending import (
    AUDIO_PT,
    COLOUR_ID,
    RED_PT,
    VIDEO_PT,
    Person,
    audio_packets,
    retransmission,
    sender_report,
    video_packets,
)

DELAY_MS = 20
"""Every packet takes at least this long."""

_SEGMENT_MS = 30_000

Lost = Callable[[int], bool]
"""Says of the n-th packet of a stream whether the network drops it."""


def nothing_lost(_: int) -> bool:
    """A network without loss."""
    return False


def every(n: int) -> Lost:
    """A network that drops one in *n* packets."""
    return lambda index: index % n == n - 1


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
        self._screen_events: list[Event] = []
        number = 0
        for person in self.people:
            for source in person.sources:
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
        events = [*people_events, *self._screen_events, *self.events]
        self._events = sorted(events, key=lambda event: event.ms)
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
        video, ssrc = source != "microphone", 1000 + 10 * number
        types = {AUDIO_PT: PayloadType("opus", 48000, channels=2)}
        if person.redundant_sound:
            types[RED_PT] = PayloadType("red", 48000, channels=2, fmtp={"111/111": ""})
        if video:
            types = {}
            for codec in person.codecs:
                types[VIDEO_PT[codec]] = PayloadType(codec, 90000)
                types[VIDEO_PT[codec] + 1] = PayloadType("rtx", 90000, apt=VIDEO_PT[codec])
        track = Track(
            number,
            person.key,
            source,
            f"session-{person.key}",
            str(number),
            types,
            extensions={COLOUR_ID: URI} if video and person.colour_space else {},
            ssrcs=[ssrc],
        )
        create_track(self.paths.track(number), track)
        begin_ms, end_ms = person.sends(source, self.duration_ms)
        if source == "screen":
            self._screen_events += [
                Event(begin_ms, "screen_started", participant=person.key),
                Event(round(end_ms), "screen_stopped", participant=person.key),
                Event(round(end_ms), "track_ended", track=number),
            ]
        packets = video_packets(person, source, ssrc) if video else audio_packets(person, ssrc)
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
                again = retransmission(packet, index, ssrc + 1)
                self._records.append((arrival_ms + self.network.retransmitted_after_ms, number, False, again))
        rate = 90000 if video else 48000
        for at_ms in range(begin_ms + 700, round(end_ms), 1000):
            if person.sleeps_ms[0] <= at_ms < person.sleeps_ms[1]:
                continue
            report = sender_report(person, ssrc, rate, at_ms)
            self._records.append((at_ms + DELAY_MS, number, True, report))
        if video:  # a browser's probe: a retransmission of nothing
            probe = struct.pack("!BBHII", 0x80, VIDEO_PT[person.codec] + 1, 7, 0, ssrc + 1)
            self._records.append((begin_ms + 300, number, False, probe))
