"""Looking at processes."""

from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Return the composing children of a process, by age; multiprocessing's own helper is none."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    children = sorted(int(child) for file in listed for child in file.read_text().split())
    return [child for child in children if "resource_tracker" not in command(child)]


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    return [below for child in children_of(pid) for below in (child, *descendants(child))]


def lives(pid: int) -> bool:
    """Tell whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def command(pid: int) -> str:
    """Return the command line of a process; of one that is gone that of no composing one."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return "resource_tracker"
