"""What a running recorder has captured so far, and the process that does it."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.timeline import Event
from tests.recorder.conftest import RecorderProcess
from tests.recorder.wire import original
from tests.waiting import PATIENCE_S, until


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


async def flowing(
    recorder: RecorderProcess, source: str, within_s: float = PATIENCE_S, more: int = 40
) -> None:
    """Wait until that many packets more of the source have come."""
    goal = packets(recorder, source) + more
    await until(lambda: packets(recorder, source) >= goal, within_s, every_s=0.1)


async def silent(recorder: RecorderProcess, source: str) -> None:
    """Wait until no packet of the source has come for a second."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            before = packets(recorder, source)
            await asyncio.sleep(1)  # of silence
            if packets(recorder, source) == before:
                return


def capture_process(recorder: RecorderProcess) -> int | None:
    """Return the process that captures: it has the folder's lock open."""
    lock = str(folder_of(recorder).paths.lock)
    for pid in recorder.children(""):
        try:
            if any(os.readlink(link) == lock for link in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
        except OSError:
            continue  # it has just ended
    return None


def kill_capture(recorder: RecorderProcess) -> int:
    """Kill the capture process; return when (monotonic clock). What was sent until then had arrived."""
    pid = capture_process(recorder)
    assert pid is not None
    at_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    return at_ns
