"""Reading a folder that is still written."""

from pathlib import Path

import pytest

from callrec.errors import FolderDamaged
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.rtpdump import SegmentWriter
from callrec.recorder.folder.timeline import Event, TimelineWriter
from callrec.recorder.folder.track import create_track
from tests.recorder.folder.samples import MANIFEST, folder, rtp, track


@pytest.fixture
def paths(tmp_path: Path) -> FolderPaths:
    return folder(tmp_path / "recording")


def poll(reader: TrackReader) -> list[int]:
    """Return the sequence numbers that were not read yet."""
    return [int.from_bytes(record.packet[2:4], "big") for record in reader.poll()]


def segment(paths: FolderPaths, index: int) -> SegmentWriter:
    return SegmentWriter(paths.segment(0, index), 0.0)


def test_a_growing_track_is_read_packet_by_packet(paths: FolderPaths) -> None:
    create_track(paths.track(0), track())
    reader = TrackReader(paths, track())
    assert poll(reader) == []
    sequence = 0
    for index in range(3):
        writer = segment(paths, index)
        assert poll(reader) == []
        for count in (1, 3, 0):
            for _ in range(count):
                writer.add(sequence, rtp(sequence))
                sequence += 1
            assert poll(reader) == []
            writer.flush()
            assert poll(reader) == list(range(sequence - count, sequence))
        writer.close()
        assert poll(reader) == []
    assert poll(TrackReader(paths, track())) == list(range(sequence))


def test_every_byte_boundary_of_a_growing_file_is_safe(paths: FolderPaths, tmp_path: Path) -> None:
    create_track(paths.track(0), track())
    writer = SegmentWriter(tmp_path / "whole", 0.0)
    for sequence in range(4):
        writer.add(sequence, rtp(sequence))
    writer.close()
    content = (tmp_path / "whole").read_bytes()
    reader = TrackReader(paths, track())
    got = []
    with paths.segment(0, 0).open("wb", buffering=0) as file:
        for byte in content:
            file.write(bytes([byte]))
            got += poll(reader)
    assert got == [0, 1, 2, 3]


def test_segments_that_are_missing_are_passed_over(paths: FolderPaths) -> None:
    create_track(paths.track(0), track())
    for index in (2, 3, 4_000_000_000):
        writer = segment(paths, index)
        writer.add(index, rtp(index & 0xFF))
        writer.close()
    reader = TrackReader(paths, track())
    assert poll(reader) == [2, 3, 4_000_000_000 & 0xFF]
    assert reader.missing_segments == [range(2), range(4, 4_000_000_000)]
    assert poll(reader) == []


def test_a_torn_tail_is_left_when_the_next_segment_is_there(paths: FolderPaths) -> None:
    create_track(paths.track(0), track())
    first = segment(paths, 0)
    first.add(0, rtp(0))
    first.close()
    with paths.segment(0, 0).open("ab") as file:
        file.write(b"\x00\x30\x00\x28torn")
    reader = TrackReader(paths, track())
    assert poll(reader) == [0]
    second = segment(paths, 1)
    second.add(1, rtp(1))
    second.close()
    assert poll(reader) == [1]
    assert poll(reader) == []


def test_a_reader_may_stop_anywhere_and_go_on(paths: FolderPaths) -> None:
    create_track(paths.track(0), track())
    for index in range(2):
        writer = segment(paths, index)
        for sequence in range(index * 3, index * 3 + 3):
            writer.add(sequence, rtp(sequence))
        writer.close()
    reader = TrackReader(paths, track())
    got = []
    for _ in range(6):
        for record in reader.poll():
            got.append(record.packet[3])
            break
    assert got == [0, 1, 2, 3, 4, 5]
    assert poll(reader) == []


def test_tracks_come_by_number(paths: FolderPaths) -> None:
    for number in (10, 2, 0):
        create_track(paths.track(number), track(number))
    (paths.tracks / "not-a-track").mkdir()
    assert [t.number for t in FolderReader(paths).tracks()] == [0, 2, 10]


def test_a_directory_without_track_json_is_passed_over(paths: FolderPaths) -> None:
    create_track(paths.track(1), track(1))
    paths.track(0).mkdir()
    (paths.track(0) / ".track.json.77.tmp").write_bytes(b'{"number":0')  # killed while it was created
    assert [t.number for t in FolderReader(paths).tracks()] == [1]


def test_a_damaged_track_json_is_damage(paths: FolderPaths) -> None:
    paths.track(0).mkdir()
    (paths.track(0) / "track.json").write_bytes(b"{}")
    with pytest.raises(FolderDamaged, match=r"tracks/0/track\.json"):
        FolderReader(paths).tracks()


def test_a_late_track_event_names_the_participant_and_the_last_one_wins(paths: FolderPaths) -> None:
    for number in range(3):
        create_track(paths.track(number), track(number, f"session/{number}"))
    timeline = TimelineWriter(paths.timeline)
    for number, participant in ((1, "guests/abc"), (2, "users/ole"), (1, "users/mira"), (9, "users/none")):
        timeline.write(Event(1, "track", track=number, participant=participant))
    timeline.write(Event(2, "track", track=0))
    timeline.close()
    participants = [t.participant for t in FolderReader(paths).tracks()]
    assert participants == ["session/0", "users/mira", "users/ole"]


def test_a_folder_is_opened_by_its_root(paths: FolderPaths) -> None:
    write_manifest(paths.manifest, MANIFEST)
    reader = FolderReader.at(paths.root)
    assert reader.manifest() == MANIFEST
    assert reader.timeline() == [] and reader.tracks() == []
