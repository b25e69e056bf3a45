"""``callrec recordings export``: what is gone is made anew, and nothing that is there is harmed."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import msgspec
import pytest
from structlog.testing import capture_logs

from callrec import logs
from callrec.cli.commands import main
from callrec.recorder.folder.manifest import State, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.compose.watching import media
from tests.recorder.operator.folders import FILM
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording

STARTED_MS, STOP_MS = 500, 4_500


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that was delivered, of which only tracks and timeline are kept; and one of sound."""
    data = tmp_path_factory.mktemp("data")
    for name, video in (("r1", True), ("sound", False)):
        recording = SyntheticRecording(
            data / "recordings" / name, [ANNA, BEN], STOP_MS, STARTED_MS, video=video
        )
        recording.write()
        recording.close()
        kept: State = "retained"
        manifest = msgspec.structs.replace(
            recording.manifest, recording_id=name, state=kept, outcome="captured", end_reported=True
        )
        write_manifest(recording.paths.manifest, manifest)
    (data / "callrec.toml").write_text(
        "[recorder]\nwidth_px = 320\nheight_px = 180\n"
        '[[recorder.backends]]\nurl = "https://talk.example"\nsecret = "secret of the backend"\n'
    )
    return data


class Said(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Export = Callable[..., Said]


@pytest.fixture
def export(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Export]:
    """Run the command in this process: starting one costs more than what it does."""

    def export(*arguments: str | Path) -> Said:
        told = [*map(str, arguments), "--data", str(data)]
        monkeypatch.setattr(sys, "argv", ["callrec", "recordings", "export", *told])
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(int(ended.value.code or 0), *capfd.readouterr())

    for name in [name for name in os.environ if name.startswith("CALLREC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)  # that of this process stays
    mask = os.umask(0o077)
    with capture_logs():  # as nobody configures them, they would be in the output
        yield export
    os.umask(mask)


def content(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def test_a_film_that_is_gone_is_made_anew(data: Path, tmp_path: Path, export: Export) -> None:
    before = content(data / "recordings" / "r1")
    done = export("r1", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "there is no film of it here, it is retained: one is composed of the tracks"
    )
    film = tmp_path / "Recording.mp4"
    assert done.stdout.splitlines() == [str(film)]
    with av.open(str(film)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "data"]  # chapters
        assert container.streams.video[0].width == 320  # as the recorder would have made it
        assert container.duration is not None
        assert abs(container.duration / 1e6 - (STOP_MS - STARTED_MS) / 1000) < 0.1
    assert os.listdir(tmp_path) == ["Recording.mp4"]
    assert content(data / "recordings" / "r1") == before, "the folder is only read"

    done = export("r1", film)
    assert done.returncode == 2 and "file_exists" in done.stderr
    done = export("r1", tmp_path / "sound.ogg", "--output", "json")
    assert json.loads(done.stdout)["bytes"] == (tmp_path / "sound.ogg").stat().st_size
    with av.open(str(tmp_path / "sound.ogg")) as container:
        assert [stream.type for stream in container.streams] == ["audio"]


def test_each_participant_s_own_files(data: Path, tmp_path: Path, export: Export) -> None:
    done = export("r1", tmp_path / "tracks", "--tracks", "--output", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["directory"] == str(tmp_path / "tracks")
    assert said["files"] == {path.name: path.stat().st_size for path in (tmp_path / "tracks").iterdir()}
    assert {Path(name).suffix for name in said["files"]} == {".ogg", ".mkv"}
    assert export("r1", tmp_path, "--tracks").stdout == f"{tmp_path / 'Recording tracks'}\n"
    assert "file_exists" in export("r1", tmp_path, "--tracks").stderr


def test_a_film_that_is_there_is_copied_or_made_in_another_container(
    data: Path, tmp_path: Path, export: Export
) -> None:
    film = FolderPaths(data / "recordings" / "sound").film("Recording.ogg")
    film.write_bytes(FILM)
    try:
        assert export("sound", tmp_path / "copy").returncode == 0
        assert (tmp_path / "copy").read_bytes() == FILM
        done = export("sound", tmp_path / "copy.mp4")
        assert done.returncode == 2 and "sound only" in done.stderr
        assert not (tmp_path / "copy.mp4").exists()
    finally:
        film.unlink()
    done = export("sound", tmp_path)
    assert done.returncode == 0 and media(tmp_path / "Recording.ogg")


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("../r1", "x.mp4"), "no_such_recording"),
        (("r1/../r1", "x.mp4"), "no_such_recording"),
        ((".", "x.mp4"), "no_such_recording"),
        (("r1", "no/x.mp4"), "no such directory"),
        (("r1", "x.mp4", "--format", "webm"), "does not fit"),
        (("r1", "x.txt"), ".mp4, .webm, .mkv, .ogg"),
        (("r1", "x.MP4"), ".mp4, .webm, .mkv, .ogg"),
        (("r1", "x.txt", "--format", "webm"), ".mp4, .webm, .mkv, .ogg"),
        (("r1", "x.tar", "--folder", "--tracks"), "only one of"),
        (("r1", "x.tar", "--format", "avi"), "avi"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: Export, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = export(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and told in done.stderr
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []


def test_what_holds_nothing_cannot_be_made(data: Path, tmp_path: Path, export: Export) -> None:
    paths = FolderPaths(data / "recordings" / "empty")
    paths.create()
    template = SyntheticRecording(tmp_path / "template", [], 1000).manifest
    write_manifest(
        paths.manifest,
        msgspec.structs.replace(
            template, recording_id="empty", state="failed", outcome="failed", started_ms=None, closed_at=1.0
        ),
    )
    done = export("empty", tmp_path / "x.mp4")
    assert done.returncode == 2 and "nothing was recorded" in done.stderr
    assert not (tmp_path / "x.mp4").exists() and not list(tmp_path.glob(".x*"))
