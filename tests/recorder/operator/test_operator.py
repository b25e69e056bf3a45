"""What an operator sees and does, with real folders."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from callrec import clock
from callrec.errors import OperatorRefused
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, State, read_manifest
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.course import DONE, Attempt
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.operator import Deleted
from callrec.recorder.lifecycle.stages import Stages
from tests.recorder.operator.folders import FILM, Parts, make_folder
from tests.waiting import PATIENCE_S

BACKOFF = Backoff(3600, 3600, 86400)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


@pytest.fixture
async def parts(home: Path) -> AsyncIterator[Parts]:
    make_folder(home, "one", "uploading", attempts=4, next_attempt_at=clock.wall_s() + 9000, error="away")
    parts = Parts(home)
    yield parts
    await parts.close()


class SlowWork:
    """An attempt ends when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.outcome: asyncio.Future[Attempt] = asyncio.get_running_loop().create_future()

    async def attempt(self, _manifest: Manifest, _errand: Errand) -> Attempt:
        self.begun.set()
        return await self.outcome

    async def remove(self, recording_id: str) -> None:
        raise AssertionError(f"{recording_id} is not discarded")


async def test_the_list_tells_size_progress_and_trouble(parts: Parts) -> None:
    (entry,) = await parts.operator.list()
    assert (entry.id, entry.state, entry.attempts, entry.error) == ("one", "uploading", 4, "away")
    assert (entry.film_s, entry.film_bytes) == (30.0, len(FILM))
    assert (entry.chunks, entry.chunks_composed) == (3, 3)
    assert entry.folder_bytes is not None and entry.folder_bytes > 1000 + len(FILM)
    assert entry.may == ["retry", "park", "delete"]


async def test_chunks_are_counted_while_they_are_composed(home: Path) -> None:
    paths = make_folder(home, "two", "finishing")
    film = paths.chunks / "film"
    film.mkdir()
    (film / "000000-320.mkv").touch()
    parts = Parts(home)
    (entry,) = await parts.operator.list()
    assert (entry.chunks, entry.chunks_composed, entry.film_bytes) == (3, 1, None)
    await parts.close()


async def test_newest_first_and_one_in_full(home: Path) -> None:
    for name, state in (("a", "retained"), ("b", "capturing")):
        make_folder(home, name, cast(State, state))
    parts = Parts(home)
    assert [entry.id for entry in await parts.operator.list()] == ["b", "a"]
    details = await parts.operator.show("b")
    assert details.manifest == parts.manifest("b") and details.folder == str(home / "b")
    assert details.recording.may == [] and 99 <= details.recording.film_s < 130
    with pytest.raises(OperatorRefused, match="no_such_recording"):
        await parts.operator.show("c")
    await parts.close()


async def test_retry_wakes_what_waits(parts: Parts) -> None:
    work = SlowWork()
    life = parts.life(Life, work, BACKOFF)
    waiting = asyncio.create_task(life.wait("one"))
    await asyncio.sleep(0)
    entry = await parts.operator.retry("one")
    await asyncio.wait_for(waiting, PATIENCE_S)
    assert entry.attempts == 0 and parts.begun == ["one"]
    stepping = asyncio.create_task(life.step("one"))
    work.outcome.set_result(DONE)
    assert await stepping == "on"
    assert parts.manifest("one").state == "delivered"


async def test_a_retry_just_before_the_wait_is_not_lost(parts: Parts) -> None:
    await parts.operator.retry("one")
    await asyncio.wait_for(parts.life(Life, SlowWork(), BACKOFF).wait("one"), PATIENCE_S)


async def test_parked_in_an_attempt_that_is_ended_first(parts: Parts) -> None:
    work = SlowWork()
    life = parts.life(Life, work, BACKOFF)
    stepping = asyncio.create_task(life.step("one"))
    await work.begun.wait()
    (entry,) = await parts.operator.list()
    assert entry.attempt_since is not None and entry.may == ["retry", "park", "delete"]
    entry = await parts.operator.park("one")
    assert work.outcome.cancelled(), "before the state was changed"
    assert (entry.state, entry.parked_from, entry.error, entry.next_attempt_at, entry.attempt_since) == (
        "parked", "uploading", "away", None, None,
    )  # fmt: skip
    assert parts.ended == ["one"], "it leaves the machine alone"
    assert await stepping == "on"
    assert read_manifest(parts.recordings.paths("one").manifest).state == "parked"
    assert await life.step("one") == "over"


