"""Where packets go: each to the track of its stream, reports to those whose senders they name."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.recorder.capture.log import CaptureLog, TrackSink, sender_report_ssrcs
from callrec.recorder.capture.track_log import TrackLog
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import TrackReader
from callrec.recorder.folder.rtpdump import Record
from callrec.recorder.folder.track import PayloadType
from tests.recorder.folder.samples import rtp, sender_report, track

MICROPHONE = msgspec.structs.replace(
    track(1), source="microphone", mid="0", payload_types={111: PayloadType("opus", 48_000)}, ssrcs=[]
)


class TestSink:
    @pytest.fixture
    def logs(self, capture_log: CaptureLog) -> list[TrackLog]:
        return [capture_log.open_track(each) for each in (track(0), MICROPHONE)]

    def written(self, paths: FolderPaths, number: int) -> list[Record]:
        return list(TrackReader(paths, track(number)).poll())

    def test_packets_go_by_payload_type_whole(
        self, paths: FolderPaths, capture_log: CaptureLog, logs: list[TrackLog]
    ) -> None:
        sink = TrackSink(capture_log, logs)
        packets = [rtp(1), rtp(2, payload_type=97, ssrc=9), rtp(3, payload_type=111, ssrc=7)]
        marked = bytes([0x80, 96 | 0x80]) + rtp(4)[2:]
        for packet in [*packets, marked]:
            sink.rtp(packet)
        capture_log.close("stopped")
        assert [r.packet for r in self.written(paths, 0)] == [*packets[:2], marked]
        assert [r.packet for r in self.written(paths, 1)] == packets[2:]

    def test_what_nobody_negotiated_is_not_written_and_is_no_media(
        self, paths: FolderPaths, capture_log: CaptureLog, logs: list[TrackLog]
    ) -> None:
        sink = TrackSink(capture_log, logs[:1])
        sink.rtp(rtp(1, payload_type=100))
        sink.rtp(rtp(1)[:11])
        sink.rtp(b"")
        assert not capture_log.media_seen.is_set()
        assert not paths.segment(0, 0).exists()

    def test_reports_go_to_every_track_that_they_name(
        self, paths: FolderPaths, capture_log: CaptureLog, logs: list[TrackLog]
    ) -> None:
        sink = TrackSink(capture_log, logs)
        both = sender_report(0x11223344) + sender_report(7)
        sink.rtcp(both)  # the second SSRC is not known yet; the first is from the session description
        sink.rtp(rtp(1, payload_type=111, ssrc=7))
        sink.rtcp(both)
        sink.rtcp(sender_report(8))
        capture_log.close("stopped")
        first = [r for r in self.written(paths, 0) if r.rtcp]
        second = [r for r in self.written(paths, 1) if r.rtcp]
        assert len(first) + len(second) == 3
        assert {r.packet for r in first + second} == {both}

    def test_sections_with_the_same_payload_types_are_told_apart_by_ssrc(
        self, paths: FolderPaths, capture_log: CaptureLog
    ) -> None:
        other = msgspec.structs.replace(track(1), mid="2", ssrcs=[9])
        sink = TrackSink(capture_log, [capture_log.open_track(each) for each in (track(0), other)])
        sink.rtp(rtp(1))
        sink.rtp(rtp(1, ssrc=9))
        sink.rtp(rtp(2))
        sink.rtp(rtp(1, ssrc=5))  # nobody has named it
        capture_log.close("stopped")
        assert [r.packet for r in self.written(paths, 0)] == [rtp(1), rtp(2)]
        assert [r.packet for r in self.written(paths, 1)] == [rtp(1, ssrc=9), rtp(1, ssrc=5)]

    def test_after_a_renegotiation_what_was_on_its_way_goes_where_it_went_before(
        self, paths: FolderPaths, capture_log: CaptureLog
    ) -> None:
        new = msgspec.structs.replace(track(1), payload_types={98: PayloadType("vp9", 90_000)})
        logs = [capture_log.open_track(each) for each in (track(0), new)]
        sink = TrackSink(capture_log, logs[:1])
        sink.rtp(rtp(1))
        sink.turn_to(logs[1:])
        sink.rtp(rtp(2))
        sink.rtp(rtp(3, payload_type=98))
        sink.rtcp(sender_report())
        capture_log.close_track(logs[0])
        sink.rtp(rtp(4))
        capture_log.close("stopped")
        assert [r.packet for r in self.written(paths, 0)] == [rtp(1), rtp(2)]
        assert [r.packet for r in self.written(paths, 1)] == [rtp(3, payload_type=98), sender_report()]

    @given(st.binary(max_size=100))
    def test_garbage_never_raises(self, garbage: bytes) -> None:
        sink = TrackSink.__new__(TrackSink)  # without a folder: nothing may reach a track
        sink._by_payload_type, sink._by_ssrc = {}, {}
        sink.rtp(garbage)
        sink.rtcp(garbage)


@pytest.mark.parametrize(
    "compound, found",
    [
        (b"", []),
        (sender_report(5)[:7], []),
        (sender_report(5), [5]),
        (sender_report(5) + sender_report(6), [5, 6]),
        (bytes([0x80, 201, 0, 1]) + bytes(4) + sender_report(6), [6]),  # a receiver report before it
        (sender_report(5)[:12], [5]),  # cut, but its SSRC is there
        (bytes([0x80, 200, 0xFF, 0xFF]) + (5).to_bytes(4, "big"), [5]),  # a length past the end
        (bytes([0x80, 200, 0, 0]) * 3, [0x80C80000, 0x80C80000]),
    ],
)
def test_sender_reports_are_found(compound: bytes, found: list[int]) -> None:
    assert [int.from_bytes(ssrc, "big") for ssrc in sender_report_ssrcs(compound)] == found


@given(st.binary(max_size=300))
def test_any_bytes_hold_some_or_no_sender_reports(garbage: bytes) -> None:
    ssrcs = sender_report_ssrcs(garbage)
    assert len(ssrcs) <= len(garbage) // 4
    assert all(len(ssrc) == 4 for ssrc in ssrcs)
