"""Who has which recording: two tables in PostgreSQL that all recorders of a pool share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import structlog
from psycopg.rows import DictRow

from callrec.recorder.folder.manifest import State
from callrec.recorder.pool import members, schema
from callrec.recorder.pool.entries import CHANNEL, Entry, Room, read_entry, wake
from callrec.recorder.pool.pick import Member
from callrec.recorder.pool.session import LIMIT_S, Session, connect, cut_off

DEAD_AFTER_S = 6.0
"""A recorder that was silent for so long is gone: others go on with what it had."""
GAP = 0.6
"""Of that time: a recorder whose own beats had a longer gap cannot tell who is gone. After a pause of the
database others' beats are older than its own by up to the time between two."""
RELISTEN_S = 1.0
"""Before a connection is made anew."""
RELISTEN_EVERY_S = 30.0
"""A connection that still stands may lead to nobody."""
REMEMBERED_S = 90 * 86400.0
"""How long a recording that is no more is remembered."""
MEMBER_REMEMBERED_S = 30 * 86400.0
"""How long a recorder is remembered that is gone, and has no recording."""
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
        self.dead_after_s = dead_after_s
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
    async def room(self, backend: str, token: str, until_s: float | None = None) -> AsyncIterator[Room]:
        """Open the recordings of a room, one recorder at a time; what is written is durable at the end.

        *until_s*: when that must be, as time of the event loop.
        """
        async with self._session.transaction(until_s) as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{backend} {token}",)
            )
            yield Room(connection, backend, token, self.dead_after_s)

    async def beat(self, me: Member) -> None:
        """Say that this recorder is alive, and how it stands."""
        async with self._beats.transaction() as connection:
            await members.beat(connection, me, self.dead_after_s * GAP)

    async def leave(self) -> None:
        """Say that this recorder ends: its recordings may be taken at once."""
        async with self._beats.transaction() as connection:
            await members.leave(connection, self.recorder_id)

    async def members(self) -> list[Member]:
        """Return the recorders that are alive; what was given to one counts before its next beat does."""
        async with self._session.transaction() as connection:
            return await members.alive(connection, self.dead_after_s)

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

    async def orphans(self, states: Collection[State], most: int = LOOKED_AT_ONCE) -> list[Entry]:
        """Return *most* recordings in one of *states* whose recorder is gone, as far as this one can tell.

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
                " AND me.beat_at >= now() - make_interval(secs => %(gap)s))"
                " ORDER BY copy_missing_at NULLS FIRST, number LIMIT %(most)s",
                {
                    "me": self.recorder_id,
                    "states": list(states),
                    "dead": self.dead_after_s,
                    "gap": self.dead_after_s * GAP,
                    "most": most,
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
                (self.recorder_id, entry.recording_id, entry.epoch, self.dead_after_s),
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
            await members.forget(connection, MEMBER_REMEMBERED_S)

    async def listen(self, on_news: Callable[[], None]) -> None:
        """Call *on_news* whenever somebody has something for this recorder, until cancelled."""
        while True:
            try:
                connection = await connect(self._url)
                try:
                    await self._listen(connection, on_news)
                finally:
                    await connection.close()
            except (psycopg.Error, OSError) as error:
                log.info("pool_not_listening", error=type(error).__name__)
            await asyncio.sleep(RELISTEN_S)

    async def _listen(
        self, connection: psycopg.AsyncConnection[DictRow], on_news: Callable[[], None]
    ) -> None:
        """Raises psycopg.Error when the database is gone, or does not answer any more."""
        loop, statement = asyncio.get_running_loop(), f"LISTEN {CHANNEL}"
        while True:
            with cut_off(connection, loop.time() + LIMIT_S):
                await connection.execute(statement)  # again and again: it is an answer that is asked for
            on_news()  # something may have been missed
            async for notice in connection.notifies(timeout=RELISTEN_EVERY_S):
                if notice.payload == self.recorder_id:
                    on_news()
