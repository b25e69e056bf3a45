"""The command ``callrec``."""

from callrec.cli.commands import main

__all__ = ["main"]
