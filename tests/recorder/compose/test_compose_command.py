"""``callrec compose``: a film of a folder that lies anywhere, in spite of interruptions."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from callrec.cli.commands import app
from callrec.cli.film_options import moment_ms
from callrec.errors import FolderDamaged
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.planes import Plane, frame_planes
from callrec.recorder.compose.worker import compose_once
from callrec.recorder.folder.manifest import write_manifest
from tests.recorder.compose.processes import children_of, lives
from tests.recorder.compose.watching import media
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording
from tests.waiting import wait_until

CALLREC = Path(sys.executable).with_name("callrec")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}
SIZE = ("--size", "320x180")
STARTED_MS, STOP_MS = 700, 56_000
CHUNKS = 5


class Command:
    """Runs the command in a process group of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(CALLREC), "compose", *map(str, arguments)],
            cwd=self.directory,
            env=ENVIRONMENT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Return exit code, output and errors."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path)
    yield command
    for process in command.started:
        process.kill()
        process.communicate()


def record(root: Path) -> SyntheticRecording:
    recording = SyntheticRecording(root, [ANNA, BEN], STOP_MS, STARTED_MS)
    recording.write()
    recording.close()
    return recording


def die(recording: SyntheticRecording) -> None:
    """Let the manifest be as if the recorder had died while it captured, before it knew of any media."""
    manifest = msgspec.structs.replace(recording.manifest, started_ms=None, stop_ms=None, closed_at=None)
    write_manifest(recording.paths.manifest, manifest)


@pytest.fixture
def recording(tmp_path: Path) -> SyntheticRecording:
    return record(tmp_path / "recording")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The film's packets as the recorder makes it."""
    root = tmp_path_factory.mktemp("undisturbed")
    record(root)
    return media(compose_once(root, ComposeOptions(320, 180)))


def duration_s(film: Path) -> float:
    with av.open(film) as container:
        return (container.duration or 0) / 1e6


def chunks(recording: SyntheticRecording) -> list[Path]:
    return sorted(recording.paths.chunks.glob("*/*.mkv"))


