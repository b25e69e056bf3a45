"""``callrec doctor``: prints what an examination finds."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import typer

from callrec.app.doctor.finding import Finding, Verdict
from callrec.cli.terminal import Data, Output, OutputForm, ServerConf, output

_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}


def doctor(data: Data = Path("data"), config: ServerConf = None, form: OutputForm = Output.TEXT) -> None:
    """Look at settings and data, ask the far servers, and say what is wrong. Exit code 1 if something is."""
    from callrec.app.doctor.examination import examine  # late: ``serve`` shares this command

    async def work() -> list[Finding]:
        found = []
        async for finding in examine(data, config):
            found.append(finding)
            if form is Output.TEXT:
                _show(finding)
        return found

    found = asyncio.run(work())
    if form is Output.JSON:
        typer.echo(json.dumps([{**asdict(f), "verdict": f.verdict.value} for f in found], indent=2))
    if any(finding.verdict is Verdict.FAILED for finding in found):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    output.print(f"{finding.verdict.value:8}", style=_STYLES[finding.verdict], end="")
    output.print(f"{finding.check}: {finding.text}", markup=False)
    if finding.remedy:
        output.print(f"        → {finding.remedy}", markup=False)
