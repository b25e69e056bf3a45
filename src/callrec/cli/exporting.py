"""What ``callrec recordings export`` makes: a film, an archive of the folder, or participants' own files.

What does the work is imported late: ``serve`` shares this command's program and should stay small.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from callrec.cli.film_options import film_time
from callrec.cli.making import make_film, progress_of
from callrec.cli.terminal import errors
from callrec.errors import OperatorRefused

if TYPE_CHECKING:
    from callrec.recorder.compose.film import ComposeOptions
    from callrec.recorder.folder.manifest import Manifest
    from callrec.recorder.folder.paths import FolderPaths
    from callrec.settings import RecorderSettings

FILE_EXISTS, DISK_FAILED = "file_exists", "disk_failed"


def pack(paths: "FolderPaths", target: Path) -> Path:
    """Pack the whole recording folder into a tar archive; return the file. Raises OperatorRefused."""
    from callrec.recorder.folder.export import pack_folder

    file = _place(target, f"{paths.root.name}.tar")
    with _refusing(file):
        pack_folder(paths.root, file)
    return file


def film(
    paths: "FolderPaths",
    manifest: "Manifest",
    target: Path,
    container: str | None,
    settings: "RecorderSettings",
) -> Path:
    """Copy the film, or make it anew where it is not there, or not of that *container*; return the file.

    Raises OperatorRefused, RecordingError, typer.BadParameter, typer.Exit.
    """
    from callrec.recorder.folder.export import copy_film

    have = paths.film(manifest.file_name)
    name = have.name if container is None else f"{have.stem}.{container}"
    file = _place(target, name)
    suffix = _suffix(file, have, manifest, container)
    if have.is_file() and suffix == have.suffix:
        with _refusing(file):
            copy_film(have, file)
        return file
    what = f"{suffix} film" if have.is_file() else "film"
    text = f"there is no {what} of it here, it is {manifest.state}: one is composed of the tracks"
    errors.print(text, markup=False)
    _compose(paths, manifest, file, suffix, settings)
    return file


def tracks(paths: "FolderPaths", target: Path) -> Path:
    """Write each participant's own sound and pictures, as sent; return the directory.

    Raises OperatorRefused, RecordingError.
    """
    from callrec.recorder.compose.demand import look_into
    from callrec.recorder.compose.people import people_of
    from callrec.recorder.compose.tracks_out import write_tracks
    from callrec.recorder.folder.reader import FolderReader

    recorded = look_into(paths.root)
    directory = _place(target, f"{Path(recorded.manifest.file_name).stem} tracks")
    reader = FolderReader.at(paths.root)
    with _refusing(directory), progress_of(f"copying {film_time(recorded.duration_ms)} of tracks"):
        write_tracks(
            reader,
            people_of(reader),
            directory,
            recorded.begins_ms,
            recorded.duration_ms,
            video=recorded.manifest.video,
        )
    return directory


def _compose(
    paths: "FolderPaths", manifest: "Manifest", file: Path, suffix: str, settings: "RecorderSettings"
) -> None:
    """Make the film *file*: all work is done in a directory beside it, the folder is only read."""
    from callrec.recorder.compose.demand import look_into
    from callrec.recorder.folder.export import copy_film

    recorded = look_into(paths.root)
    workshop = file.with_name(f".{file.name}.{paths.root.name}")
    with _refusing(file):
        workshop.mkdir(mode=0o700, exist_ok=True)
    made = workshop / f"film{suffix}"
    plan = replace(recorded.plan(_options(manifest, settings), made), elsewhere=workshop / "chunks")
    make_film(plan, recorded.duration_ms, made, None, None)
    with _refusing(file):
        copy_film(made, file)
    shutil.rmtree(workshop)


def _options(manifest: "Manifest", settings: "RecorderSettings") -> "ComposeOptions":
    """Return how the recorder itself would make the film."""
    from callrec.recorder.deliver.backends import Backends
    from callrec.recorder.lifecycle.plans import Plans, look_of

    plans = Plans(settings, Backends(settings), Path(), "error", log_json=False, look=look_of(settings))
    return plans.compose_options(manifest)


def _suffix(file: Path, have: Path, manifest: "Manifest", container: str | None) -> str:
    """Return which container is wanted, as its suffix; a name without one gets what was ordered."""
    from callrec.recorder.compose.formats import FORMATS

    named = file.suffix if file.suffix in FORMATS else None
    if container is not None and named not in (None, f".{container}"):
        raise typer.BadParameter(f"{container} does not fit to {file.name!r}", param_hint="--format")
    if file.suffix not in ("", have.suffix, *FORMATS):
        raise typer.BadParameter(
            f"{file.name!r}: a film's name ends in one of {', '.join(FORMATS)}, or has no ending",
            param_hint="PATH",
        )
    suffix = f".{container}" if container is not None else named or have.suffix
    if not manifest.video and suffix != ".ogg":
        raise typer.BadParameter("the recording has sound only: ogg", param_hint="--format")
    return suffix


def _place(target: Path, name: str) -> Path:
    """Return where to put what has this *name*: at *target*, or in that directory. Raises OperatorRefused."""
    place = target / name if target.is_dir() else target
    if place.exists() or place.is_symlink():
        raise OperatorRefused(FILE_EXISTS, f"{place} is there already")
    if not place.parent.is_dir():
        raise OperatorRefused(DISK_FAILED, f"{place.parent}: no such directory")
    return place


@contextmanager
def _refusing(place: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise OperatorRefused(FILE_EXISTS, f"{place} is there already") from error
    except OSError as error:
        raise OperatorRefused(DISK_FAILED, f"{error.filename or place}: {error.strerror or error}") from error
