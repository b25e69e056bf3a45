"""The folders that are kept for a time."""

import shutil
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from callrec import clock
from callrec.recorder.folder.manifest import State, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.keeper import Keeper, KeepRules
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.states import ELSEWHERE
from tests.recorder.folder.samples import MANIFEST

RULES = KeepRules(delivered_s=1000, failed_s=2000, delivered_bytes=None, min_free_bytes=1000)
KIB = 1024


def kept(
    root: Path,
    name: str,
    state: State,
    age_s: float,
    size_bytes: int = KIB,
    acknowledged_at: float | None = None,
) -> None:
    paths = FolderPaths(root / name)
    paths.create()
    manifest = msgspec.structs.replace(
        MANIFEST,
        recording_id=name,
        state=state,
        outcome="captured",
        state_at=clock.wall_s() - age_s,
        acknowledged_at=acknowledged_at,
    )
    write_manifest(paths.manifest, manifest)
    (paths.tracks / "bytes").write_bytes(bytes(size_bytes))


async def left(root: Path, rules: KeepRules = RULES, *, free_bytes: int = 1 << 30) -> list[str]:
    recordings = Recordings(root)
    await Keeper(recordings, Sizes(recordings, 25), rules, lambda _root: free_bytes).look()
    assert sorted(recordings.ids()) == sorted(path.name for path in root.iterdir())
    return sorted(recordings.ids())


async def test_each_state_has_its_time(tmp_path: Path) -> None:
    kept(tmp_path, "retained-young", "retained", 999)
    kept(tmp_path, "retained-old", "retained", 1001)
    kept(tmp_path, "failed-young", "failed", 1999)
    kept(tmp_path, "failed-old", "failed", 2001)
    assert await left(tmp_path) == ["failed-young", "retained-young"]


@pytest.mark.parametrize("state", ["reporting", "finishing", "uploading", "parked", "delivered"])
async def test_what_is_owed_stays_however_old_and_full_the_disk(tmp_path: Path, state: State) -> None:
    kept(tmp_path, "owed", state, 1e8)
    kept(tmp_path, "retained", "retained", 1)
    assert await left(tmp_path, free_bytes=0) == ["owed"]


async def test_what_was_acknowledged_and_is_called_failed_stays(tmp_path: Path) -> None:
    kept(tmp_path, "failed", "failed", 1e8)
    kept(tmp_path, "acknowledged", "failed", 1e8, acknowledged_at=1.0)
    assert await left(tmp_path) == ["acknowledged"]


async def test_a_budget_takes_the_oldest(tmp_path: Path) -> None:
    for age_s in range(1, 5):
        kept(tmp_path, f"age-{age_s}", "retained", age_s, 10 * KIB)
    rules = KeepRules(delivered_s=1000, failed_s=1000, delivered_bytes=25 * KIB, min_free_bytes=0)
    assert await left(tmp_path, rules) == ["age-1", "age-2"]


async def test_one_that_cannot_be_removed_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, "age-9000", "retained", 9000)
    kept(tmp_path, "age-8000", "retained", 8000)
    remove = Recordings.remove

    def refuses(recordings: Recordings, recording_id: str) -> bool:
        if recording_id == "age-9000":
            raise PermissionError("not ours")
        return remove(recordings, recording_id)

    monkeypatch.setattr(Recordings, "remove", refuses)
    assert await left(tmp_path) == ["age-9000"]


async def test_what_could_not_be_deleted_has_made_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age_s in (1, 2, 3):
        kept(tmp_path, f"age-{age_s}", "retained", age_s, 10 * KIB)
    rmtree = shutil.rmtree

    def sticks(folder: Path, ignore_errors: bool) -> None:
        if not folder.name.endswith("age-3"):
            rmtree(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", sticks)
    recordings = Recordings(tmp_path)
    rules = KeepRules(delivered_s=1000, failed_s=1000, delivered_bytes=None, min_free_bytes=5 * KIB)
    with capture_logs() as logs:
        await Keeper(recordings, Sizes(recordings, 25), rules, lambda _: 0).look()
    assert recordings.ids() == ["age-1"]
    (line,) = [line for line in logs if line["event"] == "recording_not_all_removed"]
    assert line["recording"] == "age-3"


async def test_a_folder_that_cannot_be_looked_at_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, "elsewhere", "capturing", 5)
    kept(tmp_path, "age-9000", "retained", 9000)
    recordings = Recordings(tmp_path)
    recordings.remove("elsewhere", ELSEWHERE)

    def free_bytes(path: Path) -> int:
        if path.name.startswith("."):
            raise PermissionError("not ours")
        return 1 << 30

    await Keeper(recordings, Sizes(recordings, 25), RULES, free_bytes).look()
    assert recordings.ids() == [] and len(recordings.set_aside()) == 1


async def test_a_new_one_is_looked_at_at_once(tmp_path: Path) -> None:
    kept(tmp_path, "delivered", "delivered", 5)
    recordings = Recordings(tmp_path)
    rules = KeepRules(delivered_s=0, failed_s=0, delivered_bytes=None, min_free_bytes=0)
    keeper = Keeper(recordings, Sizes(recordings, 25), rules, lambda _: 1)
    await keeper.look()
    assert recordings.ids() == ["delivered"]
    recordings.update("delivered", state="retained")
    assert keeper._news.is_set()
    await keeper.look()
    assert recordings.ids() == []


@pytest.mark.parametrize("free_bytes", [1 << 30, 0])
async def test_what_another_recorder_has_is_set_aside_for_a_time(tmp_path: Path, free_bytes: int) -> None:
    kept(tmp_path, "elsewhere", "capturing", 5)
    kept(tmp_path, "copied", "finishing", 5)
    kept(tmp_path, "delivered", "delivered", 5)
    recordings = Recordings(tmp_path)
    recordings.copied.add("copied")
    for recording_id in ("elsewhere", "copied", "delivered"):
        recordings.remove(recording_id, ELSEWHERE)
    (aside,) = recordings.set_aside()
    assert (aside / "tracks" / "bytes").read_bytes() == bytes(KIB)
    assert Recordings(tmp_path).ids() == []
    await Keeper(recordings, Sizes(recordings, 25), RULES, lambda _root: free_bytes).look()
    assert aside.exists() == (free_bytes > 0)
    old = KeepRules(delivered_s=0, failed_s=0, delivered_bytes=None, min_free_bytes=0)
    await Keeper(recordings, Sizes(recordings, 25), old, lambda _root: 1).look()
    assert recordings.set_aside() == []
