"""manifest.json and track.json: round trips, and errors that name the file."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.errors import FolderDamaged
from callrec.recorder.folder.manifest import ActorName, read_manifest, write_manifest
from callrec.recorder.folder.track import Track, create_track, read_track
from tests.recorder.folder.samples import MANIFEST, track

FULL = msgspec.structs.replace(
    MANIFEST,
    owner='ö"/\\',
    started_ms=1,
    acknowledged_at=2.5,
    stop_ms=3,
    stop_requested_at=4.5,
    stop_actor=ActorName("guests", "abc"),
    closed_at=5.5,
    outcome="withdrawn",
    cause="room_gone",
)


@pytest.mark.parametrize("manifest", [MANIFEST, FULL])
def test_a_manifest_is_read_as_written(tmp_path: Path, manifest: Any) -> None:
    write_manifest(tmp_path / "manifest.json", manifest)
    assert read_manifest(tmp_path / "manifest.json") == manifest


def test_a_new_manifest_replaces_the_old_one(tmp_path: Path) -> None:
    for manifest in (MANIFEST, FULL, MANIFEST):
        write_manifest(tmp_path / "manifest.json", manifest)
    assert read_manifest(tmp_path / "manifest.json") == MANIFEST


def changed(**fields: Any) -> bytes:
    content = json.loads(msgspec.json.encode(FULL))
    content.update(fields)
    return json.dumps({k: v for k, v in content.items() if v is not ...}).encode()


@pytest.mark.parametrize(
    "content, named",
    [
        (b"", "manifest.json"),
        (b"{", "manifest.json"),
        (b"[]", "manifest.json"),
        (b"\xff\xfe", "manifest.json"),
        (b'{"owner":"\xff"}', "manifest.json"),
        (b'{"owner":"\xe4\xb8', "manifest.json"),
        (b'{"x":' + b"[" * 100_000, "manifest.json"),
        (changed(token=...), "token"),
        (changed(video="yes"), "video"),
        (changed(outcome="delivered"), "outcome"),
        (changed(anchor={"wall_s": 1}), "monotonic_ns"),
        (changed(stop_actor={"type": "users"}), "stop_actor"),
        (changed(file_name=""), "file_name"),
        (changed(file_name="../../../etc/passwd"), "file_name"),
        (changed(file_name="/etc/passwd"), "file_name"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(FolderDamaged, match=r"manifest\.json") as caught:
        read_manifest(tmp_path / "manifest.json")
    assert named in str(caught.value)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderDamaged, match=r"manifest\.json"):
        read_manifest(tmp_path / "manifest.json")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(changed(format_version=2, unheard_of=True))
    with pytest.raises(FolderDamaged, match="format_version 2 is newer"):
        read_manifest(tmp_path / "manifest.json")


@given(st.binary(max_size=100))
def test_any_bytes_are_a_manifest_or_damage(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(FolderDamaged):
        read_manifest(path)


def test_a_track_is_read_as_created(tmp_path: Path) -> None:
    create_track(tmp_path / "0", track())
    assert read_track(tmp_path / "0") == track()
    minimal = Track(1, "session/x", "microphone", "x", "0", {})
    create_track(tmp_path / "1", minimal)
    assert read_track(tmp_path / "1") == minimal


def test_another_track_s_description_is_refused(tmp_path: Path) -> None:
    create_track(tmp_path / "0", track())
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    with pytest.raises(FolderDamaged, match=r"tracks/1/track\.json: describes track 0"):
        read_track(tmp_path / "1")


def test_a_track_is_created_once(tmp_path: Path) -> None:
    create_track(tmp_path / "0", track())
    with pytest.raises(FileExistsError):
        create_track(tmp_path / "0", track(participant="users/ole"))
    assert read_track(tmp_path / "0") == track()


@pytest.mark.parametrize(
    "content", [b"", b"null", b'{"number":"0"}', b"\xff", b'{"mid":"\xff"}', b'{"x":' + b"[" * 100_000]
)
def test_a_damaged_track_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "track.json").write_bytes(content)
    with pytest.raises(FolderDamaged, match=r"tracks/7/track\.json"):
        read_track(tmp_path / "7")


def test_kinds() -> None:
    kinds = {s: msgspec.structs.replace(track(), source=s).kind for s in ("microphone", "camera")}
    kinds |= {s: msgspec.structs.replace(track(), source=s).kind for s in ("screen", "screen_audio")}
    assert kinds == {"microphone": "audio", "camera": "video", "screen": "video", "screen_audio": "audio"}
