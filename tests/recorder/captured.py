"""What a running recorder has captured so far."""

import asyncio
from collections.abc import Mapping

from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.timeline import Event
from tests.recorder.conftest import RecorderProcess
from tests.recorder.wire import original


def folder_of(recorder: RecorderProcess) -> FolderReader:
    """Return a reader of the one recording."""
    (root,) = (recorder.data / "recordings").iterdir()
    return FolderReader.at(root)


def packets(recorder: RecorderProcess, source: str) -> int:
    """Return how many RTP packets of a source there are, such as ``users/mira camera``."""
    reader = folder_of(recorder)
    return sum(
        not record.rtcp
        for track in reader.tracks()
        if f"{track.participant} {track.source}" == source
        for record in TrackReader(reader.paths, track).poll()
    )


def media(reader: FolderReader, source: str) -> dict[int, bytes]:
    """Return the payloads of a source (of one track, or none yet) by sequence number, beyond 16 bits.

    What was repeated stands where it was missing.
    """
    tracks = [track for track in reader.tracks() if f"{track.participant} {track.source}" == source]
    payloads: dict[int, bytes] = {}
    if not tracks:
        return payloads
    (track,) = tracks
    newest = 0
    for record in TrackReader(reader.paths, track).poll():
        if not record.rtcp:
            (_, number), payload = original(track, bytes(record.packet))
            newest = number + ((newest - number + 0x8000) & ~0xFFFF) if payloads else number
            payloads[newest] = payload
    return dict(sorted(payloads.items()))


def missing(payloads: Mapping[int, bytes]) -> list[int]:
    """Return which sequence numbers between the first and the last packet are not there."""
    return sorted(set(range(min(payloads), max(payloads) + 1)) - payloads.keys())


def events(recorder: RecorderProcess, kind: str) -> list[Event]:
    """Return the timeline's events of a type."""
    return [event for event in folder_of(recorder).timeline() if event.type == kind]


async def flowing(recorder: RecorderProcess, source: str, within_s: float = 30, more: int = 40) -> None:
    """Wait until that many packets more of the source have come."""
    async with asyncio.timeout(within_s):
        goal = packets(recorder, source) + more
        while packets(recorder, source) < goal:
            await asyncio.sleep(0.1)


async def silent(recorder: RecorderProcess, source: str) -> None:
    """Wait until no packet of the source has come for a second."""
    async with asyncio.timeout(30):
        while True:
            before = packets(recorder, source)
            await asyncio.sleep(1)
            if packets(recorder, source) == before:
                return
