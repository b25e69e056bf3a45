"""The supervisor with real processes: restarts, ordered shutdown, and nobody outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from callrec.app import supervisor as supervisor_module
from callrec.app.supervisor import Program, Supervisor
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]


class Story:
    """What the processes have told, and the supervisor's process."""

    def __init__(self, path: Path, *kinds: str) -> None:
        self.path = path
        path.touch()
        command = [sys.executable, "-m", "tests.app.children", str(path), *kinds]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    @property
    def lines(self) -> list[str]:
        return [line.split()[0] for line in self.path.read_text().splitlines()]

    def pids(self, what: str) -> list[int]:
        told = [line.split() for line in self.path.read_text().splitlines()]
        return [int(pid) for name, pid in told if name == what]

    def wait(self, condition: Callable[[], bool]) -> None:
        try:
            wait_until(condition)
        except TimeoutError:
            raise AssertionError(self.path.read_text()) from None

    def wait_for(self, *lines: str) -> None:
        self.wait(lambda: set(lines) <= set(self.lines))

    def end(self) -> str:
        """Wait for the end of the supervisor; return what it logged."""
        log, _ = self.process.communicate(timeout=PATIENCE_S)
        return str(log.decode())

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Story]]:
    stories: list[Story] = []

    def begin(*kinds: str) -> Story:
        stories.append(Story(tmp_path / f"story{len(stories)}", *kinds))
        return stories[-1]

    yield begin
    for story in stories:
        story.close()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()  # ended, and nobody there to bury it
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_programs_in_reverse_order(begin: Callable[..., Story], number: int) -> None:
    story = begin("steady", "steady")
    story.wait_for("started", "steady0-runs", "steady1-runs")
    story.process.send_signal(number)
    story.end()
    assert story.process.returncode == 0
    assert story.lines[-3:] == ["steady1-stopped", "steady0-stopped", "over"]


def test_a_program_that_dies_is_started_again_and_the_others_stay(begin: Callable[..., Story]) -> None:
    story = begin("steady", "falls_twice")
    story.wait_for("steady0-runs", "falls_twice1-runs")
    assert story.lines.count("falls_twice1-starts") == 3
    assert len(set(story.pids("falls_twice1-starts"))) == 3
    assert story.lines.count("steady0-runs") == 1
    os.kill(story.pids("steady0-runs")[0], signal.SIGKILL)
    story.wait(lambda: story.lines.count("steady0-runs") == 2)
    story.process.terminate()
    log = story.end()
    assert log.count("supervisor_program_ended") == 3
    assert "exit_code=7" in log and "exit_code=-9" in log
    assert story.lines[-1] == "over"


def test_a_program_that_ignores_the_signal_is_killed(begin: Callable[..., Story]) -> None:
    story = begin("steady", "stubborn")
    story.wait_for("steady0-runs", "stubborn-runs")
    story.process.terminate()
    assert "supervisor_killed" in story.end()
    assert story.lines[-2:] == ["steady0-stopped", "over"]
    assert gone(story.pids("stubborn-runs")[0])


def test_a_killed_supervisor_wakes_its_programs(begin: Callable[..., Story]) -> None:
    story = begin("steady", "steady")
    story.wait_for("steady0-runs", "steady1-runs")
    story.process.kill()
    story.wait_for("steady0-orphaned", "steady1-orphaned")
    story.wait(lambda: all(gone(pid) for n in range(2) for pid in story.pids(f"steady{n}-runs")))


class FakeProcess:
    """A process that runs until the test lets it end."""

    def __init__(self, *, target: Any, args: Any, name: str) -> None:
        self.pid: int | None = None
        self.exitcode: int | None = None
        self.name = name
        self.sentinel, self._end = os.pipe()
        ALL.append(self)

    def start(self) -> None:
        self.pid = 1

    def end(self, code: int) -> None:
        self.exitcode = code
        os.close(self._end)

    def join(self, timeout: float | None = None) -> None:
        return

    def is_alive(self) -> bool:
        return False

    def terminate(self) -> None:
        assert self.pid is not None
        STOPPED.append(self.name)


ALL: list[FakeProcess] = []
STOPPED: list[str] = []


class FakeContext:
    Process = FakeProcess


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, float]]:
    """The supervisor's clock; its processes are fakes."""
    state = {"s": 1000.0}
    ALL.clear()
    STOPPED.clear()
    monkeypatch.setattr("callrec.app.supervisor.time", SimpleNamespace(monotonic=lambda: state["s"]))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield state
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for process in ALL:
        os.close(process.sentinel)
        if process.exitcode is None:
            os.close(process._end)


def supervisor(*names: str) -> tuple[Supervisor, list[Program]]:
    programs = [Program(name, print, None) for name in names]
    result = Supervisor(programs)
    result._context = FakeContext()  # type: ignore[assignment]
    return result, programs


def test_the_first_restart_is_at_once_the_others_wait_up_to_a_limit(now: dict[str, float]) -> None:
    supervising, (program,) = supervisor("one")
    supervising._start(program)
    waits = []
    for _ in range(12):
        ALL[-1].end(1)
        supervising._look()
        waits.append(program.wait_s)
        if program.wait_s:
            assert program.process is None
            now["s"] = program.due_s
            supervising._look()
        assert program.process is not None
    assert waits[:5] == [0, 0.2, 0.4, 0.8, 1.6]
    assert waits[-3:] == [30, 30, 30]
    now["s"] += supervisor_module.SETTLED_S + 1
    ALL[-1].end(1)
    supervising._look()
    assert program.wait_s == 0
    assert program.process is not None


def test_a_signal_while_a_program_is_being_started_still_stops_all(
    now: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    supervising, _ = supervisor("one", "two", "three")
    real_start = FakeProcess.start

    def start(self: FakeProcess) -> None:
        if self.name == "callrec-two":
            os.kill(os.getpid(), signal.SIGTERM)
        real_start(self)

    monkeypatch.setattr(FakeProcess, "start", start)
    supervising.run(lambda: pytest.fail("not all programs were started"))
    assert STOPPED == ["callrec-one"]
    assert [p.name for p in ALL] == ["callrec-one", "callrec-two"]


def test_a_failing_start_stops_what_runs(now: dict[str, float]) -> None:
    supervising, _ = supervisor("one", "two")

    def fail() -> None:
        raise RuntimeError("the announcement failed")

    with pytest.raises(RuntimeError):
        supervising.run(fail)
    assert STOPPED == ["callrec-two", "callrec-one"]
