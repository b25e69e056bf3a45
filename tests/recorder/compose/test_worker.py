"""The worker as a real process: behind the call, killed, left by its parent."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from callrec.recorder.compose.worker import ComposeOptions, compose_once, run_worker
from tests.recorder.compose.watching import media
from tests.recorder.synthetic import ANNA, BEN, CEM, DORA, Network, SyntheticRecording, every
from tests.waiting import wait_until

SMALL = ComposeOptions(640, 360)
STARTED_MS, DURATION_MS = 700, 19_000
# Retransmissions arrive about when they come too late: which of them count must not depend on when it is
# composed.
NETWORK = Network(every(20), retransmitted_after_ms=2650, reorder_every=7)
FIRST_CHUNK = "*/000000-320.mkv"
_SPAWN = multiprocessing.get_context("spawn")


def record(root: Path) -> SyntheticRecording:
    """Return a recording of 19 s on a bad line, its log not written yet.

    Two people are connecting at the end of the first chunk (13 500 ms): one's first packet is within the
    look-ahead, and the first frame is shown early in the chunk's last pictures; the other's is too far.
    """
    people = [
        ANNA,
        BEN,
        replace(CEM, joins_ms=13_000, connects_ms=900),
        replace(DORA, joins_ms=13_100, connects_ms=3600, camera=False),
    ]
    return SyntheticRecording(root, people, DURATION_MS, STARTED_MS, network=NETWORK)


def first_chunk(recording: SyntheticRecording) -> Path | None:
    """Return the film's first chunk if it is composed."""
    return next(recording.paths.chunks.glob(FIRST_CHUNK), None)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The film's packets, composed when all was over."""
    root = tmp_path_factory.mktemp("at-once")
    recording = record(root)
    recording.write()
    recording.close()
    return media(compose_once(root, SMALL))


@pytest.fixture
def start() -> Iterator[Callable[[Path], SpawnProcess]]:
    """Starts workers, and ends those that are left."""
    started: list[SpawnProcess] = []

    def start_one(root: Path) -> SpawnProcess:
        process = _SPAWN.Process(target=run_worker, args=(root, SMALL))
        process.start()
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.join()


def test_behind_the_call_and_afterwards_is_the_same_film(
    tmp_path: Path, start: Callable[[Path], SpawnProcess], at_once: list[str]
) -> None:
    recording = record(tmp_path)
    # By the clock 19 s have passed: time for the first chunk, not for the second. The log has what arrived
    # until 3 s after the first chunk's end, and the worker may not need more.
    recording.write(until_ms=STARTED_MS + 12_800 + 3000)
    worker = start(tmp_path)
    wait_until(lambda: first_chunk(recording) is not None)
    recording.write()
    recording.close()
    worker.join(60)
    assert worker.exitcode == 0
    assert media(recording.paths.output / "Recording.mp4") == at_once


def test_killed_and_run_again(
    tmp_path: Path, start: Callable[[Path], SpawnProcess], at_once: list[str]
) -> None:
    recording = record(tmp_path)
    recording.write()
    recording.close()
    worker = start(tmp_path)
    wait_until(lambda: first_chunk(recording) is not None)
    worker.kill()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    output = recording.paths.output / "Recording.mp4"
    assert not output.exists()
    first = first_chunk(recording)
    assert first is not None
    first_ns = first.stat().st_mtime_ns
    # What a kill while joining leaves behind does not matter either.
    (recording.paths.output / ".Recording.mp4.tmp").write_bytes(b"half a film")

    again = start(tmp_path)
    again.join(60)
    assert again.exitcode == 0
    assert first.stat().st_mtime_ns == first_ns
    assert media(output) == at_once
    assert sorted(p.suffix for p in recording.paths.output.iterdir()) == [".jpg", ".json", ".json", ".mp4"]


def test_a_stop_shortens_what_was_composed_already(
    tmp_path: Path, start: Callable[[Path], SpawnProcess]
) -> None:
    """After a crash the end can turn out to lie in a chunk that was composed whole."""
    films = []
    for behind in (True, False):
        root = tmp_path / str(behind)
        recording = record(root)
        recording.write()
        recording.stop_ms = STARTED_MS + 2000
        if behind:
            worker = start(root)
            wait_until(partial(first_chunk, recording))
            recording.close()
            worker.join(60)
            films.append(media(recording.paths.output / "Recording.mp4"))
        else:
            recording.close()
            films.append(media(compose_once(root, SMALL)))
    assert films[0] == films[1]
    assert sum(line.startswith("video") for line in films[0]) == 50


def test_composing_again_changes_nothing(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [], 2000, STARTED_MS)
    recording.close()
    path = compose_once(tmp_path, SMALL)
    before_ns = path.stat().st_mtime_ns
    assert compose_once(tmp_path, SMALL) == path
    assert path.stat().st_mtime_ns == before_ns


def _parent(root: Path, pids: Connection) -> None:
    worker = _SPAWN.Process(target=run_worker, args=(root, SMALL))
    worker.start()
    pids.send(worker.pid)
    worker.join()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    SyntheticRecording(tmp_path, [], 2000, STARTED_MS)  # not closed: the worker waits
    pids, sender = _SPAWN.Pipe(duplex=False)
    parent = _SPAWN.Process(target=_parent, args=(tmp_path, sender))
    parent.start()
    pid = pids.recv()
    assert os.path.exists(f"/proc/{pid}")
    parent.kill()
    parent.join()
    wait_until(lambda: _gone(pid), 10)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
