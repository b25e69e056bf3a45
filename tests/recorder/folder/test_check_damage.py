"""The check of recording folders that are damaged in each way."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.rtpdump import HEADER_BYTES, SegmentWriter, read_records
from tests.recorder.folder.checked import append, codes
from tests.recorder.folder.samples import rtp


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
