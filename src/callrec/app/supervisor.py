"""Runs programs as child processes: restarts, at once and then with growing waits, and ordered shutdown."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

import structlog

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
SETTLED_S = 60.0
"""When a program that ran for so long dies, it is the first time again: it starts without a wait."""
STOP_TIMEOUT_S = 15.0

log = structlog.get_logger()


@dataclass
class Program:
    """One program to keep running. Those that come later are stopped earlier."""

    name: str
    run: Callable[[Any], None]
    argument: Any
    process: SpawnProcess | None = None
    begun_s: float = 0.0
    deaths: int = 0
    """In a row: since it last ran for long."""
    wait_s: float = 0.0
    due_s: float = 0.0


class Supervisor:
    """Keeps programs running until SIGINT or SIGTERM."""

    def __init__(self, programs: list[Program]) -> None:
        self._programs = programs
        self._context = multiprocessing.get_context("spawn")

    def run(self, started: Callable[[], None]) -> None:
        """Start all programs, call *started*, and keep them running; returns after the ordered shutdown."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            for program in self._programs:
                self._start(program)
            started()
            while True:
                self._look()
        except _Stop:
            log.info("supervisor_stopping")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not cut the shutdown short
            for program in reversed(self._programs):
                self._stop(program)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        raise _Stop

    def _start(self, program: Program) -> None:
        # Not daemonic: programs have children of their own.
        program.process = self._context.Process(
            target=program.run, args=(program.argument,), name=f"callrec-{program.name}"
        )
        # Ignored from its first instruction on: Ctrl-C reaches the whole group, and we decide the order.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        program.process.start()
        signal.signal(signal.SIGINT, interrupt)
        program.begun_s = time.monotonic()
        log.info("supervisor_started", program=program.name, pid=program.process.pid)

    def _look(self) -> None:
        now_s = time.monotonic()
        running = {p.process.sentinel: p for p in self._programs if p.process is not None}
        waits = [p.due_s - now_s for p in self._programs if p.process is None]
        ended = wait(list(running), timeout=max(0.0, min(waits)) if waits else None)
        for sentinel in ended:
            self._note_end(running[sentinel])  # type: ignore[index]
        for program in self._programs:
            if program.process is None and time.monotonic() >= program.due_s:
                self._start(program)

    def _note_end(self, program: Program) -> None:
        assert program.process is not None
        program.process.join()
        ran_s = time.monotonic() - program.begun_s
        program.deaths = 1 if ran_s > SETTLED_S else program.deaths + 1
        program.wait_s = _wait_s(program.deaths)
        program.due_s = time.monotonic() + program.wait_s
        log.error(
            "supervisor_program_ended",
            program=program.name,
            exit_code=program.process.exitcode,
            restart_in_s=program.wait_s,
        )
        program.process = None

    def _stop(self, program: Program) -> None:
        if program.process is None or program.process.pid is None:
            return  # not running, or the signal came before it was
        program.process.terminate()
        program.process.join(STOP_TIMEOUT_S)
        if program.process.is_alive():
            log.error("supervisor_killed", program=program.name)
            program.process.kill()
            program.process.join()
        log.info("supervisor_stopped", program=program.name)


def _wait_s(deaths: int) -> float:
    """Return how long to wait before a program starts again that has died so often in a row."""
    return 0.0 if deaths == 1 else min(FIRST_WAIT_S * 2.0 ** (deaths - 2), LONGEST_WAIT_S)


class _Stop(BaseException):
    """A signal asks to stop."""
