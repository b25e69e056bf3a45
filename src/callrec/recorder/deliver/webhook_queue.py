"""Events that are still to be sent to webhooks, and what was last told of each recording; on the disk."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog

from callrec.recorder.folder.damaged import is_damage, put_aside

MAX_EVENTS = 10_000
MAX_AGE_S = 7 * 24 * 3600.0

_TABLES = """
BEGIN;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL, recording TEXT NOT NULL, body BLOB NOT NULL,
    queued_s REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_s REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS events_in_turn ON events (url, recording, id);
CREATE TABLE IF NOT EXISTS told (recording TEXT PRIMARY KEY, state TEXT NOT NULL);
COMMIT;
"""
# Only the oldest event of each recording is in turn: they are sent in order.
_IN_TURN = """FROM events AS one WHERE url = ?
    AND id = (SELECT MIN(id) FROM events WHERE url = one.url AND recording = one.recording)"""
_UNWANTED = """SELECT id, url FROM events WHERE url NOT IN (SELECT value FROM json_each(?)) OR queued_s < ?
    OR id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?)"""
_NEXT = f"SELECT id, recording, body, attempts {_IN_TURN} AND due_s <= ? ORDER BY id LIMIT 1"
_NEXT_DUE = f"SELECT MIN(due_s) {_IN_TURN}"

log = structlog.get_logger()


class Event(NamedTuple):
    """One event for one address."""

    id: int
    recording: str
    body: bytes
    attempts: int
    """How often it was sent in vain."""


class WebhookQueue:
    """An SQLite file. Methods may be called by any thread; they raise sqlite3.Error, as for a full disk."""

    def __init__(self, path: Path) -> None:
        """Open the file *path*, or make it: now, or as soon as that can be done.

        One that is damaged is put aside, and begun anew.
        """
        self.is_new = not path.exists() or path.stat().st_size == 0
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False
        try:
            self._connection = self._opened()
        except sqlite3.Error as error:
            log.warning("webhook_queue_not_opened", error=str(error))

    def _opened(self) -> sqlite3.Connection:
        try:
            return _open(self._path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            try:
                aside = put_aside(self._path)
            except OSError as cannot:
                raise sqlite3.OperationalError(f"{self._path}: {cannot.strerror}") from cannot
            log.error("webhook_queue_damaged", error=str(error), kept_as=aside.name)
            self.is_new = True
            return _open(self._path)

    def put(
        self, urls: Collection[str], recording: str, state: str | None, body: bytes, now_s: float
    ) -> None:
        """Queue an event for each of *urls*; *state* is what it tells, None: the recording is gone.

        What is told already is not queued again.
        """
        with self._transaction() as connection:
            row = connection.execute("SELECT state FROM told WHERE recording = ?", (recording,)).fetchone()
            if state == (row[0] if row else None):
                return
            connection.executemany(
                "INSERT INTO events (url, recording, body, queued_s) VALUES (?, ?, ?, ?)",
                [(url, recording, body, now_s) for url in urls],
            )
            if state is None:
                connection.execute("DELETE FROM told WHERE recording = ?", (recording,))
            else:
                connection.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (recording, state))

    def begin_with(self, states: Mapping[str, str]) -> None:
        """Take *states* by recording as told, where nothing was told since."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO told VALUES (?, ?)", list(states.items()))

    def told(self) -> dict[str, str]:
        """Return the last state by recording that is told, or will be."""
        with self._transaction() as connection:
            return dict(connection.execute("SELECT recording, state FROM told").fetchall())

    def next(self, url: str, now_s: float) -> Event | None:
        """Return what is to be sent to *url* now."""
        with self._transaction() as connection:
            row = connection.execute(_NEXT, (url, now_s)).fetchone()
        return None if row is None else Event(*row)

    def next_due_s(self, url: str) -> float | None:
        """Return when something is to be sent to *url* (wall time), None: nothing is left."""
        with self._transaction() as connection:
            due_s: float | None = connection.execute(_NEXT_DUE, (url,)).fetchone()[0]
        return due_s

    def done(self, event_id: int) -> None:
        """Forget an event that was taken."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM events WHERE id = ?", (event_id,))

    def postpone(self, event_id: int, due_s: float) -> None:
        """Send it again, and those of its recording behind it, no sooner than *due_s*."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE events SET attempts = attempts + 1, due_s = ? WHERE id = ?", (due_s, event_id)
            )

    def drop(self, urls: Collection[str], now_s: float) -> dict[str, int]:
        """Drop what is too old, too much, or for none of *urls*; return how much for each address."""
        arguments = (json.dumps(list(urls)), now_s - MAX_AGE_S, MAX_EVENTS)
        with self._transaction() as connection:
            unwanted = connection.execute(_UNWANTED, arguments).fetchall()
            connection.executemany("DELETE FROM events WHERE id = ?", [(row[0],) for row in unwanted])
        return Counter(url for _, url in unwanted)

    def waiting(self) -> dict[str, int]:
        """Return the number of events by address."""
        with self._transaction() as connection:
            return dict(connection.execute("SELECT url, COUNT(*) FROM events GROUP BY url").fetchall())

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                if self._is_closed:
                    raise sqlite3.ProgrammingError("the queue is closed")
                self._connection = self._opened()
            with self._connection:
                yield self._connection


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        # A power cut may cost the last events; those that say where a recording stands are made again.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_TABLES)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def remove(path: Path) -> None:
    """Delete the file, if there is one. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
