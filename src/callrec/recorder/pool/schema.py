"""The ledger's tables, and whether a database holds them as this version knows them."""

import psycopg
from psycopg.rows import DictRow

TABLES: dict[str, dict[str, str]] = {
    "recorder_members": {
        "recorder_id": "text PRIMARY KEY",
        "beat_at": "timestamptz NOT NULL",
        # Since when its beats came without a gap: who was silent himself cannot tell whether others were.
        "steady_since": "timestamptz NOT NULL",
        "refusal": "text",
        "capturing": "integer NOT NULL",
        "composing": "integer NOT NULL",
        "composers": "integer NOT NULL",
        "busy_percent": "real NOT NULL",
        "most": "integer",
    },
    "recorder_recordings": {
        "recording_id": "text PRIMARY KEY",
        "number": "bigint GENERATED ALWAYS AS IDENTITY",
        "backend": "text NOT NULL",
        "token": "text NOT NULL",
        "file_name": "text NOT NULL",
        "request": "jsonb NOT NULL",
        "recorder_id": "text NOT NULL",
        # Which owner it is, counted: each writes copies of its own, so none can spoil another's.
        "epoch": "integer NOT NULL DEFAULT 1",
        "state": "text NOT NULL",
        "over": "boolean NOT NULL DEFAULT false",
        "stop": "jsonb",
        "stops": "integer NOT NULL DEFAULT 0",
        "repeats": "integer NOT NULL DEFAULT 0",
        "copy_missing_at": "timestamptz",
        "ended_at": "timestamptz",
    },
}
"""Columns of each table, with their types."""

_VIEW = """
CREATE OR REPLACE VIEW recorder_entries AS
SELECT r.*, m.beat_at, extract(epoch FROM now() - r.copy_missing_at)::float8 AS missing_s
FROM recorder_recordings r LEFT JOIN recorder_members m ON m.recorder_id = r.recorder_id
"""
"""Recordings, and when who has them was last alive."""
_LATER = ("ALTER TABLE recorder_members ADD COLUMN IF NOT EXISTS most integer",)
"""What tables of earlier versions lack."""
_INDICES = (
    "CREATE INDEX IF NOT EXISTS recorder_recordings_room ON recorder_recordings (backend, token, number)",
    "CREATE INDEX IF NOT EXISTS recorder_recordings_recorder ON recorder_recordings (recorder_id)",
)
_LOCK = 0x63616C6C11


async def prepare(connection: psycopg.AsyncConnection[DictRow]) -> None:
    """Make the tables unless they are there; one recorder at a time."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    for table, columns in TABLES.items():
        described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({described})")
    for statement in (*_LATER, *_INDICES, _VIEW):
        await connection.execute(statement)


async def missing(connection: psycopg.AsyncConnection[DictRow]) -> list[str]:
    """Return what the database lacks: names of tables, or ``table.column`` where the table is there."""
    rows = await connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = ANY(%s)",
        (list(TABLES),),
    )
    there: dict[str, set[str]] = {}
    async for row in rows:
        there.setdefault(row["table_name"], set()).add(row["column_name"])
    lacking = [table for table in TABLES if table not in there]
    for table, columns in there.items():
        lacking += [f"{table}.{column}" for column in TABLES[table] if column not in columns]
    return lacking
