"""Examining what recorders behind one address share: the ledger's database and the storage."""

from collections.abc import AsyncIterator

import psycopg
from psycopg.rows import DictRow

from callrec import clock
from callrec.app.doctor.finding import Finding, failed, ok, warning
from callrec.errors import LedgerAway, MirrorAway, SettingsError
from callrec.recorder.pool import configured, schema
from callrec.recorder.pool.ledger import DEAD_AFTER_S, Ledger
from callrec.recorder.pool.session import connect
from callrec.settings import PoolSettings

MAX_DRIFT_S = 1.0
"""The age of a copy is told by the storage's clock, and whether a call is joined again by this machine's."""


async def examine(settings: PoolSettings) -> AsyncIterator[Finding]:
    """Yield what is found. Nothing is changed."""
    url = settings.database_url.get_secret_value()
    check = "pool database"
    try:
        connection = await connect(url)
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        remedy = (
            "Start PostgreSQL, or correct `recorder.pool.database_url`: all starts and stops are refused."
        )
        yield failed(check, f"it does not answer: {reason}", remedy)
    else:
        async with connection:
            yield ok(check, "answers")
            yield await _clock(connection)
            lacking = await schema.missing(connection)
        yield _schema(lacking)
        if not lacking:
            yield await _recorders(url)
    yield await _storage(settings)


async def _clock(connection: psycopg.AsyncConnection[DictRow]) -> Finding:
    check = "pool clock"
    before_s = clock.wall_s()
    answer = await connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8 AS now_s")
    row = await answer.fetchone()
    assert row is not None, "it selects one row"
    drift_s = row["now_s"] - (before_s + clock.wall_s()) / 2
    text = f"the database's clock differs by {drift_s:+.1f} s"
    if abs(drift_s) > MAX_DRIFT_S:
        return warning(check, text, "Let all machines keep time by NTP.")
    return ok(check, text)


def _schema(lacking: list[str]) -> Finding:
    check = "pool tables"
    if not lacking:
        return ok(check, "as this version knows them")
    if set(lacking) == set(schema.TABLES):
        return warning(check, "there are none yet", "Start a recorder: the first one makes them.")
    remedy = (
        "Another version made them. With all recorders stopped, drop the view recorder_entries and the tables"
        f" {' and '.join(schema.TABLES)}: they are made anew, and each recorder tells what it has."
    )
    return failed(check, f"they lack {', '.join(lacking)}", remedy)


async def _recorders(url: str) -> Finding:
    check = "pool recorders"
    ledger = Ledger(url, "doctor")
    try:
        members = await ledger.members()
        waiting = await ledger.missing()
    except LedgerAway as error:
        return failed(check, f"cannot be counted: {error}", "Look at the database's log.")
    finally:
        await ledger.close()
    refusing = [f"{m.recorder_id}: {m.refusal}" for m in members if m.refusal is not None]
    text = f"{len(members)} are alive"
    if refusing:
        text += f", {len(refusing)} take no more ({', '.join(refusing)})"
    if waiting:
        remedy = "Bring them back: only their disks hold these recordings (docs/runbook.md)."
        listed = ", ".join(f"{entry.recording_id} of {entry.recorder_id}" for entry in waiting)
        return warning(check, f"{text}; {len(waiting)} recordings wait for theirs: {listed}", remedy)
    if not members:
        return warning(check, f"none has been heard of for {DEAD_AFTER_S:.0f} s", "Start one.")
    if len(refusing) == len(members):
        return warning(check, text, "Make room, or start more recorders (docs/operating.md).")
    return ok(check, text)


async def _storage(settings: PoolSettings) -> Finding:
    check = "pool storage"
    try:
        await configured.mirror(settings).try_out()
    except (MirrorAway, SettingsError) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        remedy = (
            "Look at `recorder.pool.blobs_url`, its keys and rights (put, get, list, delete):"
            " nobody could go on with what a recorder had that is gone."
        )
        return failed(check, f"nothing can be kept there: {reason}", remedy)
    return ok(check, "can be written, read and deleted")
