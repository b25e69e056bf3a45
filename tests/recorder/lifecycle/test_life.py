"""A step of a life: how long it waits when nothing came of it, and what it makes up for."""

import asyncio
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from callrec import clock
from callrec.errors import PoolAway
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, read_manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.course import Attempt
from callrec.recorder.lifecycle.life import RETRY_WRITING_S, Life, Work
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from tests.recorder.folder.samples import MANIFEST

NOW_S = 1_800_000_000.0
LONGEST_S = 600.0
ID = MANIFEST.recording_id


class NotedAlarms(Alarms):
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float] = []

    async def wait(self, recording_id: str, until_s: float) -> None:
        self.waits_s.append(until_s - NOW_S)


class Nothing:
    """Work that is never reached, or fails as a full disk does."""

    async def attempt(self, manifest: Manifest, errand: Errand) -> Attempt:
        raise OSError("No space left on device")

    async def remove(self, recording_id: str, why: object) -> None:
        raise AssertionError


def recordings_with(root: Path, next_attempt_at: float | None) -> Recordings:
    paths = FolderPaths(root / ID)
    paths.create()
    manifest = msgspec.structs.replace(
        MANIFEST,
        state="uploading",
        outcome="captured",
        started_ms=0,
        stop_ms=9000,
        attempts=1,
        next_attempt_at=next_attempt_at,
    )
    write_manifest(paths.manifest, manifest)
    return Recordings(root)


def life_of(recordings: Recordings, alarms: Alarms, *, is_away: bool, work: Work | None = None) -> Life:
    async def keeps(_manifest: Manifest) -> bool:
        if is_away:
            raise PoolAway("ledger")
        return True

    async def capture(_recording_id: str) -> Any:
        raise AssertionError

    return Life(
        recordings=recordings,
        capture=capture,
        work=work or Nothing(),
        backoff=Backoff(1.0, LONGEST_S, 86400.0),
        alarms=alarms,
        attempts=Attempts(),
        keeps=keeps,
    )


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: NOW_S)


@pytest.mark.parametrize("is_away", [True, False])
async def test_a_step_that_came_to_nothing_is_not_repeated_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    """Nobody can tell whose it is, or a full disk does not take what came of it."""
    alarms = NotedAlarms()
    recordings = recordings_with(tmp_path, NOW_S - 60)

    def full(*_arguments: object, **_changes: object) -> Manifest:
        raise OSError("No space left on device")

    monkeypatch.setattr(recordings, "update", full)
    life = life_of(recordings, alarms, is_away=is_away)
    for _ in range(2):
        try:
            assert await life.step(ID) == "wait"
        except OSError:
            assert not is_away
        await life.wait(ID)
    assert alarms.waits_s == [RETRY_WRITING_S, RETRY_WRITING_S]


async def test_work_that_raises_is_an_attempt_that_failed(tmp_path: Path) -> None:
    alarms = NotedAlarms()
    recordings = recordings_with(tmp_path, NOW_S - 60)
    life = life_of(recordings, alarms, is_away=False)
    assert await life.step(ID) == "wait"
    manifest = recordings.get(ID)
    assert manifest is not None and (manifest.attempts, manifest.error) == (2, "OSError")
    await life.wait(ID)
    assert alarms.waits_s == [2.0]


async def test_how_long_an_attempt_took_is_measured_past_jumps_of_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Nothing):
        async def attempt(self, manifest: Manifest, errand: Errand) -> Attempt:
            begun_ns = clock.monotonic_ns()
            monkeypatch.setattr(clock, "monotonic_ns", lambda: begun_ns + 100_000_000_000)
            monkeypatch.setattr(clock, "wall_s", lambda: NOW_S - 1e8)
            return Attempt("later", "slow")

    begun_ns = clock.monotonic_ns()
    monkeypatch.setattr(clock, "monotonic_ns", lambda: begun_ns)
    recordings = recordings_with(tmp_path, NOW_S - 60)
    life = life_of(recordings, NotedAlarms(), is_away=False, work=Slow())
    assert await life.step(ID) == "wait"
    manifest = recordings.get(ID)
    assert manifest is not None and manifest.tried_s == 100.0 + 2.0


async def test_what_is_overdue_after_a_restart_is_tried_at_once(tmp_path: Path) -> None:
    alarms = NotedAlarms()
    await life_of(recordings_with(tmp_path, NOW_S - 60), alarms, is_away=True).wait(ID)
    assert alarms.waits_s == [-60]


async def test_a_clock_that_was_set_back_a_year_holds_nothing_up(tmp_path: Path) -> None:
    alarms = NotedAlarms()
    await life_of(recordings_with(tmp_path, NOW_S + 365 * 86400), alarms, is_away=True).wait(ID)
    assert alarms.waits_s == [LONGEST_S]


async def test_a_film_that_did_not_come_along_is_composed_before_it_is_uploaded(tmp_path: Path) -> None:
    recordings = recordings_with(tmp_path, None)
    film = recordings.paths(ID).output / MANIFEST.file_name

    class Composing:
        def begin(self, _recording_id: str) -> asyncio.Task[int]:
            async def compose() -> int:
                film.write_bytes(b"film")
                return 0

            return asyncio.create_task(compose())

    nobody: Any = None
    counts = RecordingCounts(CollectorRegistry(), [])
    stages = Stages(recordings, nobody, cast(Composers, Composing()), cast(Any, {}), counts)
    (manifest,) = recordings.all()
    assert (await stages.attempt(manifest, Errand())).error == "no such backend"
    assert film.read_bytes() == b"film"


async def test_one_whose_folder_is_away_goes_on_when_it_is_back(tmp_path: Path) -> None:
    recordings = recordings_with(tmp_path / "home", None)
    life = life_of(recordings, NotedAlarms(), is_away=False)
    (tmp_path / "home").rename(tmp_path / "away")
    assert await life.step(ID) == "wait"
    manifest = recordings.get(ID)
    assert manifest is not None and (manifest.state, manifest.error) == ("uploading", "folder_gone")
    (tmp_path / "away").rename(tmp_path / "home")
    assert await life.step(ID) == "wait"
    manifest = recordings.get(ID)
    assert manifest is not None and (manifest.attempts, manifest.error) == (3, "OSError")  # of the work
    assert read_manifest(recordings.paths(ID).manifest) == manifest
