"""A hostile folder costs the check neither its memory nor its composure."""

import subprocess
import sys
from pathlib import Path

import pytest

from callrec.recorder.folder.check import entries as entries_module
from callrec.recorder.folder.check import examination
from callrec.recorder.folder.check.entries import entries
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.check.findings import MAX_LISTED, MAX_TEXT_CHARACTERS, Findings
from callrec.recorder.folder.check.packets import MAX_SSRCS, PacketCounter
from callrec.recorder.folder.check.presence import MAX_PARTICIPANTS, MAX_STRETCHES, Presence
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.rtpdump import SegmentWriter
from callrec.recorder.folder.timeline import MAX_LINE_BYTES, Event
from callrec.recorder.folder.track import create_track
from tests.recorder.folder.samples import MANIFEST, folder, rtp, track

_MEASURE = """
import resource, sys
from pathlib import Path
from callrec.recorder.folder.check.examination import check_folder
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = check_folder(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, sum(report.timeline.events.values()))
"""
GROWTH_KIB = 16_384
"""Ring buffers, caps of what is kept, and what Python's allocator takes ahead; the timeline has 60 MB."""


@pytest.fixture
def paths(tmp_path: Path) -> FolderPaths:
    paths = folder(tmp_path / "recording")
    write_manifest(paths.manifest, MANIFEST)
    return paths


def measure(root: Path) -> tuple[int, int]:
    """Return by how many KiB a process grows with the check, and the events that it counted."""
    command = [sys.executable, "-c", _MEASURE, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    growth, events = map(int, done.stdout.split())
    return growth, events


def test_a_million_events_fit_in_little_memory(paths: FolderPaths) -> None:
    with paths.timeline.open("wb") as file:
        for number in range(0, 1_000_000, 4):
            file.write(
                b'{"ms":%d,"type":"capture"}\n{"ms":%d,"type":"joined","participant":"guests/%d","name":"x"}\n'
                b'{"ms":7,"type":"name","participant":"a","name":"b"}\n{"ms":%d,"type":"track","track":%d,'
                b'"participant":"users/%d"}\n' % (number, number, number, number, number, number)
            )
    growth_kib, events = measure(paths.root)
    assert events == 1_000_000
    assert growth_kib < GROWTH_KIB


def test_huge_files_fit_in_little_memory(paths: FolderPaths) -> None:
    """Sparse: a line without an end, and a segment of zeros."""
    with paths.timeline.open("wb") as file:
        file.truncate(200 << 20)
    create_track(paths.track(0), track())
    with paths.segment(0, 0).open("wb") as file:
        file.truncate(1 << 40)
    growth_kib, events = measure(paths.root)
    assert events == 0
    assert growth_kib < GROWTH_KIB
    assert check_folder(paths.root).finding_counts["segment_header"] == 1


def test_a_line_that_is_too_long_costs_only_itself(paths: FolderPaths) -> None:
    event = b'{"ms":1,"type":"capture"}\n'
    for length in (MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES):
        paths.timeline.write_bytes(b"x" * (length - 1) + b"\n" + event)
        report = check_folder(paths.root)
        assert report.timeline.events == {"capture": 1}
        assert [f.where for f in report.findings] == ["timeline.jsonl line 1"]


def test_findings_are_listed_up_to_a_number_and_counted_beyond() -> None:
    findings = Findings()
    for number in range(1000):
        findings.add("unknown_file", str(number), "x" * 10_000)
    findings.add("torn_tail", "there", "short")
    listed = list(findings)
    assert len(listed) == MAX_LISTED + 1 and findings.counts == {"unknown_file": 1000, "torn_tail": 1}
    assert max(len(finding.text) for finding in listed) == MAX_TEXT_CHARACTERS


def test_directories_are_listed_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries_module, "MAX_ENTRIES", 5)
    for number in range(7):
        (tmp_path / str(number)).touch()
    findings = Findings()
    assert len(entries(tmp_path, ".", findings)) == 5
    assert findings.counts == {"too_many": 1}


def test_tracks_are_looked_at_up_to_a_number(paths: FolderPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "MAX_TRACKS", 2)
    for number in range(4):
        create_track(paths.track(number), track(number))
    report = check_folder(paths.root)
    assert [found.number for found in report.tracks] == [0, 1]
    assert report.finding_counts["too_many"] == 1 and "unknown_file" not in report.finding_counts


def test_ssrcs_without_end_are_forgotten_but_counted() -> None:
    counter = PacketCounter(track())
    for ssrc in range(1000):
        for sequence in (1, 3):
            counter.rtp(ssrc, rtp(sequence, ssrc=ssrc))
    assert (counter.packets, counter.expected, counter.missing) == (2000, 3000, 1000)
    assert counter.ssrcs == list(range(MAX_SSRCS)) and counter.unnamed_ssrcs == 1000 - MAX_SSRCS
    assert len(counter._streams) == MAX_SSRCS


def test_people_without_end_are_counted_but_not_kept() -> None:
    presence = Presence()
    for number in range(MAX_PARTICIPANTS + 10):
        presence.add(Event(number, "joined", participant=f"guests/{number}", name="x" * 1000))
    assert len(presence.participants()) == MAX_PARTICIPANTS and presence.unnamed == 10
    one = Presence()
    for number in range(0, 1000, 2):
        one.add(Event(number, "joined", participant="guests/a"))
        one.add(Event(number + 1, "left", participant="guests/a"))
    (person,) = one.participants()
    assert len(person.present) == MAX_STRETCHES and person.present_ms == 500


def test_packets_of_rubbish_are_counted_as_damaged_or_foreign(paths: FolderPaths) -> None:
    create_track(paths.track(0), track())
    writer = SegmentWriter(paths.segment(0, 0), 0.0)
    for number in range(256):
        writer.add(number, bytes([number]) * (number % 40 + 1))
        writer.add(number, bytes([0x80, 96]) + bytes([number]) * (number % 14), rtcp=number % 2 == 0)
    writer.close()
    (found,) = check_folder(paths.root).tracks
    assert found.packets + found.missing >= 0
