"""``callrec folder check``: what it prints, and what its exit code says."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from callrec.recorder.folder.timeline import Event
from tests.recorder.synthetic import ANNA, SyntheticRecording

CALLREC = Path(sys.executable).with_name("callrec")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(CALLREC), "folder", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)


@pytest.fixture
def recording(tmp_path: Path) -> SyntheticRecording:
    life = [Event(0, "capture"), Event(3100, "closed", cause="stopped")]
    recording = SyntheticRecording(tmp_path / "recording", [replace(ANNA, joins_ms=100)], 3000, events=life)
    recording.write()
    recording.close()
    return recording


def test_a_whole_folder_is_described_with_0(recording: SyntheticRecording) -> None:
    done = check(recording.root)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "whole"
    assert "room          abcd1234 of https://talk.example" in lines
    assert any(line.startswith("film          2023-11-14 22:13:20 UTC to ") for line in lines)
    assert any(line.split()[:3] == ["users/anna", "Anna", "Åström"] for line in lines)
    tracks = [line.split() for line in lines if line.split()[1:2] == ["users/anna"]]
    assert [(row[0], row[2], row[3]) for row in tracks] == [
        ("0", "microphone", "opus"),
        ("1", "camera", "vp8"),
    ]


def test_findings_are_named_with_1(recording: SyntheticRecording) -> None:
    torn = recording.paths.segment(0, 0)
    os.truncate(torn, torn.stat().st_size - 1)
    done = check(recording.root)
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("torn_tail ")]
    assert "tracks/0/0.rtpdump at byte " in line
    assert done.stdout.splitlines()[-1] == "can be composed, with findings"


def test_what_cannot_be_composed_is_described_with_2(recording: SyntheticRecording) -> None:
    recording.paths.manifest.unlink()
    done = check(recording.root)
    assert (done.returncode, done.stderr) == (2, "")
    assert "manifest.json: No such file" in done.stdout and "users/anna" in done.stdout
    assert done.stdout.splitlines()[-1] == "cannot be composed"


def test_json_is_for_programs(recording: SyntheticRecording) -> None:
    (recording.root / "bad\udcff\nname").touch()
    done = check(recording.root, "--output", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["kind"], report["state"], report["usable"]) == ("video", "closed", True)
    assert [found["missing"] for found in report["tracks"]] == [0, 0]
    assert report["finding_counts"] == {"unknown_file": 1}
    assert report["findings"][0]["where"] == "bad\udcff\nname"


def test_a_stranger_s_text_moves_no_cursor(recording: SyntheticRecording) -> None:
    name = "\\u001b[2J[red]Mira\\u202e"
    with recording.paths.timeline.open("a") as file:
        file.write(f'{{"ms":3100,"type":"name","participant":"users/anna","name":"{name}"}}\n')
    (recording.root / "\x1b[31m\udcffred").touch()
    done = check(recording.root)
    assert done.returncode == 1 and not done.stderr
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    assert "�[2J[red]Mira�" in done.stdout


def test_of_many_findings_some_are_printed_and_all_are_counted(recording: SyntheticRecording) -> None:
    for number in range(50):
        (recording.root / f"file{number}").touch()
    done = check(recording.root)
    assert done.stdout.count("unknown_file") == 21
    assert "unknown_file        … and 30 more" in done.stdout


def test_what_is_no_recording_folder_is_one_line(tmp_path: Path) -> None:
    for directory, text in ((tmp_path, "no recording folder"), (tmp_path / "none", "no such directory")):
        done = check(directory)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("callrec: ") and text in line
