"""What the commands share: where they print, and options that several of them have."""

from collections.abc import Sequence
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


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as they need, whatever the terminal's width: a cut number is a wrong one."""
    if not rows:
        return
    lines = [head, *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        output.print("  ".join(cells).rstrip(), markup=False)


def clean(text: str) -> str:
    """Return *text* without what moves a terminal's cursor or cannot be encoded: it may be a stranger's."""
    return "".join(c if c.isprintable() else "�" for c in text)