def test_the_film_is_the_recorder_s_with_any_number_of_workers(
    command: Command, recording: SyntheticRecording, undisturbed: list[str]
) -> None:
    code, out, err = command.run(recording.root, *SIZE, "--workers", "2")
    assert (code, out, err) == (0, "Recording.mp4\n", "composing 0:00:55.3\njoining Recording.mp4\n")
    assert media(command.directory / "Recording.mp4") == undisturbed
    assert {p.name for p in command.directory.iterdir()} == {
        "recording",
        "Recording.mp4",
        "Recording.jpg",
        "Recording overview.json",
        "Recording speaking times.json",
    }
    assert list(recording.paths.output.iterdir()) == [], "what is the recorder's stays as it is"
    assert len(chunks(recording)) == CHUNKS


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.large)])
def test_killed_at_any_moment_it_goes_on(
    command: Command, recording: SyntheticRecording, undisturbed: list[str], kills: int
) -> None:
    rng = random.Random(kills)
    arguments = (recording.root, *SIZE, "--workers", "2", "--overwrite", "-o", "film.mp4")
    for number in range(kills):
        process = command.start(*arguments)
        wait_until(partial(_has, number * CHUNKS // kills, recording))
        time.sleep(rng.uniform(0, 0.5))  # the moment is random, not waited for
        children = children_of(process.pid)
        process.kill()
        process.wait()
        wait_until(partial(_none_lives, children))
    assert command.run(*arguments)[0] == 0
    assert media(command.directory / "film.mp4") == undisturbed


def _has(count: int, recording: SyntheticRecording) -> bool:
    return len(chunks(recording)) >= max(count, 1)


def _none_lives(pids: list[int]) -> bool:
    return not any(map(lives, pids))


def test_ctrl_c_keeps_what_is_finished(command: Command, recording: SyntheticRecording) -> None:
    process = command.start(recording.root, "--size", "1920x1080", "--workers", "2")
    wait_until(lambda: chunks(recording))  # the others take a while at this size
    children = children_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("interrupted; the same command goes on with what is finished\n")
    assert "Traceback" not in err
    assert _none_lives(children)
    assert chunks(recording), "the next run goes on with them"


def test_a_part_of_it_and_sound_alone(command: Command, recording: SyntheticRecording) -> None:
    assert command.run(recording.root, "--from", "5", "--to", "0:12.5", "-o", "part.ogg")[0] == 0
    with av.open(command.directory / "part.ogg") as container:
        assert [stream.type for stream in container.streams] == ["audio"]
    assert duration_s(command.directory / "part.ogg") == pytest.approx(7.5, abs=0.04)
    assert command.run(recording.root, *SIZE, "--from", "0:00:54", "--format", "mkv")[0] == 0
    assert duration_s(command.directory / "Recording.mkv") == pytest.approx(1.3, abs=0.05)


def test_title_clock_and_watermark(command: Command, recording: SyntheticRecording) -> None:
    Image.new("RGB", (100, 60), (255, 255, 255)).save(command.directory / "mark.png")
    look = ("--title", "Board meeting", "--clock", "call", "--watermark", "mark.png")
    plain, marked = (_first_picture(command, recording, *options) for options in ((), look))
    rows, columns = np.nonzero(plain != marked)
    assert rows.max() < 30, "nothing but the upper edge"
    assert {*columns // 160} == {0, 1}, "title and clock at the left, the watermark at the right"
    code, _, err = command.run(recording.root, "--watermark", "Recording.mp4", "-o", "other.mp4")
    assert (code, err) == (2, "callrec: --watermark: Recording.mp4: No such file or directory\n")


def _first_picture(command: Command, recording: SyntheticRecording, *options: str) -> Plane:
    size_and_place = (*SIZE, "--to", "1", "-o", "film.mkv", "--overwrite")
    assert command.run(recording.root, *size_and_place, *options)[0] == 0
    with av.open(command.directory / "film.mkv") as container:
        brightness: Plane = frame_planes(next(container.decode(video=0))).y // 64
        return brightness  # but for what the encoder makes of it


def test_what_cannot_be_written_is_left_alone(command: Command, recording: SyntheticRecording) -> None:
    recording.paths.chunks.rmdir()
    recording.paths.chunks.symlink_to(command.directory)
    before = {path: path.lstat().st_mtime_ns for path in recording.root.rglob("*")}
    assert command.run(recording.root, *SIZE, "--to", "2", "-o", "film.mp4")[0] == 0
    assert {path: path.lstat().st_mtime_ns for path in recording.root.rglob("*")} == before
    assert not list(command.directory.glob(".film*")), "the chunks beside the film are gone"


def test_a_recording_whose_recorder_died(command: Command, recording: SyntheticRecording) -> None:
    die(recording)
    before = {path: path.lstat().st_mtime_ns for path in recording.root.rglob("*")}
    code, _, err = command.run(recording.root, "--to", "10", "-o", "film.ogg")
    assert (code, err) == (0, "composing 0:00:10\njoining film.ogg\n")
    assert duration_s(command.directory / "film.ogg") == pytest.approx(10, abs=0.04)
    assert {path: path.lstat().st_mtime_ns for path in recording.root.rglob("*")} == before
    code, _, err = command.run(recording.root, "--from", "1:00", "-o", "late.ogg")
    assert code == 2 and "Invalid value for --from: the film is 0:00:5" in err


def test_what_is_still_captured_is_refused(command: Command, recording: SyntheticRecording) -> None:
    die(recording)
    with recording.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = command.run(recording.root)
    assert (code, err) == (2, f"callrec: {recording.root}: the recording is still being captured\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--size", "1280"), "Invalid value for --size: '1280' is not of the form 1280x720"),
        (("--size", "1281x720"), "Invalid value for --size: width 1281 must be even, 320 to 3840"),
        (("--from", "1:75"), "Invalid value for --from: '1:75' is neither seconds nor h:mm:ss"),
        (("--from", "0:00:56"), "Invalid value for --from: the film is 0:00:55.3 long"),
        (("--to", "60"), "Invalid value for --to: the film is 0:00:55.3 long"),
        (("--from", "20", "--to", "20"), "Invalid value for --to: must lie after --from"),
        (("-o", "film.avi"), "Invalid value for -o: 'film.avi' ends in none of .mp4 .webm .mkv .ogg"),
        (("-o", "film.mp4", "--format", "ogg"), "Invalid value for --format: ogg does not fit to 'film.mp4'"),
        (("-o", "none/film.mp4"), "Invalid value for -o: none: no such directory"),
        (("-o", "there.mp4"), "Invalid value for -o: there.mp4 is there already (--overwrite)"),
        (("--tracks", "there.mp4"), "Invalid value for --tracks: there.mp4 is there already"),
        (("--workers", "0"), "Invalid value for '--workers'"),
    ],
)
def test_what_is_wrong_is_named(
    recording: SyntheticRecording, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], text: str
) -> None:
    monkeypatch.chdir(recording.root.parent)
    (recording.root.parent / "there.mp4").touch()
    done = CliRunner().invoke(app, ["compose", str(recording.root), *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert text in done.stderr
    assert chunks(recording) == []


def test_no_recording_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compose", str(tmp_path)])
    assert isinstance(done.exception, FolderDamaged), "which the command's main makes one line of"


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0", 0), ("90", 90_000), ("90.5", 90_500), ("1:30", 90_000), ("1:00:00.25", 3_600_250), ("75:00", None),
     ("1:2:3", 3_723_000), ("-1", None), ("1.", None), ("", None), ("1:60", None), ("٣", None)],
)  # fmt: skip
def test_film_times(text: str, ms: int | None) -> None:
    if ms is None:
        with pytest.raises(typer.BadParameter):
            moment_ms(text, "--from")
    else:
        assert moment_ms(text, "--from") == ms
