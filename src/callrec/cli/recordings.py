"""``callrec recordings``: what a recorder has, and what an operator does with it.

Asks the recorder that runs in the data directory; without one, list, show and export read the folders. What
does the work is imported late: ``serve`` shares this command and should stay small.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callrec import clock
from callrec.cli.compose import Format
from callrec.cli.terminal import Data, Output, OutputForm, ServerConf, clean, output, print_table
from callrec.errors import OperatorRefused, SettingsError

if TYPE_CHECKING:
    from callrec.app.operator_client import OperatorClient
    from callrec.app.recordings_on_disk import RecordingsOnDisk
    from callrec.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look after the recordings of a recorder (operator)."
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The recording's id, as the list has it.")]
_HEAD = ("id", "state", "age", "size", "film", "composed", "sent", "next try", "room", "error")


@app.command("list")
def list_recordings(
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    data: Data = Path("data"),
    config: ServerConf = None,
    form: OutputForm = Output.TEXT,
) -> None:
    """List all recordings, newest first."""
    if state is not None and state not in _states():
        raise typer.BadParameter(f"{state!r} is none of: {', '.join(_states())}", param_hint="--state")
    entries = [e for e in _list(data, config) if state is None or e["state"] == state]
    if form is Output.JSON:
        typer.echo(json.dumps(entries, indent=2))
        return
    print_table(_HEAD, [_row(entry) for entry in entries])
    if not entries:
        output.print("no recordings")


@app.command()
def show(
    recording: Id, data: Data = Path("data"), config: ServerConf = None, form: OutputForm = Output.TEXT
) -> None:
    """Print what is known of a recording."""
    client, on_disk = _ways(data, config)
    details = client.show(recording) if client else _plain(on_disk.show(recording))
    if form is Output.JSON:
        typer.echo(json.dumps(details, indent=2))
        return
    for label, text in _facts(details):
        output.print(f"{label:14}{clean(text)}", markup=False)


@app.command()
def retry(
    recording: Id, data: Data = Path("data"), config: ServerConf = None, form: OutputForm = Output.TEXT
) -> None:
    """Try now what waits, begin again what is being tried, let a parked one go on."""
    _say(_running(data, config).retry(recording), "goes on", form)


@app.command()
def park(
    recording: Id, data: Data = Path("data"), config: ServerConf = None, form: OutputForm = Output.TEXT
) -> None:
    """Let one rest that is reporting, finishing or uploading, until it is retried."""
    _say(_running(data, config).park(recording), "rests", form)


@app.command()
def delete(
    recording: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = Path("data"),
    config: ServerConf = None,
    form: OutputForm = Output.TEXT,
) -> None:
    """Delete a recording with all its files, delivered or not."""
    client = _running(data, config)
    entry = client.show(recording)["recording"]
    if not yes:
        fate = "delivered" if entry["delivered_at"] else "NOT delivered"
        if entry["sent_bytes"] is not None:
            fate += f", {_sent(entry, ' of ')} are sent"
        question = f"{entry['file_name']} of room {entry['token']} is {fate}. Delete it for good?"
        if entry["state"] == "damaged":
            question = (
                f"The manifest of {recording} cannot be read: nobody can tell whether it was delivered, and "
                "this may be the only copy (export --folder keeps it). Delete it for good?"
            )
        typer.confirm(clean(question), abort=True)
    deleted = client.delete(recording)
    if form is Output.JSON:
        typer.echo(json.dumps(deleted))
        return
    output.print(f"{recording} is deleted.", markup=False)
    if entry["state"] == "damaged":
        return
    if deleted["delivered"] is None:
        output.print("The backend may have it: all was sent, and it did not answer.")
    elif deleted["delivered"] and not entry["delivered_at"]:
        output.print("The backend had just taken it: it is delivered.")


@app.command()
def export(  # noqa: PLR0917 - a command's options are its parameters
    recording: Id,
    target: Annotated[
        Path, typer.Argument(metavar="PATH", help="What is to be made, or a directory for it.")
    ],
    folder: Annotated[
        bool, typer.Option("--folder", help="The whole recording folder as a tar archive, not the film.")
    ] = False,
    tracks: Annotated[
        bool, typer.Option("--tracks", help="A directory of each participant's own sound and pictures.")
    ] = False,
    container: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="The film's container. Default: as PATH ends, else as ordered.",
        ),
    ] = None,
    data: Data = Path("data"),
    config: ServerConf = None,
    form: OutputForm = Output.TEXT,
) -> None:
    """Copy the film; make it anew where it is gone. Or with --folder or --tracks what it was made of.

    Exit codes: 0 it is there, 1 the film could not be made, 2 an option, the recording or PATH is wrong, 130
    interrupted.
    """
    from callrec.cli import exporting

    if folder + tracks + (container is not None) > 1:
        raise typer.BadParameter("only one of --folder, --tracks and --format")
    settings = _settings(data, config)
    on_disk = _on_disk(data, settings)
    if folder:
        made = exporting.pack(on_disk.folder(recording), target)
    elif tracks:
        made = exporting.tracks(on_disk.find(recording)[0], target)
    else:
        kind = container.value if container else None
        paths, manifest = on_disk.find(recording)
        made = exporting.film(paths, manifest, target, kind, settings.recorder)
    if form is Output.TEXT:
        output.print(str(made), markup=False)
    elif made.is_dir():
        files = {file.name: file.stat().st_size for file in sorted(made.iterdir())}
        typer.echo(json.dumps({"directory": str(made), "files": files}))
    else:
        typer.echo(json.dumps({"file": str(made), "bytes": made.stat().st_size}))


def _states() -> list[str]:
    from callrec.recorder.lifecycle.states import FOLLOWING

    return [*FOLLOWING, "damaged"]


def _settings(data: Path, config: Path | None) -> "Settings":
    from callrec.app.server_conf import mapping as server_conf
    from callrec.settings import load

    if not data.is_dir():
        raise SettingsError(f"data directory {data}: no such directory")
    return load(data, below=server_conf.read(config).settings if config else None)


def _on_disk(data: Path, settings: "Settings") -> "RecordingsOnDisk":
    from callrec.app.recordings_on_disk import RecordingsOnDisk

    return RecordingsOnDisk(data, settings)


def _ways(data: Path, config: Path | None) -> "tuple[OperatorClient | None, RecordingsOnDisk]":
    """Return the recorder that runs, if one does, and its folders."""
    from callrec.app.operator_client import connect

    settings = _settings(data, config)
    return connect(data, settings), _on_disk(data, settings)


def _running(data: Path, config: Path | None) -> "OperatorClient":
    client = _ways(data, config)[0]
    if client is None:
        raise OperatorRefused("recorder_away", f"no recorder runs in {data}, and only it can do this")
    return client


def _list(data: Path, config: Path | None) -> list[dict[str, Any]]:
    client, on_disk = _ways(data, config)
    if client is not None:
        return client.list()
    for home, why in on_disk.away.items():
        typer.echo(f"callrec: {home} may hold recordings: {why}", err=True)
    entries: list[dict[str, Any]] = _plain(on_disk.list())
    return entries


def _plain(value: object) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


def _say(entry: Mapping[str, Any], text: str, form: Output) -> None:
    if form is Output.JSON:
        typer.echo(json.dumps(entry, indent=2))
    else:
        output.print(f"{entry['id']} {text}: {entry['state']}.", markup=False)


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    now_s = clock.wall_s()
    next_at = entry["next_attempt_at"]
    film = _span(entry["film_s"])
    return (
        entry["id"],
        entry["state"],
        _span(now_s - entry["accepted_at"]),
        _bytes(entry["folder_bytes"]),
        film if entry["film_s"] else "–",
        "–" if entry["chunks"] is None else f"{_composed(entry)}/{film}",
        "–" if entry["sent_bytes"] is None else _sent(entry, "/"),
        "now" if entry["attempt_since"] else "–" if next_at is None else _span(max(0.0, next_at - now_s)),
        entry["token"],
        _trouble(entry),
    )


def _trouble(entry: Mapping[str, Any]) -> str:
    at = f"at {entry['at']}, which is gone" if entry["at"] else ""
    return "; ".join(text for text in (at, entry["error"]) if text)


def _facts(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entry, manifest = details["recording"], details["manifest"]
    if manifest is None:
        yield from _facts_of_damaged(details)
        return
    yield "recording", f"{entry['id']}, {entry['kind']}"
    yield "room", f"{entry['token']} of {entry['backend']}, for {entry['owner']}"
    parked = f", while {entry['parked_from']}" if entry["parked_from"] else ""
    since = f" since {_wall(entry['state_at'])}" if entry["state_at"] else ""
    yield "state", f"{entry['state']}{since}{parked}"
    yield "accepted", _wall(entry["accepted_at"])
    if entry["closed_at"]:
        ended = ", ".join(word for word in (entry["outcome"], entry["cause"]) if word)
        yield "captured", f"until {_wall(entry['closed_at'])} ({ended})"
    if entry["delivered_at"]:
        yield "delivered", _wall(entry["delivered_at"])
    elif manifest.get("acknowledged_at") is None:
        yield "delivered", "no; the backend has not agreed to be recorded"
    if entry["attempts"]:
        due = "" if entry["attempt_since"] else f"; the next: {_wall(entry['next_attempt_at'])}"
        yield "attempts", f"{entry['attempts']} failed{due}"
    if entry["attempt_since"]:
        yield "tried now", f"since {_wall(entry['attempt_since'])}"
    if entry["sent_bytes"] is not None:
        yield "sent", _sent(entry, " of ")
    if entry["error"]:
        yield "error", entry["error"]
    if entry["at"]:
        yield "at", f"the recorder {entry['at']}, which is gone: a retry fetches it here"
    if entry["chunks"] is not None:
        composed = f"{entry['chunks_composed']} of {entry['chunks']} chunks"
        yield "composed", f"{_composed(entry)} of {_span(entry['film_s'])} ({composed})"
    yield "film", f"{entry['file_name']}, {_span(entry['film_s'])}"
    yield from _facts_of_folder(details)


def _facts_of_damaged(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entry = details["recording"]
    yield "recording", entry["id"]
    yield "state", "damaged: nobody can tell whose it is, and whether it was delivered"
    yield "changed", _wall(entry["accepted_at"])
    yield "error", entry["error"]
    yield from _facts_of_folder(details)


def _facts_of_folder(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entry = details["recording"]
    yield "size", _bytes(entry["folder_bytes"])
    if details["folder"]:
        yield "folder", details["folder"]
    for name, size_bytes in details["output"].items():
        yield "  output", f"{name} ({size_bytes} bytes)"
    yield "possible", ", ".join(entry["may"]) or "nothing but to wait"


def _composed(entry: Mapping[str, Any]) -> str:
    return "?" if entry["composed_s"] is None else _span(entry["composed_s"])


def _sent(entry: Mapping[str, Any], of: str) -> str:
    return f"{_bytes(entry['sent_bytes'])}{of}{_bytes(entry['sent_of_bytes'])}"


def _wall(unix_s: float | None) -> str:
    return "–" if unix_s is None else datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def _bytes(size: int | None) -> str:
    if size is None:
        return "?"
    value, units = float(size), ["TB", "GB", "MB", "kB", "B"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop()
    return f"{value:.0f} {units[-1]}" if size < 1000 or value >= 10 else f"{value:.1f} {units[-1]}"
