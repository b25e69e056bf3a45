"""When packets reach the kernel: soon, and without a timer that wakes for nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from callrec.recorder.capture import log as capture_log_module
from callrec.recorder.capture.log import FLUSH_WITH_PACKET_MS, CaptureLog, TrackSink
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader, TrackReader
from tests.recorder.folder.samples import ANCHOR, folder, rtp, sender_report, track
from tests.waiting import until


@pytest.fixture
def paths(tmp_path: Path) -> FolderPaths:
    return folder(tmp_path / "recording")


@contextmanager
def opened(paths: FolderPaths) -> Iterator[CaptureLog]:
    log = CaptureLog(paths, ANCHOR)
    yield log
    log.close("stopped")


@asynccontextmanager
async def running(log: CaptureLog) -> AsyncIterator[None]:
    task = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.wait([task])


def written(paths: FolderPaths) -> int:
    return len(list(TrackReader(paths, track(0)).poll()))


def has_written(paths: FolderPaths, count: int) -> bool:
    return written(paths) == count


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time line's present ms, to be set."""
    now = [0]
    monkeypatch.setattr("callrec.recorder.capture.timebase.TimeBase.now_ms", lambda self: now[0])
    return now


async def test_a_packet_that_stays_alone_is_flushed_by_the_clock(paths: FolderPaths) -> None:
    with opened(paths) as log:
        sink = TrackSink(log, [log.open_track(track(0))])
        async with running(log):
            for count in (1, 2):
                sink.rtp(rtp(count))
                assert written(paths) == count - 1
                await until(partial(has_written, paths, count))
            sink.rtcp(sender_report())
            await until(lambda: written(paths) == 3)


async def test_in_a_stream_a_packet_flushes_those_before_it(
    paths: FolderPaths, moment: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_log_module, "FLUSH_INTERVAL_S", 3600)
    with opened(paths) as log:
        sink = TrackSink(log, [log.open_track(track(0))])
        async with running(log):
            after = {}
            for moment[0] in range(0, 3 * FLUSH_WITH_PACKET_MS, 5):
                sink.rtp(rtp(moment[0]))
                after[moment[0]] = written(paths)
    late = {ms: (ms // 5 + 1) - count for ms, count in after.items()}
    assert max(late.values()) == FLUSH_WITH_PACKET_MS // 5
    assert [ms for ms, count in late.items() if count == 0] == [FLUSH_WITH_PACKET_MS, 155]


async def test_while_nothing_comes_no_timer_runs(paths: FolderPaths, moment: list[int]) -> None:
    with opened(paths) as log:
        sink = TrackSink(log, [log.open_track(track(0))])
        async with running(log):
            assert log._flushing is None
            sink.rtp(rtp(1))
            assert log._flushing is not None
            moment[0] = FLUSH_WITH_PACKET_MS
            sink.rtp(rtp(2))
            assert log._flushing is None
            sink.rtp(rtp(3))
        assert log._flushing is None  # stopped, and all is written
        assert written(paths) == 3


async def test_what_came_before_is_flushed_at_the_begin(paths: FolderPaths) -> None:
    with opened(paths) as log:
        TrackSink(log, [log.open_track(track(0))]).rtp(rtp(1))
        assert written(paths) == 0
        async with running(log):
            assert written(paths) == 1


async def test_signs_of_life(paths: FolderPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_log_module, "HEARTBEAT_INTERVAL_S", 0.001)
    with opened(paths) as log:
        async with running(log):
            await until(lambda: [e.type for e in FolderReader(paths).timeline()].count("heartbeat") >= 2)
