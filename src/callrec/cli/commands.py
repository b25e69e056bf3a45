"""serve, server, recorder, and the other commands joined to them: options and output, no work."""

import os
from pathlib import Path
from typing import Annotated

import typer

from callrec import __version__
from callrec.app import serve as programs
from callrec.cli import consent, folder, recordings, users
from callrec.cli.compose import compose
from callrec.cli.console import console
from callrec.cli.doctor import doctor
from callrec.cli.terminal import Data, ServerConf, errors, output
from callrec.errors import CallrecError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)
app.add_typer(users.app, name="users")
app.add_typer(consent.app, name="consent")
app.add_typer(folder.app, name="folder")
app.add_typer(recordings.app, name="recordings")
app.command()(doctor)
app.command()(compose)
# What follows the console's command is for the console.
_CONSOLE = {"ignore_unknown_options": True, "allow_interspersed_args": False}
app.command(hidden=True, context_settings=_CONSOLE)(console)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]


def main() -> None:
    """Run the command; an error of ours is one line, not a traceback."""
    # Recordings and secrets: what we and our children write is for nobody else, whose ever the directory is.
    os.umask(0o077)
    try:
        app()
    except CallrecError as error:
        errors.print(f"callrec: {error}", style="red", markup=False)
        raise SystemExit(2) from None


def _version(wanted: bool) -> None:
    if wanted:
        output.print(__version__)
        raise typer.Exit


@app.callback()
def callrec(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Call recording: conversation server, signaling and recorder."""


@app.command()
def serve(data: Data = Path("data"), host: Host = "127.0.0.1", port: Port = 8080) -> None:
    """Run everything on one port: conversation server, signaling and recorder."""
    programs.serve(data, host, port, _announce)


@app.command()
def server(data: Data = Path("data"), host: Host = "127.0.0.1", port: Port = 8080) -> None:
    """Run the conversation server with its signaling, without a recorder."""
    programs.server(data, host, port, _announce)


@app.command()
def recorder(
    data: Data = Path("data"),
    host: Annotated[str | None, typer.Option(help="Address to listen on [recorder.host].")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on [recorder.port].", min=1, max=65535)
    ] = None,
    config: ServerConf = None,
) -> None:
    """Run the recorder alone, for the backends named in the settings."""
    programs.recorder(data, host, port, config)


def _announce(welcome: programs.Welcome) -> None:
    output.print()
    output.print(f"  callrec is ready at   {welcome.address}", markup=False)
    if welcome.admin_password is None:
        how = "with the password of the first start (secrets.json, unless it was preset or changed)"
    else:
        how = f"first password {welcome.admin_password}"
    output.print(f"  Sign in as            admin, {how}", markup=False)
    output.print(f"  Invite people with    {welcome.invitation}", markup=False)
    if welcome.names_loopback:
        output.print(
            "  These links are good on this machine only: set CALLREC_PUBLIC_URL to the address that others"
            " use (https, for camera and microphone).",
            markup=False,
        )
    if not welcome.secure_context:
        output.print(
            "  Browsers give camera and microphone only to https and localhost: put TLS before this address"
            " and set CALLREC_PUBLIC_URL.",
            markup=False,
        )
    output.print()
