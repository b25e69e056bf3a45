"""The check of a recording folder: of whole ones, of ones that lost packets, and while it is written."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from callrec.errors import FolderDamaged
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.check.report import Stretch, TrackReport
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.rtpdump import SegmentWriter, read_records
from callrec.recorder.folder.track import create_track
from tests.recorder.folder.checked import ANNE, DURATION_MS, LIFE, append, codes, record
from tests.recorder.folder.samples import MANIFEST, folder, rtp, track
from tests.recorder.synthetic import ANNA, CEM, Network, SyntheticRecording, every


def sequences(root: Path, number: int) -> list[int]:
    """Return the sequence numbers of a track's media, read by hand."""
    reader = FolderReader.at(root)
    (found,) = [t for t in reader.tracks() if t.number == number]
    packets = [r.packet for r in TrackReader(reader.paths, found).poll() if not r.rtcp]
    main = min(found.payload_types)
    return [int.from_bytes(p[2:4], "big") for p in packets if p[1] & 0x7F == main]


class TestWhole:
    def test_nothing_is_wrong(self, whole: Path) -> None:
        report = check_folder(whole)
        assert report.findings == [] and report.finding_counts == {} and report.usable

    def test_the_recording_is_described(self, whole: Path) -> None:
        report = check_folder(whole)
        assert (report.format_version, report.backend, report.token) == (
            1,
            "https://talk.example",
            "abcd1234",
        )
        assert (report.kind, report.state, report.acknowledged) == ("video", "closed", False)
        assert report.film == Stretch(500, DURATION_MS)
        assert (report.begins_at, report.ends_at) == (1_700_000_000.5, 1_700_000_004.0)

    def test_participants_have_names_and_presence(self, whole: Path) -> None:
        anna, cem = check_folder(whole).timeline.participants
        assert (anna.participant, anna.name, anna.present) == (ANNA.key, ANNA.name, [Stretch(100, 4100)])
        assert (cem.participant, cem.name, cem.present) == (CEM.key, CEM.name, [Stretch(200, 3000)])
        assert (anna.present_ms, cem.present_ms) == (4000, 2800)

    def test_tracks_are_counted(self, whole: Path) -> None:
        tracks = check_folder(whole).tracks
        assert [(t.participant, t.source, t.codecs) for t in tracks] == [
            (ANNA.key, "microphone", ["opus"]),
            (ANNA.key, "camera", ["vp8"]),
            (CEM.key, "microphone", ["opus"]),
            (CEM.key, "camera", ["vp8"]),
        ]
        for found in tracks:
            paths = FolderPaths(whole)
            segment = paths.segment(found.number, 0)
            records = [record for record, _ in read_records(segment)]
            assert found.packets == len(sequences(whole, found.number)) == found.expected
            assert (found.missing, found.retransmissions, found.segments) == (0, 0, 1)
            assert found.sender_reports == sum(r.rtcp for r in records) > 0
            assert found.size_bytes == segment.stat().st_size
            assert found.ssrcs == [1000 + 10 * found.number]
            assert (found.first_ms, found.last_ms) == (records[0].offset_ms, records[-1].offset_ms)
            assert found.seconds == (records[-1].offset_ms - records[0].offset_ms) / 1000

    def test_the_check_changes_nothing(self, whole: Path) -> None:
        def state() -> dict[Path, tuple[int, int]]:
            return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in whole.rglob("*")}

        before = state()
        check_folder(whole)
        assert state() == before


