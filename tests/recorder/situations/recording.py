"""What a running recording says: its timeline, its packets, and what ``callrec folder check`` makes of it."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callrec import clock
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.check.report import Report
from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.timeline import Event
from callrec.recorder.folder.track import Track

LATE_MS = 15_000
"""An event may be so much later than what it tells of, on a busy machine."""


async def until(condition: Callable[[], Any], what: str, seconds: float = 40) -> None:
    """Wait for something that only the file system tells."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} has not come") from None


class Recording:
    """One recording folder, which is being written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._reader = FolderReader.at(root)
        self._anchor_ns = self._reader.manifest().anchor.monotonic_ns
        self._readers: dict[int, TrackReader] = {}
        self._read: dict[int, list[tuple[int, bytes]]] = {}
        """What was read so far: reading all again and again would hold up those who send."""

    def now_ms(self) -> int:
        """Return the present moment on the recording's time line."""
        return (clock.monotonic_ns() - self._anchor_ns) // 1_000_000

    def events(self, *kinds: str, **fields: Any) -> list[Event]:
        """Return the events of these types (any, if none is named) with these fields."""
        return [
            event
            for event in self._reader.timeline()
            if (not kinds or event.type in kinds)
            and all(getattr(event, name) == value for name, value in fields.items())
        ]

    def story(self, participant: str) -> list[str]:
        """Return what the timeline says of a participant, his tracks left out, such as ``muted audio``."""
        told = [e for e in self.events(participant=participant) if not e.type.startswith("track")]
        return [f"{e.type} {e.media}" if e.media else e.type for e in told]

    async def event(self, kind: str, *, since_ms: int, **fields: Any) -> Event:
        """Wait for the first such event after *since_ms*, and check that it came at about that time."""

        def found() -> list[Event]:
            return [e for e in self.events(kind, **fields) if e.ms >= since_ms]

        await until(found, f"{kind} {fields} in {self._reader.timeline()}")
        event = found()[0]
        assert event.ms <= min(since_ms + LATE_MS, self.now_ms()), event
        return event

    def tracks(self, participant: str, source: str | None = None) -> list[Track]:
        """Return somebody's tracks, as the timeline says whose they are."""
        mine = [t for t in self._reader.tracks() if t.participant == participant]
        return [t for t in mine if source in (None, t.source)]

    def packets(self, track: Track) -> list[bytes]:
        """Return the RTP packets of a track that have reached the disk."""
        return [packet for _, packet in self.arrivals(track)]

    def arrivals(self, track: Track) -> list[tuple[int, bytes]]:
        """Return the same, each with its ms."""
        reader = self._readers.setdefault(track.number, TrackReader(self._reader.paths, track))
        read = self._read.setdefault(track.number, [])
        read += [(record.offset_ms, bytes(record.packet)) for record in reader.poll() if not record.rtcp]
        return list(read)

    def count(self, participant: str, source: str) -> int:
        """Return how many packets of a source there are."""
        return sum(len(self.arrivals(track)) for track in self.tracks(participant, source))

    async def flowing(self, participant: str, source: str, more: int = 15) -> None:
        """Wait until that many packets more of the source have come."""
        goal = self.count(participant, source) + more
        what = f"{participant} {source}, {more} packets more than {goal - more}"
        await until(lambda: self.count(participant, source) >= goal, what)

    async def silent(self, participant: str, source: str, seconds: float = 0.5) -> None:
        """Wait until no packet of the source has come for so long."""
        async with asyncio.timeout(40):
            while True:
                before = self.count(participant, source)
                await asyncio.sleep(seconds)
                if self.count(participant, source) == before:
                    return

    def checked(self, *expected: str) -> Report:
        """Return what ``callrec folder check`` says; it must agree with timeline and packets.

        *expected*: the codes of the findings that there are.
        """
        before = {track.number: len(self.packets(track)) for track in self._reader.tracks()}
        report = check_folder(self.root)
        assert sorted({finding.code for finding in report.findings}) == sorted(expected), report.findings
        started = {event.track: event for event in self.events("track_started")}
        ended = {event.track: event for event in self.events("track_ended")}
        after = {track.number: (track, len(self.packets(track))) for track in self._reader.tracks()}
        for found in report.tracks:
            track, packets = after[found.number]
            event = started[found.number]
            assert (found.participant, found.source) == (track.participant, track.source)
            assert event.source == track.source
            seen = found.packets + _retransmissions(self.packets(track), track)
            assert before.get(found.number, 0) <= seen <= packets
            assert found.missing == 0, found
            if found.first_ms is not None and found.last_ms is not None:
                assert event.ms <= found.first_ms
                assert found.number not in ended or found.last_ms <= ended[found.number].ms
        for person in report.timeline.participants:
            joined = [e.ms for e in self.events("joined", participant=person.participant)]
            assert person.present and person.present[0].from_ms == joined[0]
            if not expected:  # else a capture process has died, and its end is an end of presence, too
                left = [e.ms for e in self.events("left", participant=person.participant)]
                ends = [stretch.to_ms for stretch in person.present]
                assert [stretch.from_ms for stretch in person.present] == joined
                assert all(a == b for a, b in zip(ends, left, strict=False))
        moments = [event.ms for event in self._reader.timeline()]
        assert all(a <= b for a, b in itertools.pairwise(moments))
        return report


def _retransmissions(packets: list[bytes], track: Track) -> int:
    repairs = {number for number, kind in track.payload_types.items() if kind.codec == "rtx"}
    return sum(packet[1] & 0x7F in repairs for packet in packets)
