"""What kill -9 of the capture process costs in mid-call, packet by packet.

The long form, some three minutes:

    .venv/bin/pytest -m large -s -o faulthandler_timeout=0 tests/recorder/test_capture_killed.py
"""

import asyncio
import random
import statistics
from dataclasses import dataclass

import pytest
from aiortc.rtp import RtpPacket

from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.rtpdump import HEADER_BYTES
from callrec.wire.recording import Start, Started, Stop, Stopped
from tests.recorder.captured import events, folder_of, kill_capture, silent
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import MIRA, delivered_once
from tests.recorder.wire import Wire
from tests.waiting import until

MAX_MISSING_MS = 200
"""Of what had arrived: captured packets reach the kernel every 100 ms, and a busy machine is late."""
MAX_AWAY_MS = 5000
LATEST_KILL_S = 2.5
"""A capture process lives a random time up to this: flushes come each 0.1 s, syncs each 2 s."""


@dataclass(frozen=True)
class Cost:
    """What one kill cost."""

    missing: int
    """Packets that had arrived, and are not in the folder."""
    missing_ms: float
    """How long before the kill the oldest of them had come."""
    away_ms: float
    """From the kill to the first packet that the next process captured."""


async def captures_anew(recorder: RecorderProcess, known: set[int]) -> None:
    """Wait until packets are in the folder in a track that is not among the *known*."""
    paths = folder_of(recorder).paths

    def has_packets(number: int) -> bool:
        segment = paths.segment(number, 0)
        return segment.exists() and segment.stat().st_size > HEADER_BYTES

    await until(lambda: any(has_packets(number) for number in set(paths.track_numbers()) - known))


def costs(reader: FolderReader, wire: Wire, kills_ns: list[int]) -> list[Cost]:
    """Return the cost of each kill. Every connection of the publisher has SSRCs of its own, and meets one."""
    records = [
        record
        for track in reader.tracks()
        for record in TrackReader(reader.paths, track).poll()
        if not record.rtcp
    ]
    captured = {bytes(record.packet) for record in records}
    sent: dict[int, list[tuple[int, bytes]]] = {}
    for at_ns, data in zip(wire.sent_at_ns, wire.sent, strict=True):
        sent.setdefault(RtpPacket.parse(data).ssrc, []).append((at_ns, data))
    assert captured <= set(wire.sent)
    missing: dict[int, list[int]] = {kill_ns: [] for kill_ns in kills_ns}
    for stream in sent.values():
        begun_ns = stream[0][0]
        kill_ns = next((kill_ns for kill_ns in kills_ns if kill_ns > begun_ns), None)
        gone = [
            at_ns for at_ns, data in stream if (kill_ns is None or at_ns < kill_ns) and data not in captured
        ]
        if kill_ns is None:
            assert not gone, f"{len(gone)} packets of a process that was not killed"
        else:
            missing[kill_ns] += gone
    zero_ns = reader.manifest().anchor.monotonic_ns
    offsets_ms = sorted(record.offset_ms for record in records)
    found = []
    for kill_ns, gone in missing.items():
        kill_ms = (kill_ns - zero_ns) / 1e6
        back_ms = next(ms for ms in offsets_ms if ms > kill_ms + 1)
        oldest_ns = min(gone, default=kill_ns)
        found.append(Cost(len(gone), (kill_ns - oldest_ns) / 1e6, back_ms - kill_ms))
    return found


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=[pytest.mark.large, pytest.mark.timeout(1200)])])
async def test_a_killed_capture_process_costs_200_ms_and_is_back_in_5_s(
    lab: Lab, control: Control, recorder_process: RecorderProcess, kills: int
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    wire = Wire()
    kills_ns: list[int] = []
    async with Publisher(lab, "mira", 200, 440) as mira:
        mira.wire = wire
        await lab.set_call(mira=7)
        assert (await control.send(Start(1, "mira", MIRA))).status_code == 200
        await captures_anew(recorder_process, set())
        await lab.wait(lambda: bool(lab.reports))
        for _ in range(kills):
            await asyncio.sleep(chance.random() * LATEST_KILL_S)
            known = set(folder_of(recorder_process).paths.track_numbers())
            kills_ns.append(kill_capture(recorder_process))
            await captures_anew(recorder_process, known)
        mira.fall_silent()
        await silent(recorder_process, "users/mira camera")  # after the last flush
        reader = folder_of(recorder_process)
        found = costs(reader, wire, kills_ns)
        gaps = events(recorder_process, "gap")
        anchor_ns = reader.manifest().anchor.monotonic_ns
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    for what in ("missing", "missing_ms", "away_ms"):
        values = [float(getattr(cost, what)) for cost in found]
        print(f"{what}: median {statistics.median(values):.0f}, most {max(values):.0f}, of {len(values)}")
    assert max(cost.missing_ms for cost in found) <= MAX_MISSING_MS, found
    assert max(cost.away_ms for cost in found) <= MAX_AWAY_MS, found
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN, MIRA)]
    assert len(gaps) == kills
    for gap, kill_ns, cost in zip(gaps, kills_ns, found, strict=True):
        kill_ms = (kill_ns - anchor_ns) / 1e6
        assert gap.from_ms is not None
        assert kill_ms - MAX_MISSING_MS <= gap.from_ms <= kill_ms + 1
        assert kill_ms < gap.ms <= kill_ms + cost.away_ms + 1
