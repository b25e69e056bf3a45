"""Who has which recording: two tables in PostgreSQL that all recorders of a pool share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import structlog
from psycopg.rows import DictRow, dict_row

from callrec.errors import LedgerAway
from callrec.recorder.folder.manifest import State
from callrec.recorder.pool.entries import CHANNEL, Entry, Room, read_entry, wake
from callrec.recorder.pool.pick import Member

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 5000
RELISTEN_S = 1.0
REMEMBERED_S = 90 * 86400.0
"""How long a recording that is no more is remembered."""

_SCHEMA_LOCK = 0x63616C6C11
_TABLES = """
CREATE TABLE IF NOT EXISTS recorder_members (
    recorder_id text PRIMARY KEY,
    beat_at timestamptz NOT NULL,
    refusal text,
    capturing integer NOT NULL,
    composing integer NOT NULL,
    composers integer NOT NULL,
    busy_percent real NOT NULL
);
CREATE TABLE IF NOT EXISTS recorder_recordings (
    recording_id text PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    backend text NOT NULL,
    token text NOT NULL,
    file_name text NOT NULL,
    request jsonb NOT NULL,
    recorder_id text NOT NULL,
    state text NOT NULL,
    stop jsonb,
    repeats integer NOT NULL DEFAULT 0,
    ended_at timestamptz
);
CREATE INDEX IF NOT EXISTS recorder_recordings_room ON recorder_recordings (backend, token, number);
CREATE INDEX IF NOT EXISTS recorder_recordings_recorder ON recorder_recordings (recorder_id);
"""

log = structlog.get_logger()


class Ledger:
    """One recorder's way to the ledger. All methods raise LedgerAway while the database is not there."""

    def __init__(self, url: str, recorder_id: str) -> None:
        """*url*: ``postgresql://user:password@host/name``."""
        self._url = url
        self.recorder_id = recorder_id
        self._connection: psycopg.AsyncConnection[DictRow] | None = None
        self._in_use = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the tables unless they are there."""
        async with self._transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            for statement in filter(str.strip, _TABLES.split(";")):
                await connection.execute(statement)

    async def close(self) -> None:
        """Close the connection."""
        async with self._in_use:
            await self._drop()

    @asynccontextmanager
    async def room(self, backend: str, token: str) -> AsyncIterator[Room]:
        """Open the recordings of a room, one recorder at a time; what is written is durable at the end."""
        async with self._transaction() as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{backend} {token}",)
            )
            yield Room(connection, backend, token)

    async def beat(self, me: Member) -> None:
        """Say that this recorder is alive, and how it stands."""
        async with self._transaction() as connection:
            await connection.execute(
                "INSERT INTO recorder_members VALUES (%s, now(), %s, %s, %s, %s, %s)"
                " ON CONFLICT (recorder_id) DO UPDATE SET beat_at = now(), refusal = excluded.refusal,"
                " capturing = excluded.capturing, composing = excluded.composing,"
                " composers = excluded.composers, busy_percent = excluded.busy_percent",
                (me.recorder_id, me.refusal, me.capturing, me.composing, me.composers, me.busy_percent),
            )

    async def leave(self) -> None:
        """Say that this recorder ends: its recordings may be taken at once."""
        async with self._transaction() as connection:
            await connection.execute(
                "UPDATE recorder_members SET beat_at = '-infinity' WHERE recorder_id = %s",
                (self.recorder_id,),
            )

    async def members(self, within_s: float) -> list[Member]:
        """Return the recorders that were alive within so many seconds."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                "SELECT * FROM recorder_members WHERE beat_at > now() - make_interval(secs => %s)"
                " ORDER BY recorder_id",
                (within_s,),
            )
            return [_member(row) async for row in rows]

    async def mine(self) -> list[Entry]:
        """Return the recordings that this recorder has."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                "SELECT * FROM recorder_recordings WHERE recorder_id = %s AND ended_at IS NULL"
                " ORDER BY number",
                (self.recorder_id,),
            )
            return [read_entry(row) async for row in rows]

    async def owner(self, recording_id: str) -> str | None:
        """Return who has, or had, a recording; None: nobody knows of it."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                "SELECT recorder_id FROM recorder_recordings WHERE recording_id = %s", (recording_id,)
            )
            row = await rows.fetchone()
            return str(row["recorder_id"]) if row else None

    async def newest(self) -> dict[tuple[str, str], str]:
        """Return the newest recording of each room (backend, token) that this recorder has one of."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                "SELECT DISTINCT ON (backend, token) backend, token, recording_id"
                " FROM recorder_recordings WHERE (backend, token) IN (SELECT backend, token"
                " FROM recorder_recordings WHERE recorder_id = %s AND ended_at IS NULL)"
                " ORDER BY backend, token, number DESC",
                (self.recorder_id,),
            )
            return {(row["backend"], row["token"]): row["recording_id"] async for row in rows}

    async def note_state(self, recording_id: str, state: State) -> None:
        """Write down where a recording of this recorder stands."""
        async with self._transaction() as connection:
            await connection.execute(
                "UPDATE recorder_recordings SET state = %s WHERE recording_id = %s AND recorder_id = %s",
                (state, recording_id, self.recorder_id),
            )

    async def take_over(self, dead_after_s: float, states: frozenset[State]) -> Entry | None:
        """Take one recording in one of *states* from a recorder that has not been alive for so long."""
        async with self._transaction() as connection:
            rows = await connection.execute(
                "UPDATE recorder_recordings SET recorder_id = %s WHERE recording_id = ("
                " SELECT r.recording_id FROM recorder_recordings r"
                " LEFT JOIN recorder_members m ON m.recorder_id = r.recorder_id"
                " WHERE r.state = ANY(%s) AND r.recorder_id <> %s"
                " AND (m.beat_at IS NULL OR m.beat_at < now() - make_interval(secs => %s))"
                " ORDER BY r.number LIMIT 1 FOR UPDATE OF r SKIP LOCKED) RETURNING *",
                (self.recorder_id, list(states), self.recorder_id, dead_after_s),
            )
            row = await rows.fetchone()
            return read_entry(row) if row else None

    async def hand_over(self, recording_id: str, to: str) -> bool:
        """Give a recording of this recorder to another; False when it is not this recorder's any more."""
        async with self._transaction() as connection:
            done = await connection.execute(
                "UPDATE recorder_recordings SET recorder_id = %s"
                " WHERE recording_id = %s AND recorder_id = %s",
                (to, recording_id, self.recorder_id),
            )
            await wake(connection, to)
            return done.rowcount == 1

    async def end(self, recording_id: str) -> None:
        """Note that a recording of this recorder is no more.

        Its row stays for a while: another recorder that was dead may still have a folder of it.
        """
        async with self._transaction() as connection:
            await connection.execute(
                "UPDATE recorder_recordings SET ended_at = now(), state = 'discarded'"
                " WHERE recording_id = %s AND recorder_id = %s",
                (recording_id, self.recorder_id),
            )
            await connection.execute(
                "DELETE FROM recorder_recordings WHERE ended_at < now() - make_interval(secs => %s)",
                (REMEMBERED_S,),
            )

    async def listen(self, on_news: Callable[[], None]) -> None:
        """Call *on_news* whenever somebody has something for this recorder, until cancelled."""
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    on_news()  # something may have been missed
                    async for notice in connection.notifies():
                        if notice.payload == self.recorder_id:
                            on_news()
            except psycopg.Error as error:
                log.info("pool_not_listening", error=type(error).__name__)
            await asyncio.sleep(RELISTEN_S)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[psycopg.AsyncConnection[DictRow]]:
        async with self._in_use:
            try:
                if self._connection is None:
                    self._connection = await self._connect()
                async with self._connection.transaction():
                    yield self._connection
            except psycopg.Error as error:
                await self._drop()
                raise LedgerAway(f"ledger: {type(error).__name__}") from error
            except asyncio.CancelledError:
                await self._drop()  # in the middle: nobody knows what the connection is at
                raise

    async def _connect(self) -> psycopg.AsyncConnection[DictRow]:
        return await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_TIMEOUT_S,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=2,
            tcp_user_timeout=STATEMENT_TIMEOUT_MS,
        )

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


def _member(row: DictRow) -> Member:
    return Member(**{name: row[name] for name in Member.__dataclass_fields__})
