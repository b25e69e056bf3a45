"""``callrec compose``: makes a film of a recording folder, anywhere, as often as wanted.

What does the work is imported late: ``serve`` shares this command's program and should stay small.
"""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callrec.cli.film_options import film_time, moment_ms, size_px
from callrec.cli.making import make_film
from callrec.cli.terminal import output

if TYPE_CHECKING:
    from callrec.recorder.compose.demand import Recorded


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
    make_film(plan, to_ms - from_ms, path, tracks, workers)
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
