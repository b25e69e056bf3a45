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
from callrec.cli.terminal import Data, Output, OutputForm, ServerConf, clean, output, print_table
from callrec.errors import OperatorRefused

if TYPE_CHECKING:
    from callrec.app.operator_client import OperatorClient
    from callrec.app.recordings_on_disk import RecordingsOnDisk

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look after the recordings of a recorder (operator)."
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The recording's id, as the list has it.")]
_HEAD = ("id", "state", "age", "size", "film", "composed", "next try", "room", "error")


@app.command("list")
def list_recordings(
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    data: Data = Path("data"),
    config: ServerConf = None,
    form: OutputForm = Output.TEXT,
) -> None:
    """List all recordings, newest first."""
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
    """Try now what waits for its next attempt; let a parked one go on."""
    _say(_running(data, config).retry(recording), "is tried now", form)


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
        question = f"{clean(entry['file_name'])} of room {entry['token']} is {fate}. Delete it for good?"
        typer.confirm(question, abort=True)
    client.delete(recording)
    if form is Output.JSON:
        typer.echo("{}")
    else:
        output.print(f"{recording} is deleted.", markup=False)


@app.command()
def export(  # noqa: PLR0917 - a command's options are its parameters
    recording: Id,
    target: Annotated[Path, typer.Argument(metavar="PATH", help="File to be made, or directory for it.")],
    folder: Annotated[
        bool, typer.Option("--folder", help="The whole recording folder as a tar archive, not the film.")
    ] = False,
    data: Data = Path("data"),
    config: ServerConf = None,
    form: OutputForm = Output.TEXT,
) -> None:
    """Copy the film, or with --folder all that was recorded."""
    file = _ways(data, config)[1].export(recording, target, whole_folder=folder)
    if form is Output.JSON:
        typer.echo(json.dumps({"file": str(file), "bytes": file.stat().st_size}))
    else:
        output.print(str(file), markup=False)


def _ways(data: Path, config: Path | None) -> "tuple[OperatorClient | None, RecordingsOnDisk]":
    """Return the recorder that runs, if one does, and its folders."""
    from callrec.app.operator_client import connect
    from callrec.app.recordings_on_disk import RecordingsOnDisk
    from callrec.app.server_conf import mapping as server_conf
    from callrec.settings import load

    settings = load(data, below=server_conf.read(config).settings if config else None)
    return connect(data, settings), RecordingsOnDisk(data, settings)


def _running(data: Path, config: Path | None) -> "OperatorClient":
    client = _ways(data, config)[0]
    if client is None:
        raise OperatorRefused("recorder_away", f"no recorder runs in {data}, and only it can do this")
    return client


def _list(data: Path, config: Path | None) -> list[dict[str, Any]]:
    client, on_disk = _ways(data, config)
    if client is not None:
        return client.list()
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
    chunks, composed = entry["chunks"], entry["chunks_composed"]
    return (
        entry["id"],
        entry["state"],
        _span(now_s - entry["accepted_at"]),
        _bytes(entry["folder_bytes"]),
        _span(entry["film_s"]) if entry["film_s"] else "–",
        "–" if chunks is None else f"{'?' if composed is None else composed}/{chunks}",
        "–" if next_at is None else _span(max(0.0, next_at - now_s)),
        entry["token"],
        entry["error"] or "",
    )


def _facts(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entry, manifest = details["recording"], details["manifest"]
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
        yield "attempts", f"{entry['attempts']} failed; the next: {_wall(entry['next_attempt_at'])}"
    if entry["error"]:
        yield "error", entry["error"]
    if entry["chunks"] is not None:
        yield "composed", f"{entry['chunks_composed']} of {entry['chunks']} chunks"
    yield "film", f"{entry['file_name']}, {_span(entry['film_s'])}"
    yield "size", _bytes(entry["folder_bytes"])
    yield "folder", details["folder"]
    for name, size_bytes in details["output"].items():
        yield "  output", f"{name} ({size_bytes} bytes)"
    yield "possible", ", ".join(entry["may"]) or "nothing but to wait"


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
