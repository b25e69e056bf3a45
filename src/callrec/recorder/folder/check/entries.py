"""Listing directories whose content is not trusted."""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from callrec.recorder.folder.check.findings import Findings

MAX_ENTRIES = 100_000
"""Of one directory; segments of 30 s for a month."""


class Entry(NamedTuple):
    """What lies in a directory. ``other`` is a link, pipe, socket or device."""

    name: str
    kind: Literal["file", "directory", "other"]
    size_bytes: int


def entries(directory: Path, where: str, findings: Findings) -> dict[str, Entry]:
    """Return what lies in *directory* by name; a directory that is not there is empty."""
    found: dict[str, Entry] = {}
    try:
        with os.scandir(directory) as listing:
            for entry in listing:
                if len(found) == MAX_ENTRIES:
                    findings.add(
                        "too_many", where, f"more than {MAX_ENTRIES} entries; the others are left out"
                    )
                    break
                known = _entry(entry)
                if known is not None:
                    found[known.name] = known
    except FileNotFoundError:
        return {}
    except OSError as error:
        findings.add("unreadable", where, str(error.strerror), fatal=True)
    return found


def expect(
    found: dict[str, Entry], name: str, kind: Literal["file", "directory"], where: str, findings: Findings
) -> bool:
    """Tell whether *name* is there and of that kind; note what stands in its place."""
    entry = found.pop(name, None)
    if entry is None or entry.kind == kind:
        return entry is not None
    findings.add("not_regular", where, f"no plain {kind}; links are not followed", fatal=True)
    return False


def report_unknown(found: dict[str, Entry], prefix: str, findings: Findings) -> None:
    """Note what is left of *found* as unknown."""
    for name, entry in sorted(found.items()):
        leftover = name.startswith(".") and name.endswith(".tmp")
        text = "left over from a replacement that was cut short" if leftover else "not of this format"
        findings.add("unknown_file", prefix + name, f"{text}, {entry.size_bytes} bytes")


def _entry(entry: os.DirEntry[str]) -> Entry | None:
    try:
        size_bytes = entry.stat(follow_symlinks=False).st_size
        if entry.is_file(follow_symlinks=False):
            return Entry(entry.name, "file", size_bytes)
        if entry.is_dir(follow_symlinks=False):
            return Entry(entry.name, "directory", 0)
    except FileNotFoundError:  # gone meanwhile
        return None
    return Entry(entry.name, "other", size_bytes)
