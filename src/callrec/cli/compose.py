"""``callrec compose``: makes a film of a recording folder, anywhere, as often as wanted.

What does the work is imported late: ``serve`` shares this command's program and should stay small.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from callrec import logs
from callrec.cli.film_options import film_time, moment_ms, size_px
from callrec.cli.terminal import errors, output
from callrec.errors import ComposeFailed

if TYPE_CHECKING:
    from callrec.recorder.compose.demand import Recorded
    from callrec.recorder.compose.hands import Hands
    from callrec.recorder.compose.plan import Plan

FAILED, INTERRUPTED = 1, 130
"""Exit codes beside 0, and 2 for what is wrong with options or folder."""


class Layout(Enum):
    """How participants are shown."""

    AUTO = "auto"
    GRID = "grid"
    SPEAKER = "speaker"
    SCREEN = "screen"


class Clock(Enum):
    """What the clock in a corner shows."""

    NONE = "none"
    CALL = "call"
    UTC = "utc"


class Format(Enum):
    """Containers."""

    MP4 = "mp4"
    WEBM = "webm"
    MKV = "mkv"
    OGG = "ogg"


def compose(  # noqa: PLR0917 - a command's options are its parameters
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The recording folder.")],
    layout: Annotated[Layout, typer.Option(help="Who is shown how.")] = Layout.AUTO,
    from_time: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin there: seconds, or h:mm:ss of film time."),
    ] = None,
    to_time: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End there.")] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of the picture in pixels.")] = "1920x1080",
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Container; ogg is sound only. Default: as FILE ends, else as ordered."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that compose. Default: one for each core.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="The film. Default: its own name, here."),
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Make DIR of each participant's own sound and pictures, as sent."),
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Shown in the first 8 seconds.")] = "",
    clock: Annotated[
        Clock, typer.Option(help="In a corner: time since the film's beginning, or date and time of day.")
    ] = Clock.NONE,
    watermark: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Laid over the upper right corner.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there.")] = False,
) -> None:
    """Make a film of a recording folder, with a poster, speaking times and an overview beside it.

    Can be interrupted: the same command goes on with what is finished. Exit codes: 0 the film is there, 1 it
    could not be made, 2 an option or the folder is wrong, 130 interrupted.
    """
    from callrec.recorder.compose.demand import look_into
    from callrec.recorder.compose.film import ComposeOptions, Look
    from callrec.recorder.compose.hands import Hands, usable_cores
    from callrec.recorder.compose.notes import read_watermark

    width_px, height_px = size_px(size)
    look = Look(title, clock.value, read_watermark(watermark, "--watermark") if watermark else b"")
    recorded = look_into(folder)
    path = _output(recorded, file, form, overwrite=overwrite)
    from_ms, to_ms = _stretch(recorded, from_time, to_time)
    if tracks is not None and tracks.exists():
        raise typer.BadParameter(f"{tracks} is there already", param_hint="--tracks")
    options = ComposeOptions(width_px, height_px, layout=layout.value, look=look)
    plan = recorded.plan(options, path, from_ms=from_ms)
    hands = Hands(workers or usable_cores())
    failures: set[str] = set()
    logs.configure("error", on_failure=partial(_note, failures))
    try:
        _make(plan, to_ms - from_ms, path, tracks, hands=hands, failures=failures)
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
    output.print(path, markup=False)


def _output(recorded: "Recorded", file: Path | None, form: Format | None, *, overwrite: bool) -> Path:
    """Return where the film goes; its suffix is the container's."""
    path = file or Path(Path(recorded.manifest.file_name).name)
    if form is None:
        known = [f".{known.value}" for known in Format]
        if path.suffix not in known:
            text = f"{path.name!r} ends in none of {' '.join(known)}: name one with --format"
            raise typer.BadParameter(text, param_hint="-o")
    elif file is None:
        path = path.with_suffix(f".{form.value}")
    elif path.suffix != f".{form.value}":
        raise typer.BadParameter(f"{form.value} does not fit to {path.name!r}", param_hint="--format")
    if not recorded.manifest.video and path.suffix != ".ogg":
        raise typer.BadParameter("the recording has sound only: ogg", param_hint="--format")
    if path.exists() and not overwrite:
        raise typer.BadParameter(f"{path} is there already (--overwrite)", param_hint="-o")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent}: no such directory", param_hint="-o")
    return path


def _stretch(recorded: "Recorded", from_time: str | None, to_time: str | None) -> tuple[int, int]:
    """Return what is wanted of the film, in ms of film time."""
    from_ms = 0 if from_time is None else moment_ms(from_time, "--from")
    to_ms = recorded.duration_ms if to_time is None else moment_ms(to_time, "--to")
    length = film_time(recorded.duration_ms)
    if from_ms >= recorded.duration_ms:
        raise typer.BadParameter(f"the film is {length} long", param_hint="--from")
    if to_ms > recorded.duration_ms:
        raise typer.BadParameter(f"the film is {length} long", param_hint="--to")
    if to_ms <= from_ms:
        raise typer.BadParameter("must lie after --from", param_hint="--to")
    return from_ms, to_ms


@contextmanager
def _progress(step: str) -> Iterator[Callable[[float, float], None]]:
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
    with _progress(f"composing {film_time(duration_ms)}") as advance:
        done = 0
        advance(done, total)
        tell = partial(_note, failures)
        # Closed at once when it is interrupted: its children end.
        with closing(compose_missing(plan, duration_ms, hands, tell=tell)) as composed:
            for chunk in composed:
                done += chunk.pictures
                advance(done, total)
    with _progress(f"joining {path.name}"):
        finish(plan, duration_ms, path, tracks)
    if plan.elsewhere is not None:
        shutil.rmtree(plan.elsewhere)
