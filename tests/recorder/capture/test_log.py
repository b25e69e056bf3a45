"""The writing side of a recording folder: segments, the lock, and disks that refuse."""

import asyncio
import os
import threading
from pathlib import Path

import msgspec
import pytest

from callrec.recorder.capture import log as capture_log_module
from callrec.recorder.capture.log import CaptureLog, FolderBusy, TrackSink
from callrec.recorder.capture.timebase import new_anchor
from callrec.recorder.capture.track_log import SEGMENT_MS, TrackLog
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.rtpdump import Record, SegmentWriter, read_records
from tests.recorder.folder.samples import ANCHOR, rtp, sender_report, track
from tests.waiting import PATIENCE_S, until


def records(paths: FolderPaths, number: int, index: int) -> list[Record]:
    return [record for record, _ in read_records(paths.segment(number, index))]


def full_disk(track_log: TrackLog) -> None:
    """Let the track's present segment end on a disk without room."""
    assert track_log._writer is not None
    track_log._writer._file.close()
    track_log._writer._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the log closes it


class TestTrackLog:
    def test_segments_are_cut_by_time(self, paths: FolderPaths) -> None:
        log = TrackLog(paths, track(), 0.0)
        assert not paths.segment(0, 0).exists()
        moments = [5, 6, 5 + SEGMENT_MS - 1, 5 + SEGMENT_MS, 7 * SEGMENT_MS]
        for sequence, now_ms in enumerate(moments):
            log.add(now_ms, rtp(sequence))
        log.close()
        offsets = [[r.offset_ms for r in records(paths, 0, index)] for index in range(3)]
        assert offsets == [moments[:3], moments[3:4], moments[4:]]
        assert not paths.segment(0, 3).exists()

    def test_a_segment_goes_on_while_the_folder_is_away(self, paths: FolderPaths) -> None:
        log = TrackLog(paths, track(), 0.0)
        log.add(5, rtp(0))
        away = paths.root.with_name("away")
        paths.root.rename(away)
        for sequence, now_ms in enumerate([5 + SEGMENT_MS, 6 + SEGMENT_MS], 1):
            log.add(now_ms, rtp(sequence))
        assert not paths.root.exists()
        away.rename(paths.root)
        log.add(2 * SEGMENT_MS, rtp(3))
        log.close()
        assert [len(records(paths, 0, index)) for index in range(2)] == [3, 1]

    def test_a_track_does_not_make_the_folder_anew(self, paths: FolderPaths) -> None:
        paths.root.rename(paths.root.with_name("away"))
        with pytest.raises(FileNotFoundError):
            TrackLog(paths, track(), 0.0)
        assert not paths.root.exists()

    def test_the_kernel_has_a_whole_segment_before_the_next_one_exists(self, paths: FolderPaths) -> None:
        log = TrackLog(paths, track(), 0.0)
        log.add(0, rtp(0))
        log.add(SEGMENT_MS, rtp(1))
        assert records(paths, 0, 0) == [Record(0, False, rtp(0))]
        log.close()

    def test_an_existing_track_is_never_written_to(self, paths: FolderPaths) -> None:
        log = TrackLog(paths, track(), 0.0)
        log.add(0, rtp(0))
        log.close()
        before = paths.segment(0, 0).read_bytes()
        with pytest.raises(FileExistsError):
            TrackLog(paths, track(), 0.0)
        assert paths.segment(0, 0).read_bytes() == before

    def test_rtcp_is_no_packet_of_the_count(self, paths: FolderPaths) -> None:
        log = TrackLog(paths, track(), 0.0)
        log.add(0, rtp(0))
        log.add(1, sender_report(), rtcp=True)
        log.close()
        assert records(paths, 0, 0)[1] == Record(1, True, sender_report())

    def test_a_failed_sync_of_a_full_segment_does_not_stop_the_others(
        self, paths: FolderPaths, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = TrackLog(paths, track(), 0.0)
        for index in range(3):
            log.add(index * SEGMENT_MS, rtp(index))

        def broken(descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            with pytest.raises(OSError, match="Input/output"):
                log.sync()
        log.sync()
        log.close()
        log.close()
        assert [len(records(paths, 0, index)) for index in range(3)] == [1, 1, 1]

    def test_a_closed_log_can_be_closed_and_flushed_again(self, paths: FolderPaths) -> None:
        log = TrackLog(paths, track(), 0.0)
        log.close()
        log.flush()
        log.sync()
        log.close()


class TestLock:
    def test_a_second_capture_is_kept_out(self, paths: FolderPaths, capture_log: CaptureLog) -> None:
        with pytest.raises(FolderBusy, match="recording"):
            CaptureLog(paths, ANCHOR)
        assert [e.type for e in FolderReader(paths).timeline()] == ["capture"]

    def test_after_the_first_has_closed_a_second_goes_on_with_new_files(self, paths: FolderPaths) -> None:
        first = CaptureLog(paths, ANCHOR)
        number = first.reserve_track_number()
        first.open_track(track(number)).add(1, rtp(1))
        first.reserve_track_number()  # reserved, never created
        first.close("crashed")
        before = paths.segment(number, 0).read_bytes()
        second = CaptureLog(paths, ANCHOR)
        again = second.reserve_track_number()
        assert again == number + 1
        second.open_track(track(again)).add(2, rtp(2))
        second.close("stopped")
        assert paths.segment(number, 0).read_bytes() == before
        assert [r.packet for r in records(paths, again, 0)] == [rtp(2)]
        types = [(e.type, e.cause) for e in FolderReader(paths).timeline()]
        assert types == [
            ("capture", None),
            ("closed", "crashed"),
            ("capture", None),
            ("gap", None),
            ("closed", "stopped"),
        ]

    def test_a_second_ends_what_the_first_could_not(self, paths: FolderPaths) -> None:
        first = CaptureLog(paths, ANCHOR)
        assert first.present_before == frozenset()
        for participant in ("users/mira", "users/ole"):
            first.event("joined", participant=participant)
        first.event("left", participant="users/ole")
        first.event("screen_started", participant="users/mira")
        first.event("track_started", track=0, participant="users/mira", source="screen")
        first.close("crashed")
        second = CaptureLog(paths, ANCHOR)
        assert second.present_before == {"users/mira"}
        second.close("stopped")
        third = CaptureLog(paths, ANCHOR)
        assert third.present_before == {"users/mira"}  # nobody has told otherwise
        third.close("stopped")
        told = [(e.type, e.participant, e.track) for e in FolderReader(paths).timeline()][6:]
        assert told == [
            ("closed", None, None),
            ("capture", None, None),
            ("gap", None, None),
            ("screen_stopped", "users/mira", None),
            ("track_ended", None, 0),
            ("closed", None, None),
            ("capture", None, None),
            ("gap", None, None),
            ("closed", None, None),
        ]

    def test_on_another_boot_the_base_is_told_once(self, paths: FolderPaths) -> None:
        anchor = msgspec.structs.replace(new_anchor(), boot_id="an-earlier-boot")
        for _ in range(2):
            CaptureLog(paths, anchor).close("stopped")
        events = FolderReader(paths).timeline()
        assert [e.type for e in events] == ["capture", "anchor", "closed", "capture", "gap", "closed"]
        assert events[1].boot_id == events[0].boot_id and events[1].monotonic_ns is not None
        assert events[5].ms - events[1].ms < 60_000

    def test_a_directory_without_track_json_takes_a_number_too(self, paths: FolderPaths) -> None:
        paths.track(4).mkdir()
        (paths.tracks / "notes").mkdir()
        log = CaptureLog(paths, ANCHOR)
        assert log.reserve_track_number() == 5
        log.close("stopped")


class TestFullDisk:
    def test_a_failing_flush_marks_the_log_broken(
        self, paths: FolderPaths, capture_log: CaptureLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(capture_log_module, "FLUSH_INTERVAL_S", 0.001)
        track_log = capture_log.open_track(track(0))
        sink = TrackSink(capture_log, [track_log])
        sink.rtp(rtp(1))
        full_disk(track_log)

        async def until_broken() -> None:
            running = asyncio.create_task(capture_log.run())
            await asyncio.wait_for(capture_log.broken.wait(), PATIENCE_S)
            assert not running.done()
            running.cancel()
            await asyncio.wait([running])

        asyncio.run(until_broken())
        sink.rtp(rtp(2))
        sink.rtcp(sender_report())
        capture_log.close("disk_failed")
        assert FolderReader(paths).timeline()[-1].cause == "disk_failed"

    def test_a_segment_that_cannot_be_created_never_raises_from_the_sink(
        self, paths: FolderPaths, capture_log: CaptureLog
    ) -> None:
        track_log = capture_log.open_track(track(0))
        paths.segment(0, 0).mkdir()
        sink = TrackSink(capture_log, [track_log])
        sink.rtp(rtp(1))
        assert capture_log.broken.is_set()
        assert capture_log.media_seen.is_set()
        capture_log.broken.clear()
        sink.rtcp(sender_report())
        assert capture_log.broken.is_set()
        paths.segment(0, 0).rmdir()
        sink.rtp(rtp(2))  # there is room again
        capture_log.close("stopped")
        assert [r.packet for r in records(paths, 0, 0)] == [rtp(2)]

    def test_a_timeline_that_cannot_be_written_marks_the_log_broken(self, capture_log: CaptureLog) -> None:
        real = capture_log._timeline._file
        capture_log._timeline._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115 - closed below
        capture_log.event("joined", participant="users/mira", name="Mira")
        assert capture_log.broken.is_set()
        capture_log._timeline._file.close()
        capture_log._timeline._file = real

    def test_closing_closes_everything_that_can_be_closed(
        self, paths: FolderPaths, capture_log: CaptureLog
    ) -> None:
        logs = [capture_log.open_track(track(number)) for number in range(3)]
        for log in logs:
            log.add(1, rtp(1))
        full_disk(logs[1])
        capture_log.close("stopped")
        assert capture_log.broken.is_set()
        assert len(records(paths, 0, 0)) == len(records(paths, 2, 0)) == 1
        CaptureLog(paths, ANCHOR).close("stopped")  # the lock is free


async def test_closing_waits_for_a_sync_on_its_way(
    paths: FolderPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture_log = CaptureLog(paths, ANCHOR)
    for number in range(2):
        log = capture_log.open_track(track(number))
        log.add(0, rtp(0))
        log.add(SEGMENT_MS, rtp(1))
    syncing, go_on = threading.Event(), threading.Event()
    real_close = SegmentWriter.close

    def slow_close(self: SegmentWriter) -> None:
        if not syncing.is_set():  # the first one, in the syncing thread
            syncing.set()
            assert go_on.wait(PATIENCE_S)
        real_close(self)

    monkeypatch.setattr(SegmentWriter, "close", slow_close)
    monkeypatch.setattr(capture_log_module, "FLUSH_INTERVAL_S", 0.001)
    monkeypatch.setattr(capture_log_module, "SYNC_INTERVAL_S", 0.001)
    running = asyncio.create_task(capture_log.run())
    assert await asyncio.to_thread(syncing.wait, PATIENCE_S)
    running.cancel()  # as at the end of a call: the thread goes on
    await asyncio.wait([running])
    closing = asyncio.create_task(asyncio.to_thread(capture_log.close, "stopped"))
    done, _ = await asyncio.wait([closing], timeout=0.05)
    assert not done
    go_on.set()
    await asyncio.wait_for(closing, PATIENCE_S)
    assert not capture_log.broken.is_set()
    for number in range(2):
        assert [len(records(paths, number, index)) for index in range(2)] == [1, 1]


async def test_a_slow_disk_does_not_hold_up_what_a_killed_process_would_lose(
    paths: FolderPaths, capture_log: CaptureLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = TrackSink(capture_log, [capture_log.open_track(track(0))])
    syncing, go_on = threading.Event(), threading.Event()

    def slow_sync(descriptor: int) -> None:
        syncing.set()
        assert go_on.wait(PATIENCE_S)

    monkeypatch.setattr(os, "fsync", slow_sync)
    monkeypatch.setattr(capture_log_module, "FLUSH_INTERVAL_S", 0.001)
    monkeypatch.setattr(capture_log_module, "SYNC_INTERVAL_S", 0.001)
    running = asyncio.create_task(capture_log.run())
    try:
        assert await asyncio.to_thread(syncing.wait, PATIENCE_S)
        sink.rtp(rtp(1))
        await until(lambda: records(paths, 0, 0))
    finally:
        go_on.set()
        running.cancel()
        await asyncio.wait([running])
