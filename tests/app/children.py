"""Programs that the supervisor runs in tests: each tells its life in a file that all share."""

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import wait
from pathlib import Path

from callrec.app.supervisor import Program, Supervisor


def note(story: Path, what: str) -> None:
    """Append a line; small appends are whole."""
    with story.open("a") as file:
        file.write(f"{what} {os.getpid()}\n")


def steady(argument: tuple[Path, str]) -> None:
    """Run until SIGTERM, or until the supervisor is gone."""
    story, name = argument
    signals, told = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(told, b"x"))
    note(story, f"{name}-runs")
    parent = multiprocessing.parent_process()
    assert parent is not None
    ended = wait([signals, parent.sentinel])
    note(story, f"{name}-stopped" if signals in ended else f"{name}-orphaned")


def falls_twice(argument: tuple[Path, str]) -> None:
    """Die at the first two starts, then be steady."""
    story, name = argument
    note(story, f"{name}-starts")
    if story.read_text().count(f"{name}-starts") <= 2:
        os._exit(7)
    steady(argument)


def stubborn(argument: tuple[Path, str]) -> None:
    """Take no notice of SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(argument[0], "stubborn-runs")
    signal.pause()


def main() -> None:
    """Supervise the programs named by the arguments; the first argument is the story."""
    from callrec.app import supervisor

    supervisor.STOP_TIMEOUT_S = 0.3 if "stubborn" in sys.argv else supervisor.STOP_TIMEOUT_S
    story = Path(sys.argv[1])
    programs = []
    for number, kind in enumerate(sys.argv[2:]):
        run = {"steady": steady, "falls_twice": falls_twice, "stubborn": stubborn}[kind]
        programs.append(Program(f"{kind}{number}", run, (story, f"{kind}{number}")))
    Supervisor(programs).run(lambda: note(story, "started"))
    note(story, "over")


if __name__ == "__main__":
    main()
