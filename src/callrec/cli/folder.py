"""``callrec folder``: says what is in a recording folder and what is wrong with it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from callrec.cli.terminal import Output, OutputForm, clean, output, print_table
from callrec.recorder.folder.check.examination import check_folder
from callrec.recorder.folder.check.report import Report, Stretch, TrackReport

WITH_FINDINGS, NOT_USABLE = 1, 2
"""Exit codes beside 0, the folder is whole."""

MAX_ROWS = 200
"""Of participants and tracks that are printed; JSON has all."""

_TRACK_HEAD = (
    "track", "of", "source", "codec", "SSRC", "from s", "seconds", "packets", "RTX", "SR", "bytes", "missing",
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look into recording folders.")


@app.callback()
def folder() -> None:
    """Keep ``check`` a command of its own: the group has only one."""


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The recording folder.")],
    form: OutputForm = Output.TEXT,
) -> None:
    """Print what is in a recording folder and what is wrong with it. Changes nothing.

    Exit codes: 0 whole, 1 can be composed but something is missing or odd, 2 cannot be composed, or is no
    recording folder.
    """
    report = check_folder(directory)
    if form is Output.JSON:
        typer.echo(json.dumps(msgspec.to_builtins(report), indent=2))
    else:
        _show(report)
    if not report.usable:
        raise typer.Exit(NOT_USABLE)
    if report.finding_counts:
        raise typer.Exit(WITH_FINDINGS)


def _show(report: Report) -> None:
    for label, text in _facts(report):
        output.print(f"{label:14}{clean(text)}", markup=False)
    people = report.timeline.participants[:MAX_ROWS]
    print_table(
        ("participant", "name", "in the call, s"),
        [(p.participant, p.name, " ".join(map(_span, p.present))) for p in people],
    )
    print_table(_TRACK_HEAD, [_row(track) for track in report.tracks[:MAX_ROWS]])
    for finding in report.findings:
        style = "red" if finding.fatal else "yellow"
        output.print(f"{finding.code:20}", style=style, end="", markup=False)
        output.print(clean(f"{finding.where}: {finding.text}"), markup=False)
    for code, count in report.finding_counts.items():
        listed = sum(1 for finding in report.findings if finding.code == code)
        if count > listed:
            output.print(f"{code:20}… and {count - listed} more", markup=False)
    output.print(_verdict(report), markup=False)


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "folder", report.folder
    if report.state is not None:
        agreed = "acknowledged" if report.acknowledged else "not acknowledged"
        ended = ", ".join(word for word in (report.outcome, report.cause) if word)
        yield "recording", f"{report.recording_id}, {report.kind}, format {report.format_version}"
        yield "room", f"{report.token} of {report.backend}"
        yield "state", f"{report.state}, {agreed}{f' ({ended})' if ended else ''}"
    if report.begins_at is not None:
        begin, end = _wall(report.begins_at), "not yet" if report.ends_at is None else _wall(report.ends_at)
        yield "film", f"{begin} to {end}{f', {_span(report.film)} s' if report.film else ''}"
    if report.timeline.events:
        yield "timeline", ", ".join(f"{count} {kind}" for kind, count in report.timeline.events.items())
    finished = ", ".join(f"{file.name} ({file.size_bytes} bytes)" for file in report.output)
    yield "composed", f"{report.chunks} chunks ({report.chunk_bytes} bytes), film: {finished or 'none'}"


def _row(track: TrackReport) -> tuple[str, ...]:
    ssrcs = [f"{ssrc:08x}" for ssrc in track.ssrcs]
    return (
        str(track.number),
        track.participant,
        track.source,
        "+".join(track.codecs),
        " ".join(ssrcs if len(ssrcs) <= 3 else [*ssrcs[:3], f"+{len(ssrcs) - 3}"]),
        "–" if track.first_ms is None else f"{track.first_ms / 1000:.3f}",
        f"{track.seconds:.3f}",
        str(track.packets),
        str(track.retransmissions),
        str(track.sender_reports),
        str(track.size_bytes),
        f"{track.missing} ({track.missing_percent:.2f} %)",
    )


def _verdict(report: Report) -> str:
    if not report.usable:
        return "cannot be composed"
    return "can be composed, with findings" if report.finding_counts else "whole"


def _span(stretch: Stretch) -> str:
    return f"{stretch.from_ms / 1000:.3f}–{stretch.to_ms / 1000:.3f}"


def _wall(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
