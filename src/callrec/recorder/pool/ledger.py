"""Who has which recording: two tables in PostgreSQL that all recorders of a pool share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import structlog
from psycopg.rows import DictRow

from callrec.recorder.folder.manifest import State
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool import schema
from callrec.recorder.pool.entries import CHANNEL, Entry, Room, read_entry, wake
from callrec.recorder.pool.pick import Member
from callrec.recorder.pool.session import Session, connect

DEAD_AFTER_S = 6.0
"""A recorder that was silent for so long is gone: others go on with what it had."""
RELISTEN_S = 1.0
REMEMBERED_S = 90 * 86400.0
"""How long a recording that is no more is remembered."""
LOOKED_AT_ONCE = 50

log = structlog.get_logger()


class Ledger:
    """One recorder's way to the ledger. All methods raise LedgerAway while the database is not there.

    All times are the database's own: recorders' clocks do not count.
    """

    def __init__(self, url: str, recorder_id: str, dead_after_s: float = DEAD_AFTER_S) -> None:
        """*url*: ``postgresql://user:password@host/name``."""
        self._url = url
        self.recorder_id = recorder_id
        self._dead_after_s = dead_after_s
        self._session = Session(url)
        self._beats = Session(url)
        """Of their own: a beat must not wait for whoever waits for a room."""

    async def prepare(self) -> None:
        """Make the tables unless they are there."""
        async with self._session.transaction() as connection:
            await schema.prepare(connection)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await self._beats.close()

    @asynccontextmanager
    async def room(self, backend: str, token: str) -> AsyncIterator[Room]:
        """Open the recordings of a room, one recorder at a time; what is written is durable at the end."""
        async with self._session.transaction() as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{backend} {token}",)
            )
            yield Room(connection, backend, token)

    async def beat(self, me: Member) -> None:
        """Say that this recorder is alive, and how it stands."""
        async with self._beats.transaction() as connection:
            await connection.execute(
                "INSERT INTO recorder_members AS m (recorder_id, beat_at, steady_since, refusal, capturing,"
                " composing, composers, busy_percent) VALUES (%s, now(), now(), %s, %s, %s, %s, %s)"
                " ON CONFLICT (recorder_id) DO UPDATE SET beat_at = now(), steady_since = CASE"
                " WHEN m.beat_at < now() - make_interval(secs => %s) THEN now() ELSE m.steady_since END,"
                " refusal = excluded.refusal, capturing = excluded.capturing,"
                " composing = excluded.composing, composers = excluded.composers,"
                " busy_percent = excluded.busy_percent",
                (
                    me.recorder_id,
                    me.refusal,
                    me.capturing,
                    me.composing,
                    me.composers,
                    me.busy_percent,
                    self._dead_after_s,
                ),
            )

    async def leave(self) -> None:
        """Say that this recorder ends: its recordings may be taken at once."""
        async with self._beats.transaction() as connection:
            await connection.execute(
                "UPDATE recorder_members SET beat_at = to_timestamp(0) WHERE recorder_id = %s",
                (self.recorder_id,),
            )

    async def members(self) -> list[Member]:
        """Return the recorders that are alive; what was placed at one counts before its next beat does."""
        async with self._session.transaction() as connection:
            rows = await connection.execute(
                "SELECT m.recorder_id, m.refusal, m.composing, m.composers, m.busy_percent,"
                " greatest(m.capturing, (SELECT count(*) FROM recorder_recordings r"
                " WHERE r.recorder_id = m.recorder_id AND r.ended_at IS NULL AND r.state = ANY(%s)))"
                " AS capturing FROM recorder_members m"
                " WHERE m.beat_at > now() - make_interval(secs => %s) ORDER BY m.recorder_id",
                (list(LIVE), self._dead_after_s),
            )
            return [_member(row) async for row in rows]

    async def mine(self) -> list[Entry]:
        """Return the recordings that this recorder has."""
        async with self._session.transaction() as connection:
            rows = await connection.execute(
                "SELECT * FROM recorder_entries WHERE recorder_id = %s AND ended_at IS NULL ORDER BY number",
                (self.recorder_id,),
            )
            return [read_entry(row) async for row in rows]

    async def entry(self, recording_id: str) -> Entry | None:
        """Return what is, or was, known of a recording; None: nobody has heard of it."""
        async with self._session.transaction() as connection:
            rows = await connection.execute(
                "SELECT * FROM recorder_entries WHERE recording_id = %s", (recording_id,)
            )
            row = await rows.fetchone()
            return read_entry(row) if row else None

    async def newest(self) -> dict[tuple[str, str], str]:
        """Return the newest recording of each room (backend, token) that this recorder has one of."""
        async with self._session.transaction() as connection:
            rows = await connection.execute(
                "SELECT DISTINCT ON (backend, token) backend, token, recording_id"
                " FROM recorder_recordings WHERE (backend, token) IN (SELECT backend, token"
                " FROM recorder_recordings WHERE recorder_id = %s AND ended_at IS NULL)"
                " ORDER BY backend, token, number DESC",
                (self.recorder_id,),
            )
            return {(row["backend"], row["token"]): row["recording_id"] async for row in rows}

    async def note(self, recording_id: str, state: State, *, over: bool) -> None:
        """Write down where a recording of this recorder stands; one that was discarded stays so."""
        async with self._session.transaction() as connection:
            await connection.execute(
                "UPDATE recorder_recordings SET state = %s, over = %s, copy_missing_at = NULL"
                " WHERE recording_id = %s AND recorder_id = %s AND ended_at IS NULL"
                " AND state <> 'discarded'",
                (state, over, recording_id, self.recorder_id),
            )

    async def missing(self) -> list[Entry]:
        """Return the recordings of which only their recorder's disk holds what was captured."""
        async with self._session.transaction() as connection:
            rows = await connection.execute(
                "SELECT * FROM recorder_entries WHERE copy_missing_at IS NOT NULL AND ended_at IS NULL"
                " ORDER BY number LIMIT %s",
                (LOOKED_AT_ONCE,),
            )
            return [read_entry(row) async for row in rows]

    async def bring_back(self, recording_id: str, state: State, *, over: bool) -> None:
        """Write down that a recording was not discarded after all."""
        async with self._session.transaction() as connection:
            await connection.execute(
                "UPDATE recorder_recordings SET state = %s, over = %s"
                " WHERE recording_id = %s AND recorder_id = %s AND ended_at IS NULL",
                (state, over, recording_id, self.recorder_id),
            )

    async def orphans(self, states: Collection[State]) -> list[Entry]:
        """Return recordings in one of *states* whose recorder is gone, as far as this one can tell.

        It cannot before its own beats have come without a gap for as long as makes a recorder dead: after
        a pause of the database, or of all machines, the others' are old as well.
        """
        async with self._session.transaction() as connection:
            rows = await connection.execute(
                "SELECT * FROM recorder_entries WHERE ended_at IS NULL AND recorder_id <> %(me)s"
                " AND state = ANY(%(states)s)"
                " AND (beat_at IS NULL OR beat_at < now() - make_interval(secs => %(dead)s))"
                " AND EXISTS (SELECT FROM recorder_members me WHERE me.recorder_id = %(me)s"
                " AND me.steady_since <= now() - make_interval(secs => %(dead)s)"
                " AND me.beat_at >= now() - make_interval(secs => %(dead)s))"
                " ORDER BY copy_missing_at NULLS FIRST, number LIMIT %(most)s",
                {
                    "me": self.recorder_id,
                    "states": list(states),
                    "dead": self._dead_after_s,
                    "most": LOOKED_AT_ONCE,
                },
            )
            return [read_entry(row) async for row in rows]

    async def take(self, entry: Entry) -> Entry | None:
        """Take one of the ``orphans``; None when it is none any more."""
        async with self._session.transaction() as connection:
            done = await connection.execute(
                "UPDATE recorder_recordings r SET recorder_id = %s, epoch = epoch + 1"
                " WHERE recording_id = %s AND epoch = %s AND ended_at IS NULL AND NOT EXISTS"
                " (SELECT FROM recorder_members m WHERE m.recorder_id = r.recorder_id"
                " AND m.beat_at >= now() - make_interval(secs => %s))",
                (self.recorder_id, entry.recording_id, entry.epoch, self._dead_after_s),
            )
        if done.rowcount != 1:
            return None
        return replace(entry, recorder_id=self.recorder_id, epoch=entry.epoch + 1)

    async def note_missing(self, entry: Entry) -> bool:
        """Write down that *entry* has no copy; False when that was known, or it has changed hands."""
        async with self._session.transaction() as connection:
            done = await connection.execute(
                "UPDATE recorder_recordings SET copy_missing_at = now()"
                " WHERE recording_id = %s AND epoch = %s AND copy_missing_at IS NULL",
                (entry.recording_id, entry.epoch),
            )
            return done.rowcount == 1

    async def hand_over(self, recording_id: str, to: str) -> bool:
        """Give a recording of this recorder to another; False when it is not this recorder's any more."""
        async with self._session.transaction() as connection:
            done = await connection.execute(
                "UPDATE recorder_recordings SET recorder_id = %s, epoch = epoch + 1"
                " WHERE recording_id = %s AND recorder_id = %s",
                (to, recording_id, self.recorder_id),
            )
            await wake(connection, to)
            return done.rowcount == 1

    async def end(self, recording_id: str) -> None:
        """Note that a recording of this recorder is no more.

        Its row stays for a while: another recorder that was dead may still have a folder of it.
        """
        async with self._session.transaction() as connection:
            await connection.execute(
                "UPDATE recorder_recordings SET ended_at = now(), state = 'discarded', over = true"
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
                async with await connect(self._url) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    on_news()  # something may have been missed
                    async for notice in connection.notifies():
                        if notice.payload == self.recorder_id:
                            on_news()
            except (psycopg.Error, OSError) as error:
                log.info("pool_not_listening", error=type(error).__name__)
            await asyncio.sleep(RELISTEN_S)


def _member(row: DictRow) -> Member:
    return Member(**{name: row[name] for name in Member.__dataclass_fields__})
