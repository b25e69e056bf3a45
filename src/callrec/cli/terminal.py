"""What the commands share: where they print, and options that several of them have."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

output = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Data = Annotated[Path, typer.Option(help="Directory that keeps everything; created when missing.")]

ServerConf = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="CALLREC_SERVER_CONF", help="A server.conf of the stock recording server."
    ),
]


class Output(Enum):
    """Form of what is printed."""

    TEXT = "text"
    JSON = "json"


OutputForm = Annotated[Output, typer.Option("--output", help="Form of the output.")]
