"""The check of a recording folder: of whole ones, and of ones damaged in each way."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callrec.errors import FolderDamaged
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.check.report import Report, Stretch, TrackReport
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.rtpdump import HEADER_BYTES, SegmentWriter, read_records
from callrec.recorder.folder.timeline import Event
from callrec.recorder.folder.track import create_track
from tests.recorder.folder.samples import MANIFEST, folder, rtp, track
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, CEM, Network, SyntheticRecording, every

LIFE = [Event(0, "capture", boot_id="b"), Event(4100, "closed", cause="stopped")]
DURATION_MS = 4000
ANNE = replace(ANNA, joins_ms=100)
CEMAL = replace(CEM, joins_ms=200, leaves_ms=3000)


def record(root: Path, *people: Person, network: Network | None = None) -> SyntheticRecording:
    recording = SyntheticRecording(
        root, list(people) or [ANNE], DURATION_MS, events=LIFE, network=network or Network()
    )
    recording.write()
    recording.close()
    return recording


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("whole"), ANNE, CEMAL).root


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> FolderPaths:
    """A whole folder that a test may damage."""
    return FolderPaths(shutil.copytree(whole, tmp_path / "damaged", symlinks=True))


def codes(report: Report) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in report.findings]


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


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def rewrite(paths: FolderPaths, **changes: Any) -> None:
    manifest = msgspec.structs.replace(FolderReader(paths).manifest(), **changes)
    write_manifest(paths.manifest, manifest)


def cut_second_segment(paths: FolderPaths) -> None:
    writer = SegmentWriter(paths.segment(0, 2), 0.0)
    writer.add(4001, rtp(1, payload_type=111))
    writer.close()


def link(path: Path, target: str = "/etc/passwd") -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def move_tracks(paths: FolderPaths) -> None:
    paths.tracks.rename(paths.root.with_name("elsewhere"))
    link(paths.tracks, "../elsewhere")


Damage = Callable[[FolderPaths], object]
FIRST, SECOND = "tracks/0/0.rtpdump at byte ", "tracks/1/0.rtpdump at byte "
LINE = "timeline.jsonl line 6"
USABLE: dict[str, tuple[Damage, str, str]] = {
    "a record too short": (
        lambda p: append(p.segment(0, 0), b"\0\7\0\0\0\0\0\0"), "torn_tail", FIRST),
    "a record that contradicts itself": (
        lambda p: append(p.segment(1, 0), b"\0\x14\0\x0b\0\0\0\0" + bytes(12)),
        "torn_tail", SECOND),
    "a record past the end": (
        lambda p: append(p.segment(1, 0), b"\0\x14\0\x0c\0\0\0\0"), "torn_tail", SECOND),
    "rubbish in a segment": (
        lambda p: p.segment(2, 0).write_bytes(bytes(range(255)) * 40),
        "segment_header", "tracks/2/0.rtpdump"),
    "an empty segment": (
        lambda p: p.segment(2, 0).write_bytes(b""), "torn_tail", "tracks/2/0.rtpdump at byte 0"),
    "times that go back": (
        lambda p: append(p.segment(0, 0), b"\0\x14\0\x0c\0\0\0\1" + rtp(0, b"", payload_type=111)),
        "record_order", FIRST),
    "no RTP": (
        lambda p: append(p.segment(0, 0), b"\0\x0c\0\x04\0\xff\0\0spam"), "packets_damaged", "tracks/0"),
    "an unknown payload type": (
        lambda p: append(p.segment(0, 0), b"\0\x14\0\x0c\0\xff\0\0" + rtp(0, b"", payload_type=9)),
        "packets_foreign", "tracks/0"),
    "a segment missing in the row": (cut_second_segment, "segment_missing", "tracks/0/1.rtpdump"),
    "a damaged track.json": (
        lambda p: (p.track(1) / "track.json").write_text("{}"), "track_json", "tracks/1/track.json"),
    "another track's track.json": (
        lambda p: shutil.copy(p.track(0) / "track.json", p.track(1)), "track_json", "tracks/1/track.json"),
    "no track.json": (lambda p: (p.track(3) / "track.json").unlink(), "track_json_missing", "tracks/3"),
    "an unknown file": (lambda p: append(p.root / "notes.txt", b"x"), "unknown_file", "notes.txt"),
    "an unknown file of a track": (
        lambda p: append(p.track(0) / "007.rtpdump", b"x"), "unknown_file", "tracks/0/007.rtpdump"),
    "an unknown directory": (lambda p: (p.tracks / "²").mkdir(), "unknown_file", "tracks/²"),
    "an unknown chunk": (lambda p: append(p.chunks / "0.mkv", b"x"), "unknown_file", "chunks/0.mkv"),
    "half a film": (
        lambda p: append(p.output / ".Recording.mp4.tmp", b"x"), "unknown_file", "output/.Recording.mp4.tmp"),
    "an unknown link": (lambda p: link(p.root / "link"), "unknown_file", "link"),
    "a torn line": (lambda p: append(p.timeline, b'{"ms":41'), "timeline_line", LINE),
    "a line of rubbish": (lambda p: append(p.timeline, b"\xff\0\n"), "timeline_line", LINE),
    "a line that is no event": (
        lambda p: append(p.timeline, b'{"ms":4200,"type":"eclipse"}\n'), "timeline_line", LINE),
    "a moment that cannot be": (
        lambda p: append(p.timeline, b'{"ms":-1,"type":"heartbeat"}\n'), "timeline_line", LINE),
    "a line before the one above": (
        lambda p: append(p.timeline, b'{"ms":7,"type":"name","participant":"a","name":"b"}\n'),
        "timeline_order", LINE),
    "no timeline": (lambda p: p.timeline.unlink(), "timeline_missing", "timeline.jsonl"),
    "an end before the beginning": (
        lambda p: rewrite(p, started_ms=3000, stop_ms=2000), "manifest_values", "manifest.json"),
}  # fmt: skip
UNUSABLE: dict[str, tuple[Damage, str, str]] = {
    "no manifest": (lambda p: p.manifest.unlink(), "manifest", "manifest.json"),
    "a manifest of rubbish": (lambda p: p.manifest.write_bytes(os.urandom(99)), "manifest", "manifest.json"),
    "a nested manifest": (lambda p: p.manifest.write_bytes(b"[" * 100_000), "manifest", "manifest.json"),
    "a huge manifest": (lambda p: os.truncate(p.manifest, 1 << 40), "manifest", "manifest.json"),
    "a moment of the manifest that cannot be": (
        lambda p: p.manifest.write_bytes(p.manifest.read_bytes().replace(b"4000", b"1" * 400)),
        "manifest", "manifest.json"),
    "a newer manifest": (lambda p: rewrite(p, format_version=2), "manifest", "manifest.json"),
    "a manifest that is a link": (lambda p: link(p.manifest), "manifest", "manifest.json"),
    "a manifest that is a pipe": (lambda p: pipe(p.manifest), "manifest", "manifest.json"),
    "a track.json that is a link": (
        lambda p: link(p.track(1) / "track.json", "../0/track.json"), "not_regular", "tracks/1/track.json"),
    "a segment that is a link": (lambda p: link(p.segment(0, 0)), "not_regular", "tracks/0/0.rtpdump"),
    "a segment that is a pipe": (lambda p: pipe(p.segment(0, 0)), "not_regular", "tracks/0/0.rtpdump"),
    "a timeline that is a pipe": (lambda p: pipe(p.timeline), "not_regular", "timeline.jsonl"),
    "tracks that lie elsewhere": (move_tracks, "not_regular", "tracks"),
}  # fmt: skip


class TestDamage:
    @pytest.mark.parametrize("name", USABLE)
    def test_it_is_named_and_the_rest_is_usable(self, damaged: FolderPaths, name: str) -> None:
        damage, code, where = USABLE[name]
        damage(damaged)
        report = check_folder(damaged.root)
        assert report.usable
        assert any(c == code and w.startswith(where) for c, w in codes(report)), report.findings

    @pytest.mark.parametrize("name", UNUSABLE)
    def test_it_is_named_and_nothing_can_be_composed(self, damaged: FolderPaths, name: str) -> None:
        damage, code, where = UNUSABLE[name]
        damage(damaged)
        report = check_folder(damaged.root)
        assert not report.usable
        assert [w for c, w in codes(report) if c == code] == [where], report.findings
        assert report.timeline.participants or "timeline" in name, "what can be read is told all the same"

    def test_a_torn_tail_is_named_by_its_offset_and_what_it_costs(self, damaged: FolderPaths) -> None:
        path = damaged.segment(0, 0)
        size_bytes = path.stat().st_size
        records = sum(1 for _ in read_records(path))
        os.truncate(path, size_bytes - 1)
        end = [position for _, position in read_records(path)][-1]
        report = check_folder(damaged.root)
        (finding,) = report.findings
        assert (finding.code, finding.where) == ("torn_tail", f"tracks/0/0.rtpdump at byte {end}")
        assert f"{size_bytes - 1 - end} bytes are not read" in finding.text
        found = report.tracks[0]
        assert found.packets + found.sender_reports == records - 1

    def test_what_follows_a_missing_segment_is_counted_as_it_is_composed(self, damaged: FolderPaths) -> None:
        before = check_folder(damaged.root).tracks[0]
        cut_second_segment(damaged)
        report = check_folder(damaged.root)
        assert (report.tracks[0].segments, report.tracks[0].packets) == (2, before.packets + 1)
        assert report.findings[0].text == "1 missing, passed over"

    @pytest.mark.parametrize("limit", [0, 1, HEADER_BYTES, 500])
    def test_every_file_may_end_anywhere(self, damaged: FolderPaths, limit: int) -> None:
        for path in [p for p in damaged.root.rglob("*") if p.is_file()]:
            content = path.read_bytes()
            path.write_bytes(content[:limit])
            check_folder(damaged.root)
            path.write_bytes(content)
        assert check_folder(damaged.root).findings == []


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