class TestLoss:
    def test_what_never_came_is_counted(self, tmp_path: Path) -> None:
        network = Network(every(20), retransmitted_after_ms=None)
        root = record(tmp_path / "r", network=network).root
        report = check_folder(root)
        for found in report.tracks:
            got = sequences(root, found.number)
            assert found.expected == max(got) - min(got) + 1
            assert found.missing == found.expected - len(got) > 0
            assert found.missing_percent == pytest.approx(5, abs=1)
        assert codes(report) == [("packets_missing", "tracks/0"), ("packets_missing", "tracks/1")]
        assert report.usable

    def test_what_came_again_is_not_missing(self, tmp_path: Path) -> None:
        root = record(tmp_path / "r", network=Network(every(10), reorder_every=7)).root
        audio, video = check_folder(root).tracks
        assert video.missing == 0 and video.retransmissions > 5
        assert video.packets + video.retransmissions == video.expected
        assert audio.missing > 0

    def test_what_the_next_packet_repeats_is_not_missing(self, tmp_path: Path) -> None:
        person = replace(ANNE, redundant_sound=True, camera=False)
        (audio,) = check_folder(record(tmp_path / "r", person, network=Network(every(10))).root).tracks
        assert audio.packets < audio.expected and audio.missing == 0

    @pytest.mark.parametrize("keeps_ssrc", [True, False])
    def test_a_stream_that_begins_anew_has_lost_nothing(self, tmp_path: Path, keeps_ssrc: bool) -> None:
        person = replace(ANNE, restarts_ms=2000, keeps_ssrc=keeps_ssrc)
        report = check_folder(record(tmp_path / "r", person).root)
        assert report.findings == []
        assert [len(found.ssrcs) for found in report.tracks] == [1 if keeps_ssrc else 2] * 2


class TestWhileItIsWritten:
    def test_what_is_not_finished_yet_is_no_finding(self, tmp_path: Path) -> None:
        recording = SyntheticRecording(tmp_path, [ANNE], DURATION_MS, events=LIFE)
        recording.write(2000)
        append(recording.paths.segment(0, 0), b"\0\x14\0\x0c")
        append(recording.paths.timeline, b'{"ms":20')
        report = check_folder(tmp_path)
        assert (report.findings, report.state) == ([], "open")
        assert report.tracks[0].unfinished_bytes == 4
        assert report.film is None and report.ends_at is None and report.begins_at is not None
        recording.close()

    def test_an_order_that_has_not_begun(self, tmp_path: Path) -> None:
        write_manifest(folder(tmp_path).manifest, MANIFEST)
        report = check_folder(tmp_path)
        assert (report.findings, report.state, report.tracks) == ([], "ordered", [])

    def test_an_older_segment_must_be_whole(self, tmp_path: Path) -> None:
        paths = folder(tmp_path)
        write_manifest(paths.manifest, MANIFEST)
        create_track(paths.track(0), track())
        for index in range(2):
            writer = SegmentWriter(paths.segment(0, index), 0.0)
            writer.add(index, rtp(index))
            writer.close()
            append(paths.segment(0, index), b"torn")
        paths.timeline.write_bytes(b'{"ms":0,"type":"capture"}\n')
        report = check_folder(tmp_path)
        assert [where.split(" ")[0] for _, where in codes(report)] == ["tracks/0/0.rtpdump"]


class TestWhatWasComposed:
    def test_chunks_and_film_are_told(self, damaged: FolderPaths) -> None:
        film = damaged.chunks / "0.1.0-640x360-auto-0123abcd"
        film.mkdir()
        for name, size_bytes in (("000000-320.mkv", 10), ("000001-84.mkv", 20)):
            (film / name).write_bytes(bytes(size_bytes))
        (damaged.output / "Recording.mp4").write_bytes(bytes(30))
        report = check_folder(damaged.root)
        assert (report.findings, report.chunks, report.chunk_bytes) == ([], 2, 30)
        assert [(file.name, file.size_bytes) for file in report.output] == [("Recording.mp4", 30)]


def test_a_late_owner_counts(damaged: FolderPaths) -> None:
    append(damaged.timeline, b'{"ms":4200,"type":"track","track":0,"participant":"users/late"}\n')
    owners = [found.participant for found in check_folder(damaged.root).tracks]
    assert owners == ["users/late", ANNA.key, CEM.key, CEM.key]


def test_what_is_no_recording_folder_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for name, text in (
        ("none", "no such directory"),
        ("file", "no such directory"),
        ("empty", "no recording"),
    ):
        with pytest.raises(FolderDamaged, match=text):
            check_folder(tmp_path / name)


def test_the_report_counts_as_data(whole: Path) -> None:
    built = msgspec.to_builtins(check_folder(whole))
    assert msgspec.convert(built["tracks"][0], TrackReport).packets == built["tracks"][0]["packets"]
