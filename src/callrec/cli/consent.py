"""``callrec consent``: reads the log of who agreed to be recorded, beside the server or without it."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.app.offline import open_core
from callrec.cli.terminal import Data, Output, OutputForm, errors, output
from callrec.conversation.consent import Consent, consent_view, find_consents
from callrec.conversation.participants import find_room

HALF_AN_ACTOR, UNKNOWN_ROOM, NO_FILTER = 1, 2, 3
"""Exit codes."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Read who agreed to be recorded.")


@app.callback()
def consent() -> None:
    """Keep ``list`` a command of its own: the group has only one."""


@app.command("list")
def list_consents(
    data: Data = Path("data"),
    token: Annotated[str | None, typer.Option(help="Those given in this conversation.")] = None,
    actor_type: Annotated[
        str | None, typer.Option(help="Those given by this person: users or guests.")
    ] = None,
    actor_id: Annotated[str | None, typer.Option(help="Id of the person, together with the type.")] = None,
    form: OutputForm = Output.TEXT,
) -> None:
    """List consents of a conversation or a person, or of a person in a conversation.

    Exit codes: 1 only one of type and id, 2 unknown conversation, 3 neither conversation nor person.
    """
    if (actor_type is None) != (actor_id is None):
        _refuse(HALF_AN_ACTOR, "--actor-type and --actor-id belong together")
    if token is None and actor_type is None:
        _refuse(NO_FILTER, "say which: --token, or --actor-type and --actor-id")

    async def work() -> Sequence[Consent] | None:
        async with open_core(data) as core, core.db.read() as session:
            return await _find(session, token, actor_type, actor_id)

    found = asyncio.run(work())
    if found is None:
        _refuse(UNKNOWN_ROOM, "there is no such conversation")
        return
    if form is Output.JSON:
        typer.echo(json.dumps([consent_view(each) for each in found]))
        return
    table = Table("conversation", "type", "id", "Unix time", box=None)
    for each in found:
        table.add_row(each.token, each.actor_type, each.actor_id, str(each.timestamp))
    output.print(table, markup=False)


async def _find(
    session: AsyncSession, token: str | None, actor_type: str | None, actor_id: str | None
) -> Sequence[Consent] | None:
    """Return what is asked for, None for an unknown conversation."""
    actor = (actor_type, actor_id or "") if actor_type is not None else None
    room = await find_room(session, token) if token is not None else None
    if token is not None and room is None:
        return None
    return await find_consents(session, room, actor)


def _refuse(code: int, text: str) -> None:
    errors.print(f"callrec: {text}", style="red", markup=False)
    raise typer.Exit(code)