async def test_nothing_begins_while_somebody_holds_it(parts: Parts) -> None:
    work = SlowWork()
    life = parts.life(Life, work, BACKOFF)
    async with parts.attempts.held("one"):
        stepping = asyncio.create_task(life.step("one"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not work.begun.is_set()
        parts.recordings.update("one", state="parked", parked_from="uploading")
    assert await stepping == "over" and not work.begun.is_set()


async def test_two_operators_at_once(parts: Parts) -> None:
    work = SlowWork()
    stepping = asyncio.create_task(parts.life(Life, work, BACKOFF).step("one"))
    await work.begun.wait()
    deeds = [parts.operator.delete("one"), parts.operator.park("one"), parts.operator.delete("one")]
    first, *others = await asyncio.gather(*deeds, return_exceptions=True)
    assert isinstance(first, Deleted)
    assert [str(other).partition(":")[0] for other in others] == ["no_such_recording"] * 2
    assert await stepping == "on" and parts.attempts.get("one") is None


async def test_who_is_cancelled_ends_the_attempt(parts: Parts) -> None:
    work = SlowWork()
    stepping = asyncio.create_task(parts.life(Life, work, BACKOFF).step("one"))
    await work.begun.wait()
    stepping.cancel()
    await asyncio.wait([stepping])
    assert work.outcome.cancelled() and parts.attempts.get("one") is None
    assert parts.manifest("one").state == "uploading"


async def test_what_runs_is_ended_and_begun_again(parts: Parts) -> None:
    first = SlowWork()
    life = parts.life(Life, first, BACKOFF)
    stepping = asyncio.create_task(life.step("one"))
    await first.begun.wait()
    entry = await parts.operator.retry("one")
    assert (entry.state, entry.attempts, entry.attempt_since) == ("uploading", 0, None)
    assert first.outcome.cancelled() and parts.ended == parts.begun == ["one"]
    assert await stepping == "on", "without a wait"
    second = SlowWork()
    life = parts.life(Life, second, BACKOFF)
    stepping = asyncio.create_task(life.step("one"))
    await second.begun.wait()
    second.outcome.set_result(DONE)
    assert await stepping == "on" and parts.manifest("one").state == "delivered"


async def test_parked_it_goes_on_where_it_was(parts: Parts) -> None:
    await parts.operator.park("one")
    entry = await parts.operator.retry("one")
    assert (entry.state, entry.attempts, entry.error, entry.parked_from) == ("uploading", 0, None, None)
    assert parts.begun == ["one"]


async def test_a_deleted_one_is_gone_and_its_attempt_ended_first(parts: Parts, home: Path) -> None:
    work = SlowWork()
    life = parts.life(Life, work, BACKOFF)
    stepping = asyncio.create_task(life.step("one"))
    await work.begun.wait()
    with structlog.testing.capture_logs() as logs:
        assert await parts.operator.delete("one") == Deleted(delivered=False)
    assert parts.ended == parts.given_up == ["one"] and list(home.iterdir()) == []
    assert [line["event"] for line in logs] == ["operator_deleted"]
    assert work.outcome.cancelled()
    assert await stepping == "on" and await life.step("one") == "over"


@pytest.mark.parametrize("state", ["accepted", "joining", "capturing"])
async def test_what_is_captured_is_not_deleted(home: Path, state: State) -> None:
    make_folder(home, "live", state)
    parts = Parts(home)
    with pytest.raises(OperatorRefused, match="is_live"):
        await parts.operator.delete("live")
    assert (home / "live").exists() and parts.ended == []


async def test_a_folder_that_cannot_be_removed_stays_known(
    parts: Parts, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OperatorRefused, match="disk_failed: Read-only"):
        await parts.operator.delete("one")
    assert parts.manifest("one").state == "uploading"


async def test_a_composer_that_is_ended_costs_an_attempt_and_no_more(home: Path) -> None:
    make_folder(home, "two", "finishing")
    parts = Parts(home)

    class Stuck:
        def begin(self, _recording_id: str) -> asyncio.Task[int]:
            self.worker = asyncio.create_task(self._forever())
            return self.worker

        async def _forever(self) -> int:
            await asyncio.Event().wait()
            return 0

    stuck = Stuck()
    nobody = cast(Any, None)
    stages = Stages(parts.recordings, nobody, cast(Composers, stuck), nobody, nobody)
    attempt = asyncio.create_task(stages.attempt(parts.manifest("two"), Errand()))
    await asyncio.sleep(0)
    stuck.worker.cancel()
    assert (await attempt).came_to == "later"


async def test_a_film_is_there_or_is_not(parts: Parts, home: Path) -> None:
    assert parts.operator.film("one").read_bytes() == FILM
    parts.operator.film("one").unlink()
    with pytest.raises(OperatorRefused, match="no_film"):
        parts.operator.film("one")


async def test_500_recordings_50_of_them_active_are_listed_quickly(home: Path) -> None:
    for number in range(450):
        make_folder(home, f"kept-{number}", "retained")
    for number in range(50):
        make_folder(home, f"live-{number}", "capturing")
    parts = Parts(home)
    while any(entry.folder_bytes is None for entry in await parts.operator.list()):
        pass  # the first looks measure
    times = []
    for _ in range(5):
        begun_s = time.thread_time()
        assert len(await parts.operator.list()) == 500
        times.append(time.thread_time() - begun_s)
    await parts.close()
    # About 5 ms; CPU time, so that a busy machine does not fail it.
    assert min(times) < 0.05, times
