"""Folders of which something is missing: what is there is composed, what is wrong is logged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callrec.recorder.folder.rtpdump import HEADER_BYTES
from tests.recorder.compose.truth.calls import ASTRID, BOB, film_of, truth_of, write
from tests.recorder.compose.truth.judging import grid, judge
from tests.recorder.synthetic import SyntheticRecording

Damage = Callable[[SyntheticRecording], object]

# Tracks: 0 and 1 are Astrid's microphone and camera, 2 and 3 Bob's.
CAMERA, MICROPHONE = 3, 2


def make(root: Path, damage: Damage) -> tuple[list[str], list[str]]:
    """Compose a damaged folder; return the faults of its film and what was logged as wrong."""
    recording = write(root, [ASTRID, BOB], 4000, started_ms=400)
    damage(recording)
    with capture_logs() as logged:
        film = film_of(recording)
    faults = judge(film, truth_of(recording, grid(400, 4000, ASTRID, BOB)))
    return faults, sorted({one["event"] for one in logged if one["log_level"] in ("warning", "error")})


def torn(recording: SyntheticRecording) -> None:
    """Kill -9, and a power failure: half records in all segments and in the timeline."""
    for path in recording.paths.tracks.glob("*/*.rtpdump"):
        with path.open("ab") as file:
            file.write(b"\x04\xb0\x04\xa8\x00\x00\x0e\x00half a packet")
    with recording.paths.timeline.open("ab") as file:
        file.write(b'{"ms": 3990, "type": "le')


def empty_track(recording: SyntheticRecording, number: int) -> None:
    """Announced, and nothing came."""
    for path in recording.paths.track(number).glob("*.rtpdump"):
        path.unlink()


def test_torn_tails_cost_only_themselves(tmp_path: Path) -> None:
    faults, logged = make(tmp_path, torn)
    assert (faults, logged) == ([], ["torn_tail"])


@pytest.mark.parametrize(
    ("damage", "logged"),
    [
        (lambda r: shutil.rmtree(r.paths.track(CAMERA)), []),
        (lambda r: empty_track(r, CAMERA), []),
        (lambda r: (r.paths.track(CAMERA) / "track.json").unlink(), []),
        (lambda r: (r.paths.track(CAMERA) / "track.json").write_text("{"), ["track_damaged"]),
        (lambda r: r.paths.segment(CAMERA, 0).rename(r.paths.segment(CAMERA, 9)), ["segments_missing"]),
    ],
    ids=["gone", "empty", "no-json", "bad-json", "first-segment"],
)
def test_a_camera_that_is_missing(tmp_path: Path, damage: Damage, logged: list[str]) -> None:
    faults, events = make(tmp_path, damage)
    assert events == logged
    if logged == ["segments_missing"]:  # what is there is used, whatever its number
        assert faults == []
    else:
        kinds = [fault.split(" is")[0] for fault in faults if not fault.startswith("sync: Bob")]
        assert kinds == [f"place: {BOB.name}"]


def test_a_microphone_that_is_missing(tmp_path: Path) -> None:
    faults, _ = make(tmp_path, lambda r: shutil.rmtree(r.paths.track(MICROPHONE)))
    assert [fault.split(" ")[0] for fault in faults if BOB.name in fault]
    assert not [fault for fault in faults if ASTRID.name in fault]


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.paths.timeline.unlink(),
        lambda r: r.paths.segment(CAMERA, 0).write_bytes(b""),
        lambda r: r.paths.segment(CAMERA, 0).write_bytes(bytes(HEADER_BYTES + 1000)),
        lambda r: r.paths.segment(CAMERA, 0).write_bytes(bytes(range(256)) * 40),
        lambda r: shutil.rmtree(r.paths.tracks),
    ],
    ids=["no-timeline", "no-bytes", "zeros", "noise", "no-tracks"],
)
def test_there_is_a_film_of_what_is_left(tmp_path: Path, damage: Damage) -> None:
    faults, _ = make(tmp_path, damage)
    assert not [fault for fault in faults if fault.startswith(("duration", "pictures"))]
