"""What is said about a time depends on the log up to 3 s later, and on nothing else."""

import math
import os
import struct
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callrec.recorder.compose.ingest import LOOKAHEAD_MS, STEP_MS, Ingest
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.rtpdump import SegmentWriter
from callrec.recorder.folder.timeline import Event
from callrec.recorder.folder.track import PayloadType, Track, create_track
from tests.recorder.synthetic import ANNA, BEN, Network, SyntheticRecording, every

# Later than is waited for: only who looks too far ahead sees these retransmissions.
TOO_LATE = Network(every(9), retransmitted_after_ms=LOOKAHEAD_MS + 300, reorder_every=5)
ORIGIN_MS = 3 * STEP_MS


def said(root: Path, *until_ms: int) -> dict[int, list[object]]:
    """Return all frames and sounds of each track after advancing to each of *until_ms*."""
    ingest = Ingest(FolderReader.at(root), ORIGIN_MS, video=True)
    for ms in until_ms:
        ingest.advance(ms)
    return {
        number: [unit for stream in log.streams for unit in (*stream.frames, *stream.sounds)]
        for number, log in ingest.tracks.items()
    }


@pytest.mark.parametrize("steps", [4, 7, 12])
def test_a_longer_log_says_the_same(tmp_path: Path, steps: int) -> None:
    end_ms = steps * STEP_MS
    whole, short = tmp_path / "whole", tmp_path / "short"
    for root, until_ms in ((whole, math.inf), (short, end_ms - STEP_MS + LOOKAHEAD_MS)):
        recording = SyntheticRecording(root, [ANNA, BEN], 14_000, network=TOO_LATE)
        recording.write(until_ms)
        recording.close()
    at_once = said(whole, end_ms)
    assert all(at_once.values())
    assert said(short, end_ms) == at_once
    assert said(whole, *range(0, end_ms + 1, 200)) == at_once


def test_a_log_that_grows_is_read_on(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 9000)
    recording.write(5000)
    ingest = Ingest(FolderReader.at(tmp_path), ORIGIN_MS, video=True)
    ingest.advance(2 * STEP_MS)
    recording.write()
    recording.close()
    ingest.advance(9000)
    (sounds,) = (s.sounds for log in ingest.tracks.values() if not log.video for s in log.streams)
    assert len(sounds) == 450


def test_the_timeline_names_owners_from_then_on(tmp_path: Path) -> None:
    events = [Event(2000, "track", track=0, participant="users/late")]
    recording = SyntheticRecording(tmp_path, [ANNA], 3000, events=events)
    recording.write()
    recording.close()
    ingest = Ingest(FolderReader.at(tmp_path), ORIGIN_MS, video=True)
    ingest.advance(STEP_MS)
    assert ingest.owners(1999) == {0: ANNA.key, 1: ANNA.key}
    assert ingest.owners(2000) == {0: "users/late", 1: ANNA.key}


def test_torn_tails_are_logged_where_they_are_met(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 3000)
    recording.write()
    recording.close()
    torn, size_bytes = recording.paths.segment(0, 0), recording.paths.segment(1, 0).stat().st_size
    os.truncate(torn, torn.stat().st_size - 3)
    SegmentWriter(recording.paths.segment(1, 1), 0.0).close()
    with recording.paths.segment(1, 0).open("ab") as file:
        file.write(b"torn")
    ingest = Ingest(FolderReader.at(tmp_path), ORIGIN_MS, video=True)
    ingest.advance(9000)
    with capture_logs() as logged:
        ingest.report_damage()
    first, second = logged
    assert (first["event"], first["log_level"], first["track"]) == ("torn_tail", "warning", 0)
    assert first["position"] + first["size_bytes"] == torn.stat().st_size
    assert (second["track"], second["segment"], second["position"]) == (1, "0.rtpdump", size_bytes)


def test_an_end_that_was_not_reached_is_not_taken_for_torn(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 9000)
    recording.write()
    recording.close()
    ingest = Ingest(FolderReader.at(tmp_path), ORIGIN_MS, video=True)
    ingest.advance(STEP_MS)
    with capture_logs() as logged:
        ingest.report_damage()
    assert logged == []


def test_a_track_that_cannot_be_read_is_logged_once(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 3000)
    recording.write()
    recording.close()
    (recording.paths.track(1) / "track.json").write_text("{}")
    (tmp_path / "tracks" / "9").mkdir()
    with capture_logs() as logged:
        assert [len(units) > 50 for units in said(tmp_path, 640, 1280, 3000).values()] == [True]
    assert [(one["event"], one["track"]) for one in logged] == [("track_damaged", 1)]


def test_who_begins_anew_all_the_time_is_not_listened_to_for_ever(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [], 3000)
    track = Track(0, "users/x", "microphone", "s", "0", {111: PayloadType("opus", 48_000)})
    create_track(recording.paths.track(0), track)
    writer = SegmentWriter(recording.paths.segment(0, 0), 0.0)
    for number in range(1000):
        writer.add(
            number, struct.pack("!BBHII", 0x80, 111, number, number * 10**9 & 0xFFFFFFFF, number & 1) + b"x"
        )
    writer.close()
    ingest = Ingest(FolderReader.at(tmp_path), ORIGIN_MS, video=True)
    ingest.advance(3000)
    assert len(ingest.tracks[0].streams) == 8
