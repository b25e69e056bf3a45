"""Several processes compose one film: the same one as a single process, whatever happens to them."""

import contextlib
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

import callrec
from callrec.errors import ComposeFailed
from callrec.recorder.compose.child import ALIVE
from callrec.recorder.compose.crew import compose_missing
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.finish import finish
from callrec.recorder.compose.hands import Hands
from callrec.recorder.compose.plan import Plan
from callrec.recorder.compose.slots import Slots
from callrec.recorder.compose.worker import compose_once, run_worker
from tests.recorder.compose.processes import children_of, lives
from tests.recorder.compose.watching import media
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording
from tests.waiting import wait_until

SMALL = ComposeOptions(320, 180)
STARTED_MS, STOP_MS = 700, 70_000
DURATION_MS = STOP_MS - STARTED_MS
CHUNKS = 6
_SPAWN = multiprocessing.get_context("spawn")


def recorded(root: Path) -> SyntheticRecording:
    """Return a film of six chunks; after 22 s nobody moves, so it costs little."""
    recording = SyntheticRecording(root, [ANNA, BEN], STOP_MS, STARTED_MS)
    recording.write()
    recording.close()
    return recording


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The film's packets when one process has made it."""
    root = tmp_path_factory.mktemp("alone")
    recorded(root)
    return media(compose_once(root, SMALL))


def test_two_make_the_same_film(tmp_path: Path, alone: list[str]) -> None:
    recording = recorded(tmp_path)
    others = children_of(os.getpid())  # a browser of other tests, or what forks processes for them
    plan = Plan(tmp_path, SMALL, STARTED_MS, "h264")
    done = [chunk.index for chunk in compose_missing(plan, DURATION_MS, Hands(2))]
    assert sorted(done) == list(range(CHUNKS))
    assert done != sorted(done), "they worked beside each other"
    output = recording.paths.output / "Recording.mp4"
    finish(plan, DURATION_MS, output)
    assert media(output) == alone
    assert set(children_of(os.getpid())) <= set(others)


def test_one_that_is_killed_is_replaced(tmp_path: Path, alone: list[str]) -> None:
    recording = recorded(tmp_path)
    others = children_of(os.getpid())
    plan = Plan(tmp_path, SMALL, STARTED_MS, "h264")
    making = compose_missing(plan, DURATION_MS, Hands(2))
    done = [next(making).index]
    os.kill(next(child for child in children_of(os.getpid()) if child not in others), signal.SIGKILL)
    done += [chunk.index for chunk in making]
    assert sorted(done) == list(range(CHUNKS))
    output = recording.paths.output / "Recording.mp4"
    finish(plan, DURATION_MS, output)
    assert media(output) == alone


def test_a_worker_s_helpers_are_niced_and_end_with_it(tmp_path: Path, alone: list[str]) -> None:
    recording = recorded(tmp_path)
    hands = Hands(2, Slots(tmp_path / "composing", 2))
    worker = _SPAWN.Process(target=run_worker, args=(tmp_path, SMALL, hands))
    again = _SPAWN.Process(target=run_worker, args=(tmp_path, SMALL, hands))
    try:
        worker.start()
        assert worker.pid is not None
        wait_until(lambda: worker.pid is not None and children_of(worker.pid))
        (helper,) = children_of(worker.pid)
        wait_until(lambda: not lives(helper) or os.getpriority(os.PRIO_PROCESS, helper) == 15)
        worker.kill()
        worker.join()
        wait_until(lambda: not lives(helper))
        again.start()
        again.join(60)
        assert again.exitcode == 0
    finally:
        for process in (worker, again):
            if process.pid is not None:
                process.kill()
                process.join()
    assert media(recording.paths.output / "Recording.mp4") == alone


def test_children_that_cannot_work_say_why(tmp_path: Path) -> None:
    recorded(tmp_path)
    (tmp_path / "file").touch()
    plan = Plan(tmp_path, SMALL, STARTED_MS, "sound", elsewhere=tmp_path / "file")
    told: list[tuple[str, str]] = []
    with pytest.raises(ComposeFailed, match="Not a directory"):
        list(compose_missing(plan, 10_000, Hands(), tell=lambda *failure: told.append(failure)))
    assert set(told) == {("error", "compose_chunk_failed")}


def test_chunks_of_another_film_or_callrec_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(Path("/recording"), SMALL, STARTED_MS, "h264")
    assert plan.chunks.name.startswith(f"{callrec.__version__}-320x180-auto-h264-")
    others = [
        Plan(Path("/recording"), ComposeOptions(320, 180, layout="grid"), STARTED_MS, "h264"),
        Plan(Path("/recording"), ComposeOptions(322, 180), STARTED_MS, "h264"),
        Plan(Path("/recording"), SMALL, STARTED_MS + 1, "h264"),
        Plan(Path("/recording"), SMALL, STARTED_MS, "vp9"),
        Plan(Path("/recording"), SMALL, STARTED_MS, "sound"),
        Plan(Path("/recording"), SMALL, STARTED_MS, "h264", content="100 bytes"),
    ]
    names = {plan.chunks.name, *(other.chunks.name for other in others)}
    assert len(names) == 1 + len(others)
    assert Plan(Path("/moved"), SMALL, STARTED_MS, "h264").chunks.name == plan.chunks.name
    monkeypatch.setattr(callrec, "__version__", "99.0")
    assert plan.chunks.name not in names


def test_whoever_waits_for_a_slot_says_so(tmp_path: Path) -> None:
    with contextlib.closing(SyntheticRecording(tmp_path, [ANNA], 2000, STARTED_MS)) as recording:
        recording.write()
    slots, told = Slots(tmp_path / "composing", 1), SimpleQueue[tuple[str, str]]()
    making = compose_missing(
        Plan(tmp_path, SMALL, STARTED_MS, "h264"),
        1000,
        Hands(1, slots),
        tell=lambda *said: told.put(said),
    )
    with ThreadPoolExecutor(1) as beside:
        with slots.one():
            chunks = beside.submit(list, making)
            assert told.get(timeout=60) == ALIVE
        assert len(chunks.result(60)) == 1


def test_so_does_who_waits_for_the_call(tmp_path: Path) -> None:
    with contextlib.closing(SyntheticRecording(tmp_path, [ANNA], 2000)) as recording:
        recording.write()
        ours, theirs = _SPAWN.Pipe(duplex=False)
        worker = _SPAWN.Process(target=run_worker, args=(tmp_path, SMALL, Hands(1), None, theirs))
        worker.start()
        try:
            assert ours.poll(60) and ours.recv() == ALIVE
        finally:
            worker.kill()
            worker.join()
            ours.close()
            theirs.close()
