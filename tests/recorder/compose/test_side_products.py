"""What lies beside a film: speaking times as the conversation server reads them, and the overview."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from callrec.conversation import speaking_times
from callrec.errors import ComposeFailed
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.heard import PEAK_MS
from callrec.recorder.compose.worker import compose_once
from callrec.recorder.folder.check.examination import check_folder
from tests.recorder.synthetic import ANNA, CEM, SyntheticRecording

SMALL = ComposeOptions(320, 180)
STARTED_MS, STOP_MS = 700, 19_000
DURATION_MS = STOP_MS - STARTED_MS
JOINS_MS, LEAVES_MS = 5000, 12_000
TOLERANCE_MS = 60
"""Of the beginning of what is heard: cells of 20 ms, and the way of a packet."""


def recorded(root: Path) -> SyntheticRecording:
    people = [ANNA, replace(CEM, joins_ms=JOINS_MS, leaves_ms=LEAVES_MS, camera=False)]
    recording = SyntheticRecording(root, people, STOP_MS, STARTED_MS)
    recording.write()
    recording.close()
    return recording


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticRecording:
    root = tmp_path_factory.mktemp("side-products")
    recording = recorded(root)
    compose_once(root, SMALL)
    return recording


def test_the_conversation_server_reads_the_speaking_times(made: SyntheticRecording) -> None:
    times = speaking_times.read((made.paths.output / "Recording speaking times.json").read_bytes())
    begins_at_ms = 1_700_000_000_000 + STARTED_MS
    assert times.recording_start_timestamp == begins_at_ms
    anna, cem = (
        [i for i in times.intervals if i.participant_id == key] for key in ("users/anna", "guests/cem")
    )
    assert {(i.participant_name, i.participant_user_id) for i in anna} == {("Anna Åström", "anna")}
    assert {(i.participant_name, i.participant_user_id) for i in cem} == {("Çem Yılmaz", None)}
    assert cem[0].start_timestamp_relative == pytest.approx(JOINS_MS - STARTED_MS, abs=TOLERANCE_MS)
    assert all(i.stop_timestamp_relative <= LEAVES_MS - STARTED_MS + 300 for i in cem)
    for interval in times.intervals:
        assert 0 <= interval.start_timestamp_relative < interval.stop_timestamp_relative <= DURATION_MS
        assert interval.start_timestamp == begins_at_ms + interval.start_timestamp_relative
        assert interval.stop_timestamp == begins_at_ms + interval.stop_timestamp_relative
    starts = [i.start_timestamp for i in times.intervals]
    assert starts == sorted(starts)


def test_the_overview_shows_who_was_heard_how_loud_and_when(made: SyntheticRecording) -> None:
    told = json.loads((made.paths.output / "Recording overview.json").read_text())
    assert (told["version"], told["begins_at"], told["duration_ms"], told["peak_ms"]) == (
        1, pytest.approx(1_700_000_000.7), DURATION_MS, PEAK_MS,
    )  # fmt: skip
    anna, cem = told["participants"]
    assert (anna["participant"], cem["participant"]) == ("users/anna", "guests/cem")
    assert (anna["name"], cem["name"]) == ("Anna Åström", "Çem Yılmaz")
    assert len(anna["peaks_db"]) == len(cem["peaks_db"]) == DURATION_MS // PEAK_MS
    # A tone of amplitude 0.1, and a beep of 0.4 in the first 80 ms of each second.
    assert sorted(set(anna["peaks_db"][5:15]))[0] == -23
    assert max(anna["peaks_db"][:10]) == pytest.approx(-11, abs=1)
    first, last = (JOINS_MS - STARTED_MS) // PEAK_MS, (LEAVES_MS - STARTED_MS) // PEAK_MS
    assert set(cem["peaks_db"][: first - 1]) == set(cem["peaks_db"][last + 2 :]) == {-120}
    assert min(cem["peaks_db"][first + 1 : last - 1]) == -23
    assert cem["speech_ms"][0][0] == pytest.approx(JOINS_MS - STARTED_MS, abs=TOLERANCE_MS)
    assert [chapter["from_ms"] for chapter in told["chapters"]][:1] == [0]
    times = speaking_times.read((made.paths.output / "Recording speaking times.json").read_bytes())
    parts = [(one.start_timestamp_relative, one.title) for one in times.chapters]
    assert parts == [(chapter["from_ms"], chapter["title"]) for chapter in told["chapters"]]


def test_the_folder_check_knows_them(made: SyntheticRecording) -> None:
    report = check_folder(made.root)
    assert [finding.code for finding in report.findings if finding.code == "unknown_file"] == []
    assert {file.name for file in report.output} == {
        "Recording.mp4", "Recording.jpg", "Recording speaking times.json", "Recording overview.json",
    }  # fmt: skip


def test_damaged_levels_cost_their_chunk_and_nothing_else(tmp_path: Path) -> None:
    recording = recorded(tmp_path)
    compose_once(tmp_path, SMALL)
    before = {path.name: path.read_bytes() for path in recording.paths.output.glob("*.json")}
    (recording.paths.output / "Recording.mp4").unlink()
    (levels,) = recording.paths.chunks.glob("*/000000-320.levels")
    levels.write_bytes(b"damaged")
    with pytest.raises(ComposeFailed, match="chunk 0"):
        compose_once(tmp_path, SMALL)
    compose_once(tmp_path, SMALL)
    assert {path.name: path.read_bytes() for path in recording.paths.output.glob("*.json")} == before
