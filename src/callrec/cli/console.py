"""``callrec console``: the few commands that Talk's integration tests give to a Nextcloud, in test mode only.

What does the work is imported late: ``serve`` shares this command and should stay small.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callrec.cli import consent
from callrec.cli.terminal import Data, Output
from callrec.errors import SettingsError

if TYPE_CHECKING:
    from callrec.conversation.core import Core

JOB_CLASS = r"OC\TaskProcessing\SynchronousBackgroundJob"
"""What the tests call a job that makes a text."""
NOT_FOUND = 1
"""Exit code: there is no such value, job or app."""

Arguments = Annotated[list[str], typer.Argument(help="The command, and what it is given.")]


def console(arguments: Arguments, data: Data = Path("data")) -> None:
    """Carry out a console command of Talk's tests."""
    given = _parser().parse_args(arguments)
    _demand_test_mode(data)
    if given.command == "talk:recording:consent":
        form = Output.JSON if given.output.startswith("json") else Output.TEXT
        consent.list_consents(data, given.token, given.actor_type, given.actor_id, form)
        return

    async def work() -> int:
        from callrec.app.offline import open_core

        async with open_core(data) as core:
            return await _COMMANDS[given.command](core, given)

    code = asyncio.run(work())
    if code:
        raise typer.Exit(code)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    for ignored in ("--no-ansi", "--no-interaction", "--no-warnings"):
        common.add_argument(ignored, action="store_true")
    common.add_argument("--output", choices=["plain", "json", "json_pretty"], default="plain")
    parser = argparse.ArgumentParser(prog="callrec console")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, *names: str, options: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        added = commands.add_parser(name, parents=[common])
        for positional in names:
            added.add_argument(positional)
        for option, details in (options or {}).items():
            added.add_argument(option, **details)

    text: Mapping[str, Any] = {}
    switch: Mapping[str, Any] = {"action": "store_true"}
    given: Mapping[str, Any] = {"required": True}
    job_class: Mapping[str, Any] = {"dest": "job_class"}
    command("talk:recording:consent", options={"--token": text, "--actor-type": text, "--actor-id": text})
    command("background-job:list", options={"--class": job_class})
    command("background-job:execute", "job", options={"--force-execute": switch})
    command("config:app:get", "app", "key")
    command("config:app:set", "app", "key", options={"--value": given})
    command("config:app:delete", "app", "key")
    command("app:enable", "app")
    command("app:disable", "app")
    return parser


def _demand_test_mode(data: Path) -> None:
    from callrec.settings import load

    if not load(data).conversation.test_mode:
        raise SettingsError("conversation.test_mode: the console is there in test mode only")


async def _list_jobs(core: "Core", given: argparse.Namespace) -> int:
    from callrec.conversation.transcripts.queue import waiting_jobs

    jobs = await waiting_jobs(core.db) if given.job_class in (None, JOB_CLASS) else []
    entries = [{"id": str(job_id), "class": JOB_CLASS, "argument": kind} for job_id, kind in jobs]
    if given.output == "plain":
        for entry in entries:
            typer.echo(" ".join(entry.values()))
    else:
        typer.echo(json.dumps(entries, indent=4 if given.output == "json_pretty" else None))
    return 0


async def _execute_job(core: "Core", given: argparse.Namespace) -> int:
    from callrec.conversation.blobs.configured import configured_blobs
    from callrec.conversation.transcripts.parts import build

    transcripts = build(core, configured_blobs(core.config.data, core.config.settings))
    job = await transcripts.queue.claim(int(given.job)) if given.job.isdecimal() else None
    if job is None:
        return _missing(f"there is no job {given.job}, or it is being executed")
    await transcripts.stages.carry_out(job)
    typer.echo("Job executed")
    return 0


async def _get_value(core: "Core", given: argparse.Namespace) -> int:
    async with core.db.read() as session:
        value = await core.configuration.get(session, *_names(given))
    if value is None:
        return NOT_FOUND
    typer.echo(value if given.output == "plain" else json.dumps(value))
    return 0


async def _set_value(core: "Core", given: argparse.Namespace) -> int:
    async with core.db.write() as tx:
        await core.configuration.set(tx, *_names(given), given.value)
    typer.echo("Value set")
    return 0


async def _delete_value(core: "Core", given: argparse.Namespace) -> int:
    async with core.db.write() as tx:
        await core.configuration.unset(tx, *_names(given))
    typer.echo("Value deleted")
    return 0


async def _switch_app(core: "Core", given: argparse.Namespace) -> int:
    from callrec.conversation.test_mode.testing_app import TESTING, set_enabled

    if given.app != TESTING:
        return _missing(f"there is no app {given.app} to enable or disable")
    async with core.db.write() as tx:
        await set_enabled(core.configuration, tx, enabled=given.command == "app:enable")
    typer.echo(f"{given.command} {given.app}: done")
    return 0


def _names(given: argparse.Namespace) -> tuple[str, str]:
    from callrec.conversation.app_config import INTERNAL

    if given.app == INTERNAL:
        raise SettingsError(f"app {INTERNAL}: its values are secrets")
    return given.app, given.key


def _missing(text: str) -> int:
    typer.echo(text)
    return NOT_FOUND


_COMMANDS: Mapping[str, Callable[["Core", argparse.Namespace], Awaitable[int]]] = {
    "background-job:list": _list_jobs,
    "background-job:execute": _execute_job,
    "config:app:get": _get_value,
    "config:app:set": _set_value,
    "config:app:delete": _delete_value,
    "app:enable": _switch_app,
    "app:disable": _switch_app,
}
