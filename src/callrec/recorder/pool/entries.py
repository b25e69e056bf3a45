"""Recordings in the ledger, and those of one room while nobody else looks at them."""

import json
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow

from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle.orders import is_over
from callrec.recorder.pool.members import alive
from callrec.recorder.pool.pick import Member
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Actor, Start, encode_start

CHANNEL = "callrec_recorders"
"""Of the notices by which recorders wake each other."""
PLACING = 0x63616C6C12
"""The lock under which a recorder is chosen: of starts that come at once each must see the others."""


@dataclass(frozen=True)
class Entry:
    """A recording as the ledger knows it."""

    recording_id: str
    backend: str
    token: str
    file_name: str
    request: dict[str, Any]
    """What was ordered: ``status``, ``owner``, ``actor``."""
    recorder_id: str
    """Who has it."""
    state: State
    epoch: int = 1
    """The how-manieth owner this is."""
    over: bool = False
    """Nothing is owed to the room any more: a stop finds no recording."""
    stop: dict[str, Any] | None = None
    """The first stop that came: ``actor``."""
    stops: int = 0
    """How many have come."""
    repeats: int = 0
    """How often the same start came again."""
    missing_s: float | None = None
    """For so long it has been known that only its owner's disk holds what was captured."""


class Room:
    """The recordings of one room, while no other recorder looks at them."""

    def __init__(
        self, connection: psycopg.AsyncConnection[DictRow], backend: str, token: str, dead_after_s: float
    ) -> None:
        self._connection = connection
        self._key = (backend, token)
        self._dead_after_s = dead_after_s

    async def latest(self) -> Entry | None:
        """Return the room's newest recording."""
        rows = await self._connection.execute(
            "SELECT * FROM recorder_entries WHERE backend = %s AND token = %s ORDER BY number DESC LIMIT 1",
            self._key,
        )
        row = await rows.fetchone()
        return read_entry(row) if row else None

    async def file_names(self) -> set[str]:
        """Return the names that are taken."""
        rows = await self._connection.execute(
            "SELECT file_name FROM recorder_recordings WHERE backend = %s AND token = %s", self._key
        )
        return {row["file_name"] async for row in rows}

    async def members(self) -> list[Member]:
        """Return the recorders that are alive; from now until the end nobody else places anything at them."""
        await self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (PLACING,))
        return await alive(self._connection, self._dead_after_s)

    async def add(self, entry: Entry) -> None:
        """Write down a new recording, and wake who has it."""
        await self._connection.execute(
            "INSERT INTO recorder_recordings"
            " (recording_id, backend, token, file_name, request, recorder_id, state, over)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                entry.recording_id,
                entry.backend,
                entry.token,
                entry.file_name,
                json.dumps(entry.request),
                entry.recorder_id,
                entry.state,
                entry.over,
            ),
        )
        await wake(self._connection, entry.recorder_id)

    async def ask_stop(self, entry: Entry, stop: dict[str, Any]) -> None:
        """Write down that *entry* is to stop, or to tell its end again, and wake who has it."""
        await self._connection.execute(
            "UPDATE recorder_recordings SET stop = coalesce(stop, %s), stops = stops + 1"
            " WHERE recording_id = %s",
            (json.dumps(stop), entry.recording_id),
        )
        await wake(self._connection, entry.recorder_id)

    async def ask_repeat(self, entry: Entry) -> None:
        """Write down that *started* is to be said once more, and wake who has it."""
        await self._connection.execute(
            "UPDATE recorder_recordings SET repeats = repeats + 1 WHERE recording_id = %s",
            (entry.recording_id,),
        )
        await wake(self._connection, entry.recorder_id)


async def wake(connection: psycopg.AsyncConnection[DictRow], recorder_id: str) -> None:
    """Wake a recorder when the transaction is committed."""
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, recorder_id))


def read_entry(row: DictRow) -> Entry:
    """Return what a row of ``recorder_entries`` says."""
    return Entry(**{name: row[name] for name in Entry.__dataclass_fields__})


def entry_of(manifest: Manifest, recorder_id: str) -> Entry:
    """Return the row of a recording that lies at a recorder, and that no ledger knows."""
    status = RecordingStatus.VIDEO if manifest.video else RecordingStatus.AUDIO
    start = Start(status, manifest.owner, Actor(manifest.actor.type, manifest.actor.id))
    return Entry(
        recording_id=manifest.recording_id,
        backend=manifest.backend,
        token=manifest.token,
        file_name=manifest.file_name,
        request=encode_start(start),
        recorder_id=recorder_id,
        state=manifest.state,
        over=is_over(manifest),
    )
