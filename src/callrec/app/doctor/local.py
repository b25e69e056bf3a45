"""Examining what lies on this machine: the data directory, its disk, the database, the files."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from callrec.app.doctor.finding import Finding, failed, ok, warning
from callrec.app.recordings_on_disk import RecordingsOnDisk
from callrec.conversation.core import Core
from callrec.conversation.db.migrate import newest
from callrec.errors import SettingsError
from callrec.observe import disk
from callrec.recorder.compose.text import SHAPING
from callrec.settings import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def data_directory(data: Path, homes: Iterable[Path]) -> list[Finding]:
    """Examine the folder itself, and the room on its disk and on those of the *homes* of recordings."""
    check = "data directory"
    if not data.is_dir():
        return [failed(check, f"{data} does not exist", "Start `callrec serve` once, or correct --data.")]
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return [failed(check, f"{data} cannot be written", "Run as its owner, or change the owner.")]
    findings = [ok(check, f"{data} can be written")]
    if data.stat().st_mode & _OTHERS:
        text = f"{data} is open to other users of this machine, and it holds secrets"
        findings.append(warning("data directory mode", text, f"chmod 700 {data}"))
    # One that is not made yet will lie in the directory above; what is away is no disk.
    places = (place for home in homes for place in (home, home.parent))
    there = {place.stat().st_dev: place for place in (*places, data) if place.is_dir()}
    return [*findings, *map(_disk, reversed(there.values()))]


def _disk(folder: Path) -> Finding:
    free = disk.free_bytes(folder)
    text = f"{free / (1 << 30):.1f} GiB are free at {folder}"
    if free < disk.LOW_BYTES:
        return failed("disk", text, "Make room: recordings end when the disk is full.")
    if free < disk.SCARCE_BYTES:
        return warning("disk", text, "Make room soon: an hour of five people with cameras takes about 3 GB.")
    return ok("disk", text)


def lettering() -> Finding:
    """Examine whether names in films can be written as their scripts want."""
    check = "lettering"
    if SHAPING:
        return ok(check, "names in films are written as their scripts want")
    text = "without the library FriBidi, Arabic and Indic letters of names in films stay unjoined"
    return warning(check, text, "Install it (Debian: apt-get install libfribidi0).")


def recordings(data: Path, settings: Settings) -> list[Finding]:
    """Examine whether every recording that a recorder of *data* has can be found and read."""
    check = "recordings"
    try:
        on_disk = RecordingsOnDisk(data, settings)
        damaged = list(on_disk.damaged())
    except (OSError, SettingsError) as error:
        return [failed(check, str(error), "Let the recorder's user read it.")]
    found = [
        failed(check, f"{home} may hold recordings: {why}", "Mount it, or strike it from `homes`.")
        for home, why in on_disk.away.items()
    ]
    for one in damaged:
        remedy = "Restore its manifest.json from a backup, or delete the folder (docs/runbook.md)."
        found.append(failed(check, f"{one.folder} is damaged: {one.error}", remedy))
    return found or [ok(check, "all can be read")]


async def database(core: Core) -> Finding:
    """Examine whether the database answers, is whole, and has the schema of this version."""
    check = "database"
    head = newest()
    try:
        async with core.db.read() as session:
            revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
            whole = "ok"
            if session.get_bind().dialect.name == "sqlite":
                whole = await session.scalar(text("PRAGMA quick_check(1)"))
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        return failed(check, f"it does not answer: {reason}", "Start it, or restore it from a backup.")
    if whole != "ok":
        return failed(
            check, f"it is damaged: {whole}", "Stop callrec, restore database and files from a backup."
        )
    if revision != head:
        text_ = f"its schema is {revision}, this version of callrec has {head}"
        return warning(check, text_, "Restart the server: it migrates at its start, but never back.")
    return ok(check, f"whole, schema {revision}")
