"""Makes a film as a command does: with progress, and exit codes for what may happen on the way."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from callrec import logs
from callrec.cli.film_options import film_time
from callrec.cli.terminal import errors
from callrec.errors import ComposeFailed

if TYPE_CHECKING:
    from callrec.recorder.compose.hands import Hands
    from callrec.recorder.compose.plan import Plan

FAILED, INTERRUPTED = 1, 130
"""Exit codes beside 0, and 2 for what is wrong with options or folder."""


def make_film(plan: "Plan", duration_ms: int, path: Path, tracks: Path | None, workers: int | None) -> None:
    """Compose what is missing of a film of that length, and join it to *path*.

    *tracks*: the directory to be made of each participant's own sound and pictures, if any. *workers* None: a
    process for each core. Raises typer.Exit.
    """
    from callrec.recorder.compose.hands import Hands, usable_cores

    failures: set[str] = set()
    with _telling(failures):
        _make(plan, duration_ms, path, tracks, hands=Hands(workers or usable_cores()), failures=failures)


@contextmanager
def _telling(failures: set[str]) -> Iterator[None]:
    """Say what ended the work, or what was met on the way."""
    logs.configure("error", on_failure=partial(_note, failures))
    try:
        yield
    except KeyboardInterrupt:
        errors.print("interrupted; the same command goes on with what is finished")
        raise typer.Exit(INTERRUPTED) from None
    except (ComposeFailed, OSError) as error:
        errors.print(
            f"callrec: {error}; the same command goes on with what is finished", style="red", markup=False
        )
        raise typer.Exit(FAILED) from None
    if failures:
        met = ", ".join(sorted(failures))
        errors.print(f"met on the way: {met} (callrec folder check)", markup=False)


@contextmanager
def progress_of(step: str) -> Iterator[Callable[[float, float], None]]:
    """Show a bar with the time that is likely left, where there is a terminal; else one line."""
    if not errors.is_terminal:
        errors.print(step, markup=False)
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    begun_s = time.monotonic()

    def advance(done: float, total: float) -> None:
        left_s = (time.monotonic() - begun_s) * (total - done) / done if done else 0
        left = f"about {film_time(1000 * round(left_s))} left" if left_s else ""
        progress.update(task, completed=done, total=total, left=left)

    with Progress(*columns, console=errors) as progress:
        task = progress.add_task(step, total=None, left="")
        yield advance


def _note(failures: set[str], _level: str, event: str) -> None:
    failures.add(event)  # not how often: every process meets it


def _make(
    plan: "Plan",
    duration_ms: int,
    path: Path,
    tracks: Path | None,
    *,
    hands: "Hands",
    failures: set[str],
) -> None:
    from callrec.recorder.compose.crew import compose_missing
    from callrec.recorder.compose.finish import finish

    total = sum(chunk.pictures for chunk in plan.missing(duration_ms))
    with progress_of(f"composing {film_time(duration_ms)}") as advance:
        done = 0
        advance(done, total)
        tell = partial(_note, failures)
        # Closed at once when it is interrupted: its children end.
        with closing(compose_missing(plan, duration_ms, hands, tell=tell)) as composed:
            for chunk in composed:
                done += chunk.pictures
                advance(done, total)
    with progress_of(f"joining {path.name}"):
        finish(plan, duration_ms, path, tracks)
    if plan.elsewhere is not None:
        shutil.rmtree(plan.elsewhere)
