"""Who is in the pool, as the ledger's table of members tells."""

import psycopg
from psycopg.rows import DictRow

from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool.pick import Member

_Connection = psycopg.AsyncConnection[DictRow]


async def beat(connection: _Connection, me: Member, gap_s: float) -> None:
    """Write down that *me* is alive. After a gap of more than *gap_s* it has been so steadily since now."""
    await connection.execute(
        "INSERT INTO recorder_members AS m (recorder_id, beat_at, steady_since, refusal, capturing,"
        " composing, composers, busy_percent, most) VALUES (%s, now(), now(), %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (recorder_id) DO UPDATE SET beat_at = now(), steady_since = CASE"
        " WHEN m.beat_at < now() - make_interval(secs => %s) THEN now() ELSE m.steady_since END,"
        " refusal = excluded.refusal, capturing = excluded.capturing,"
        " composing = excluded.composing, composers = excluded.composers,"
        " busy_percent = excluded.busy_percent, most = excluded.most",
        (
            me.recorder_id,
            me.refusal,
            me.capturing,
            me.composing,
            me.composers,
            me.busy_percent,
            me.most,
            gap_s,
        ),
    )


async def leave(connection: _Connection, recorder_id: str) -> None:
    """Write down that a recorder is gone."""
    await connection.execute(
        "UPDATE recorder_members SET beat_at = to_timestamp(0) WHERE recorder_id = %s", (recorder_id,)
    )


async def forget(connection: _Connection, silent_s: float) -> None:
    """Delete recorders that have been gone for *silent_s*, unless they still have a recording."""
    await connection.execute(
        "DELETE FROM recorder_members m"
        " WHERE greatest(beat_at, steady_since) < now() - make_interval(secs => %s) AND NOT EXISTS"
        " (SELECT FROM recorder_recordings r WHERE r.recorder_id = m.recorder_id AND r.ended_at IS NULL)",
        (silent_s,),
    )


async def alive(connection: _Connection, dead_after_s: float) -> list[Member]:
    """Return the recorders that are alive; what was given to one counts before its next beat does."""
    rows = await connection.execute(
        "SELECT m.recorder_id, m.refusal, m.composers, m.busy_percent, m.most,"
        " greatest(m.capturing, (SELECT count(*) FROM recorder_recordings r"
        " WHERE r.recorder_id = m.recorder_id AND r.ended_at IS NULL AND r.state = ANY(%s))) AS capturing,"
        " greatest(m.composing, (SELECT count(*) FROM recorder_recordings r"
        " WHERE r.recorder_id = m.recorder_id AND r.ended_at IS NULL AND r.state = 'finishing')) AS composing"
        " FROM recorder_members m"
        " WHERE m.beat_at > now() - make_interval(secs => %s) ORDER BY m.recorder_id",
        (list(LIVE), dead_after_s),
    )
    return [_member(row) async for row in rows]


def _member(row: DictRow) -> Member:
    return Member(**{name: row[name] for name in Member.__dataclass_fields__})
