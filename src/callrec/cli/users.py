"""``callrec users``: users of the conversation server, beside the running server or without it.

What does the work is imported late: ``serve`` shares this command and should stay small.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from callrec.cli.terminal import Data, Output, OutputForm, output
from callrec.errors import AccountError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make and list users, set passwords.")

Name = Annotated[str, typer.Argument(help="Name by which the user signs in.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]


@app.command()
def add(  # noqa: PLR0917 - typer passes options by position of the declaration
    name: Name,
    data: Data = Path("data"),
    display_name: Annotated[str, typer.Option(help="Name that others see.")] = "",
    email: Annotated[str, typer.Option(help="Address.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May administer the server.")] = False,
    password_stdin: FromStdin = False,
) -> None:
    """Make a user. The password is asked for."""
    from callrec.app.offline import open_core
    from callrec.conversation.accounts import Account, add_account

    password = _password(from_stdin=password_stdin)

    async def work() -> None:
        async with open_core(data) as core:
            await add_account(core, Account(name, display_name, email, admin), password)

    asyncio.run(work())
    output.print(f"{name} can sign in now.", markup=False)


@app.command("list")
def list_users(data: Data = Path("data"), form: OutputForm = Output.TEXT) -> None:
    """List all users."""
    from callrec.app.offline import open_core
    from callrec.conversation.accounts import Account, list_accounts

    async def work() -> list[Account]:
        async with open_core(data) as core:
            return await list_accounts(core)

    found = asyncio.run(work())
    if form is Output.JSON:
        typer.echo(json.dumps([asdict(account) for account in found], indent=2))
        return
    table = Table("name", "display name", "address", "", box=None)
    for account in found:
        table.add_row(account.id, account.display_name, account.email, "admin" if account.is_admin else "")
    output.print(table, markup=False)


@app.command()
def password(name: Name, data: Data = Path("data"), password_stdin: FromStdin = False) -> None:
    """Set a user's password; his sessions and app passwords end."""
    from callrec.app.offline import open_core
    from callrec.conversation.accounts import set_password

    new = _password(from_stdin=password_stdin)

    async def work() -> None:
        async with open_core(data) as core:
            await set_password(core, name, new)

    asyncio.run(work())
    output.print(f"{name} has a new password.", markup=False)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise AccountError("password: nobody can be asked here; use --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
