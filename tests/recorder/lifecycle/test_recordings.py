"""Recordings on disk: each change durable before it counts, removals finished, names unique."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from callrec import clock
from callrec.recorder.folder import durable
from callrec.recorder.folder.manifest import Manifest, read_manifest, write_manifest
from callrec.recorder.lifecycle import recordings as recordings_module
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Start

BACKEND = BackendSettings(url="https://talk.example", secret=SecretStr("secret"))
VIDEO = Start(1, "mira", Actor("users", "ole"))
AUDIO = Start(2, "mira", Actor("users", "ole"))
TOKEN = "k3x9p2aa"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    state = {"wall_s": 1_790_000_000.0}
    monkeypatch.setattr(clock, "wall_s", lambda: state["wall_s"])
    return state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


def on_disk(root: Path, recording_id: str) -> Manifest:
    return read_manifest(root / recording_id / "manifest.json")


def test_a_start_is_a_folder_with_its_manifest(root: Path, now: dict[str, float]) -> None:
    recordings = Recordings(root)
    manifest = recordings.create(BACKEND, TOKEN, VIDEO)
    assert on_disk(root, manifest.recording_id) == manifest
    assert (manifest.backend, manifest.token, manifest.owner) == (BACKEND.url, TOKEN, "mira")
    assert (manifest.actor.type, manifest.actor.id, manifest.video) == ("users", "ole", True)
    stamp = time.strftime("%Y-%m-%d %H-%M-%S", time.gmtime(now["wall_s"]))
    assert manifest.file_name == f"Recording {stamp}.webm"
    assert recordings.paths(manifest.recording_id).root == root / manifest.recording_id
    assert recordings.now_ms(manifest.recording_id) < 5000


def test_an_audio_recording_is_ogg(root: Path) -> None:
    manifest = Recordings(root).create(BACKEND, TOKEN, AUDIO)
    assert not manifest.video and manifest.file_name.endswith(".ogg")


def test_nothing_of_the_request_becomes_a_path(root: Path) -> None:
    start = Start(1, "../../mira", Actor("../users", "/etc/passwd"))
    manifest = Recordings(root).create(BACKEND, TOKEN, start)
    assert [p.name for p in root.iterdir()] == [manifest.recording_id]
    assert "/" not in manifest.recording_id + manifest.file_name
    assert "mira" not in manifest.recording_id + manifest.file_name


def test_file_names_are_unique_in_a_room_within_one_second(root: Path, now: dict[str, float]) -> None:
    recordings = Recordings(root)
    names = [recordings.create(BACKEND, TOKEN, VIDEO).file_name for _ in range(3)]
    base = names[0].removesuffix(".webm")
    assert names == [f"{base}.webm", f"{base} (2).webm", f"{base} (3).webm"]
    assert recordings.create(BACKEND, "otherroom", VIDEO).file_name == names[0]
    assert recordings.create(BACKEND, TOKEN, AUDIO).file_name == f"{base}.ogg"
    assert Recordings(root).create(BACKEND, TOKEN, VIDEO).file_name == f"{base} (4).webm"


def test_changes_are_durable_and_survive_a_restart(root: Path) -> None:
    recordings = Recordings(root)
    manifest = recordings.create(BACKEND, TOKEN, VIDEO)
    changed = recordings.update(manifest.recording_id, state="joining", started_ms=5, acknowledged_at=7.5)
    assert on_disk(root, manifest.recording_id) == changed == recordings.get(manifest.recording_id)
    again = Recordings(root)
    assert again.ids() == [manifest.recording_id]
    assert again.get(manifest.recording_id) == changed
    with pytest.raises(KeyError):
        recordings.update("unknown", started_ms=5)
    assert recordings.get("unknown") is None


def test_one_whose_folder_is_gone_goes_on_in_memory(root: Path) -> None:
    recordings = Recordings(root)
    manifest = recordings.create(BACKEND, TOKEN, VIDEO)
    shutil.rmtree(root / manifest.recording_id)
    assert recordings.is_gone(manifest.recording_id)
    heard: list[object] = []
    recordings.listeners.append(heard.append)
    changes = {"state": "reporting", "outcome": "failed", "cause": "folder_gone", "closed_at": 1.0}
    assert recordings.update(manifest.recording_id, **changes).cause == "folder_gone"
    assert len(heard) == 1 and not (root / manifest.recording_id).exists()
    recordings.write_back()
    assert not (root / manifest.recording_id).exists()
    (root / manifest.recording_id).mkdir()
    recordings.write_back()
    assert on_disk(root, manifest.recording_id) == recordings.get(manifest.recording_id)
    assert recordings.remove(manifest.recording_id) and recordings.ids() == []


def refuse(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(owner, name, full)


def test_a_change_that_cannot_be_written_does_not_count(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = Recordings(root)
    manifest = recordings.create(BACKEND, TOKEN, VIDEO)
    with monkeypatch.context() as patch:
        refuse(patch, os, "fsync")
        with pytest.raises(OSError, match="No space left"):
            recordings.update(manifest.recording_id, started_ms=5)
    assert recordings.get(manifest.recording_id) == manifest == on_disk(root, manifest.recording_id)


@pytest.mark.parametrize("step", ["fsync", "sync_directory"])
def test_a_start_that_cannot_be_written_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    recordings = Recordings(root)
    with monkeypatch.context() as patch:
        if step == "fsync":
            refuse(patch, os, "fsync")
        else:
            refuse(patch, durable, "sync_directory")
        with pytest.raises(OSError, match="No space left"):
            recordings.create(BACKEND, TOKEN, VIDEO)
    assert recordings.ids() == [] and recordings.latest(BACKEND.url, TOKEN) is None
    assert list(root.iterdir()) == []
    assert Recordings(root).ids() == []  # what was refused does not begin after a restart


def test_removal_takes_everything_and_may_be_repeated(root: Path) -> None:
    recordings = Recordings(root)
    kept = recordings.create(BACKEND, TOKEN, VIDEO)
    manifest = recordings.create(BACKEND, TOKEN, VIDEO)
    (recordings.paths(manifest.recording_id).output / "film").write_bytes(b"x")
    recordings.remove(manifest.recording_id)
    recordings.remove(manifest.recording_id)
    recordings.remove("unknown")
    assert [p.name for p in root.iterdir()] == [kept.recording_id]
    assert recordings.ids() == [kept.recording_id]


def test_an_interrupted_removal_is_finished_at_the_next_start(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = Recordings(root)
    manifest = recordings.create(BACKEND, TOKEN, VIDEO)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            recordings.remove(manifest.recording_id)
    assert len(list(root.iterdir())) == 1
    assert Recordings(root).ids() == []
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("step", ["write_manifest", "sync_directory"])
def test_a_start_that_died_before_it_was_durable_leaves_no_folder_without_an_owner(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    recordings = Recordings(root)
    with monkeypatch.context() as patch:
        patch.setattr(recordings_module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            recordings.create(BACKEND, TOKEN, VIDEO)
    (left,) = root.iterdir()
    assert Recordings(root).ids() == ([left.name] if step == "sync_directory" else [])
    assert [path.name for path in root.iterdir()] == Recordings(root).ids()


def test_a_damaged_folder_is_left_for_the_operator(root: Path) -> None:
    recordings = Recordings(root)
    good = recordings.create(BACKEND, TOKEN, VIDEO)
    for name, content in (("damaged", b"{"), ("newer", b'{"format_version":2}')):
        (root / name).mkdir()
        (root / name / "manifest.json").write_bytes(content)
    (root / "stray file").write_bytes(b"")
    again = Recordings(root)
    assert again.ids() == [good.recording_id]
    assert sorted(damaged.folder.name for damaged in again.damaged()) == ["damaged", "newer"]
    shutil.rmtree(root / "newer")
    assert [damaged.folder for damaged in again.damaged()] == [root / "damaged"]


def test_what_others_put_beside_recordings_is_none(root: Path) -> None:
    root.mkdir()
    (root / "notes.txt").write_bytes(b"")
    (root / "lost+found").mkdir()
    assert Recordings(root).damaged() == []
    (root / "20251126T140509-0a1b2c3d").mkdir()  # what is named as one has lost its manifest
    assert [d.folder.name for d in Recordings(root).damaged()] == ["20251126T140509-0a1b2c3d"]


def test_a_folder_with_the_manifest_of_another_is_no_recording(root: Path) -> None:
    manifest = Recordings(root).create(BACKEND, TOKEN, VIDEO)
    shutil.copytree(root / manifest.recording_id, root / "a copy of it")
    again = Recordings(root)
    assert again.ids() == [manifest.recording_id] and (root / "a copy of it").exists()


def test_a_start_never_takes_the_place_of_a_damaged_folder(root: Path) -> None:
    recordings = Recordings(root)
    (root / "r1").mkdir()
    (root / "r1" / "tracks").write_text("all that was said")
    with pytest.raises(FileExistsError):
        recordings.create(BACKEND, TOKEN, VIDEO, ("r1", "Recording.webm"))
    assert (root / "r1" / "tracks").read_text() == "all that was said"


def test_the_latest_is_the_one_created_last(root: Path, now: dict[str, float]) -> None:
    recordings = Recordings(root)
    assert recordings.latest(BACKEND.url, TOKEN) is None
    first = recordings.create(BACKEND, TOKEN, VIDEO)
    recordings.create(BACKEND, "otherroom", VIDEO)
    assert recordings.latest(BACKEND.url, TOKEN) == first
    now["wall_s"] += 60
    second = recordings.create(BACKEND, TOKEN, VIDEO)
    assert recordings.latest(BACKEND.url, TOKEN) == second == Recordings(root).latest(BACKEND.url, TOKEN)
    recordings.update(first.recording_id, stop_requested_at=1.0)
    assert recordings.latest(BACKEND.url, TOKEN) == second
    recordings.remove(second.recording_id)
    assert recordings.latest(BACKEND.url, TOKEN) is None  # the older one is not the room's again
    assert recordings.latest("https://other.example", TOKEN) is None


def test_the_latest_stays_so_when_the_clock_is_set_back(root: Path, now: dict[str, float]) -> None:
    recordings = Recordings(root)
    recordings.create(BACKEND, TOKEN, VIDEO)
    now["wall_s"] -= 3600
    second = recordings.create(BACKEND, TOKEN, VIDEO)
    assert recordings.latest(BACKEND.url, TOKEN) == second == Recordings(root).latest(BACKEND.url, TOKEN)
    assert Recordings(root).ids()[-1] == second.recording_id


def test_those_that_were_not_counted_yet_come_before_those_that_are(
    root: Path, now: dict[str, float]
) -> None:
    recordings = Recordings(root)
    late, early = (recordings.create(BACKEND, TOKEN, VIDEO) for _ in range(2))
    for manifest, wall_s in ((late, 3e9), (early, 1e9)):
        anchor = msgspec.structs.replace(manifest.anchor, wall_s=wall_s)
        path = recordings.paths(manifest.recording_id).manifest
        write_manifest(path, msgspec.structs.replace(manifest, sequence=0, anchor=anchor))
        assert b"sequence" not in path.read_bytes()
    again = Recordings(root)
    counted = again.create(BACKEND, TOKEN, VIDEO)
    ids = [early.recording_id, late.recording_id, counted.recording_id]
    assert (counted.sequence, Recordings(root).ids()) == (1, ids)


def test_one_that_is_live_speaks_for_its_room(root: Path, now: dict[str, float]) -> None:
    recordings = Recordings(root)
    live, other = (recordings.create(BACKEND, TOKEN, VIDEO) for _ in range(2))
    recordings.update(other.recording_id, state="discarded")
    latest = Recordings(root).latest(BACKEND.url, TOKEN)
    assert latest is not None and latest.recording_id == live.recording_id


@pytest.mark.parametrize("ahead_s", [-60.0, 60.0])
def test_one_of_another_recorder_takes_its_place_by_the_clock(
    root: Path, now: dict[str, float], ahead_s: float
) -> None:
    recordings = Recordings(root)
    own = [recordings.create(BACKEND, TOKEN, VIDEO) for _ in range(3)][-1]
    now["wall_s"] += ahead_s
    theirs = Recordings(root.with_name("theirs")).create(BACKEND, TOKEN, VIDEO)
    assert theirs.sequence < own.sequence
    shutil.copytree(root.with_name("theirs") / theirs.recording_id, root / theirs.recording_id)
    recordings.adopt(root, theirs.recording_id)
    recordings.update(theirs.recording_id, started_ms=5)
    latest = recordings.latest(BACKEND.url, TOKEN)
    assert latest is not None
    assert latest.recording_id == (theirs if ahead_s > 0 else own).recording_id
    assert Recordings(root).latest(BACKEND.url, TOKEN) == latest


def test_within_one_second_the_order_survives_a_restart(root: Path, now: dict[str, float]) -> None:
    recordings = Recordings(root)
    ids = []
    for _ in range(8):
        now["wall_s"] += 0.01
        ids.append(recordings.create(BACKEND, TOKEN, VIDEO).recording_id)
    assert Recordings(root).ids() == ids == recordings.ids()
