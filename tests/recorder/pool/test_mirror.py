"""Copies of folders, in a directory and in S3."""

import os
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore

from callrec.errors import MirrorAway
from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.pool.configured import mirror
from callrec.recorder.pool.mirror import Mirror
from callrec.settings import PoolSettings
from tests.recorder.folder.samples import MANIFEST

from .conftest import Pool


def folder(root: Path) -> FolderPaths:
    paths = FolderPaths(root)
    paths.create()
    write_manifest(paths.manifest, MANIFEST)
    paths.timeline.write_text("{}\n")
    paths.track(0).mkdir()
    (paths.track(0) / "track.json").write_text("{}")
    for index in range(3):
        paths.segment(0, index).write_bytes(bytes([index]) * 1000)
    (paths.chunks / "1080p").mkdir()
    (paths.chunks / "1080p" / "000000-320.mkv").write_bytes(b"chunk")
    (paths.chunks / ".000001-320.mkv.tmp").write_bytes(b"half")
    paths.lock.write_text("")
    (paths.output / "film.mp4").write_bytes(b"film")
    return paths


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


OPEN = {
    "manifest.json",
    "timeline.jsonl",
    "tracks/0/track.json",
    "tracks/0/0.rtpdump",
    "tracks/0/1.rtpdump",
    "chunks/1080p/000000-320.mkv",
}
CLOSED = OPEN | {"tracks/0/2.rtpdump"}


@pytest.fixture(params=["directory", "s3"])
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Mirror:
    if request.param == "directory":
        url = f"file://{tmp_path / 'shared'}"
        return mirror(PoolSettings.model_validate({"database_url": "postgresql://x/y", "blobs_url": url}))
    pool: Pool = request.getfixturevalue("pool")
    return mirror(pool.settings)


async def test_a_folder_is_restored_as_it_was(copies: Mirror, tmp_path: Path) -> None:
    paths = folder(tmp_path / "one")
    os.utime(paths.timeline, (1_000_000, 1_000_000))
    await copies.copy("r1", 1, paths, closed=False)
    target = tmp_path / "other" / "r1"
    target.parent.mkdir()
    assert await copies.fetch("r1", target)
    assert names(target) == OPEN
    assert all((target / name).read_bytes() == (paths.root / name).read_bytes() for name in OPEN)
    assert (target / "output").is_dir()
    await copies.copy("r1", 1, paths, closed=True)
    assert await copies.fetch("r1", tmp_path / "other" / "again")
    assert names(tmp_path / "other" / "again") == CLOSED


async def test_only_what_changed_is_copied_again(copies: Mirror, tmp_path: Path) -> None:
    paths = folder(tmp_path / "one")
    await copies.copy("r1", 1, paths, closed=True)
    changed: list[str] = []
    real = obstore.put_async

    async def put(store: object, path: str, content: bytes) -> object:
        changed.append(path)
        return await real(store, path, content)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(obstore, "put_async", put)
        await copies.copy("r1", 1, paths, closed=True)
        assert changed == []
        with paths.timeline.open("a") as file:
            file.write("{}\n")
        await copies.copy("r1", 1, paths, closed=True)
    assert changed == ["recordings/r1/1/timeline.jsonl"]


async def test_what_is_not_there_is_not_restored(copies: Mirror, tmp_path: Path) -> None:
    assert not await copies.fetch("r1", tmp_path / "r1")
    assert not (tmp_path / "r1").exists()
    await copies.copy("r1", 1, folder(tmp_path / "one"), closed=True)
    await copies.delete("r1", 1)
    assert not await copies.fetch("r1", tmp_path / "r1")
    await copies.delete("r1", 1)


async def test_who_has_lost_a_recording_spoils_no_copy(copies: Mirror, tmp_path: Path) -> None:
    """It stood still, or is cut off from the ledger, and goes on copying, or deletes what it had copied."""
    old, new = folder(tmp_path / "old"), folder(tmp_path / "new")
    await copies.copy("r1", 1, old, closed=True)
    new.timeline.write_text("what the new owner wrote\n")
    await copies.copy("r1", 2, new, closed=True)
    old.timeline.write_text("late\n")
    await copies.copy("r1", 1, old, closed=True)
    await copies.delete("r1", 1)
    assert await copies.fetch("r1", tmp_path / "there")
    assert (tmp_path / "there/timeline.jsonl").read_text() == "what the new owner wrote\n"
    await copies.delete("r1", 2)
    assert not await copies.has_copy("r1")


async def test_a_copy_counts_when_it_is_whole(tmp_path: Path) -> None:
    copies = Mirror(LocalStore(str(tmp_path / "shared"), mkdir=True))
    await copies.copy("r1", 1, folder(tmp_path / "one"), closed=True)
    half = tmp_path / "shared/recordings/r1/2/timeline.jsonl"  # who had it then died in the middle
    half.parent.mkdir()
    half.write_text("half")
    assert await copies.fetch("r1", tmp_path / "there")
    assert names(tmp_path / "there") == CLOSED
    # Once there is a later one, those before are needed no more.
    await copies.copy("r1", 3, folder(tmp_path / "three"), closed=True)
    assert [path.name for path in (tmp_path / "shared/recordings/r1").iterdir() if names(path)] == ["3"]


async def test_a_storage_is_tried_out(copies: Mirror) -> None:
    await copies.try_out()


async def test_no_path_of_the_storage_leaves_the_folder(tmp_path: Path) -> None:
    shared = LocalStore(str(tmp_path / "shared"), mkdir=True)
    copies = Mirror(shared)
    await copies.copy("r1", 1, folder(tmp_path / "one"), closed=True)
    (tmp_path / "shared/recordings/r1/1/.hidden").write_text("x")
    assert await copies.fetch("r1", tmp_path / "r1")
    assert names(tmp_path / "r1") == CLOSED


async def test_a_storage_that_is_away(tmp_path: Path) -> None:
    settings = PoolSettings.model_validate(
        {
            "database_url": "postgresql://x/y",
            "blobs_url": "s3://bucket/prefix",
            "blobs_endpoint": "http://127.0.0.1:1",
            "blobs_region": "us-east-1",
            "blobs_access_key_id": "key",
            "blobs_secret_access_key": "secret",
        }
    )
    copies = mirror(settings)
    with pytest.raises(MirrorAway):
        await copies.probe()
    assert copies.is_away
