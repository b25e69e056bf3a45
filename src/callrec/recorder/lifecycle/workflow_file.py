"""The workflows' database file. It may be lost: the manifests alone tell where the recordings stand."""

import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from callrec.recorder.folder.damaged import is_damage, put_aside

log = structlog.get_logger()


def prepare(database: Path) -> None:
    """Make the SQLite file *database* ready; one that is damaged is put aside.

    Raises OSError, sqlite3.Error, as for a full disk.
    """
    try:
        _prepare(database)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = put_aside(database)
        log.error("recording_workflows_damaged", error=str(error), kept_as=aside.name)
        _prepare(database)


def _prepare(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # DBOS leaves it; it stays with the file
        (first,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if first != "ok":
        error = sqlite3.DatabaseError(first)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
