"""The command ``callrec``."""

__all__ = ["main"]


def main() -> None:
    """Run the command."""
    # Late: a child process first imports the script that began the program, and this with it. Importing the
    # commands, too, would take seconds of the call that a restarted capture process has to rejoin.
    from callrec.cli.commands import main as run

    run()
