"""When a capture last wrote, and what it wrote last."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrec import clock
from callrec.recorder.capture.track_log import SEGMENT_MS, TrackLog
from callrec.recorder.folder import sign_of_life
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.timeline import Event, TimelineWriter
from tests.recorder.folder.samples import folder, rtp, track

ANCHOR_S = 1000.0


@pytest.fixture
def paths(tmp_path: Path) -> FolderPaths:
    return folder(tmp_path / "recording")


def write_event(paths: FolderPaths, ms: int) -> None:
    timeline = TimelineWriter(paths.timeline)
    timeline.write(Event(ms, "heartbeat"))
    timeline.close()


def write_packets(paths: FolderPaths, number: int, *moments: int) -> None:
    log = TrackLog(paths, track(number), 0.0)
    for ms in moments:
        log.add(ms, rtp(1))
    log.close()


def test_a_folder_that_no_capture_has_seen_has_not_begun(paths: FolderPaths) -> None:
    assert not sign_of_life.has_begun(paths)
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 0
    write_event(paths, 3)
    assert sign_of_life.has_begun(paths)


def test_the_last_moment_is_that_of_the_last_event_or_packet(paths: FolderPaths) -> None:
    write_event(paths, 500)
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 500
    write_packets(paths, 0, 100, 400)
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 500
    write_packets(paths, 1, 100, SEGMENT_MS + 200, 12 * SEGMENT_MS)
    write_packets(paths, 2, 700)
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 12 * SEGMENT_MS


def test_torn_and_empty_ends_are_passed_over(paths: FolderPaths) -> None:
    write_event(paths, 5)
    with paths.timeline.open("ab") as file:
        file.write(b'{"ms":99999,"type":"hea')
    moments = [index * SEGMENT_MS for index in range(12)]
    write_packets(paths, 0, *moments)
    paths.segment(0, 12).write_bytes(b"")  # created, not flushed
    paths.track(1).mkdir()
    (paths.tracks / "stray file").write_bytes(b"")
    assert sign_of_life.last_ms(paths, ANCHOR_S) == moments[-1]


def test_the_last_moment_does_not_depend_on_wall_time(paths: FolderPaths) -> None:
    write_event(paths, 5000)
    os.utime(paths.timeline, (0, 0))
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 5000


def test_the_age_is_that_of_the_newest_file(paths: FolderPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    write_event(paths, 1)
    write_packets(paths, 0, 1)
    monkeypatch.setattr(clock, "wall_s", lambda: 1000.0)
    os.utime(paths.timeline, (900, 900))
    os.utime(paths.segment(0, 0), (880, 880))
    assert sign_of_life.age_s(paths) == 100
    os.utime(paths.segment(0, 0), (995, 995))
    assert sign_of_life.age_s(paths) == 5
    os.utime(paths.segment(0, 0), (2000, 2000))
    assert sign_of_life.age_s(paths) == 0


def test_a_folder_without_files_is_as_old_as_time(paths: FolderPaths) -> None:
    assert sign_of_life.age_s(paths) > 1e9


def test_a_file_that_cannot_be_read_leaves_the_word_to_the_others(paths: FolderPaths) -> None:
    paths.timeline.mkdir()
    write_packets(paths, 0, 100, 400)
    paths.segment(1, 0).mkdir(parents=True)
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 400


def test_where_nothing_can_be_read_the_last_write_counts(paths: FolderPaths) -> None:
    paths.timeline.mkdir()
    os.utime(paths.timeline, (ANCHOR_S + 2.5, ANCHOR_S + 2.5))
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 2500
    os.utime(paths.timeline, (1, 1))
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 0


def test_a_directory_that_cannot_be_read(paths: FolderPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    write_event(paths, 500)
    write_packets(paths, 0, 700)
    os.utime(paths.timeline, (ANCHOR_S + 3, ANCHOR_S + 3))

    def fail(self: Path, _pattern: str) -> Iterator[Path]:
        raise OSError(errno.EIO, "broken", str(self))

    monkeypatch.setattr(Path, "glob", fail)
    monkeypatch.setattr(clock, "wall_s", lambda: ANCHOR_S + 5)
    assert sign_of_life.last_ms(paths, ANCHOR_S) == 500
    assert sign_of_life.age_s(paths) == 2
