"""The command ``callrec``."""


def main() -> None:
    """Run the command."""
    # Imported here: the programs that it spawns import this module again, and read no command line.
    from callrec.cli.commands import main as run

    run()
