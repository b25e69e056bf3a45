"""The workflows' file does not grow for ever: what belongs to recordings that are gone is forgotten."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.lifecycle import dbos_workflows, workflow_prune
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.workflow import Lifecycle
from tests.recorder.lifecycle.working import Work, work_through
from tests.recorder.operator.folders import Parts, make_folder

TABLES = {"workflow_status": "workflow_uuid", "operation_outputs": "workflow_uuid"}


def known(database: Path, table: str) -> set[str]:
    """Return the recordings of which a table holds rows."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(f"SELECT DISTINCT {TABLES[table]} FROM {table}").fetchall()
    return {row[0].partition("@")[0] for row in rows}


async def ended(data: Path, number: int) -> list[str]:
    """Return the ids of so many recordings whose workflows have come to their end."""
    ids = [f"rec{n}" for n in range(number)]
    await work_through(data, ids[0])
    with closing(sqlite3.connect(data / "workflows.sqlite")) as connection, connection:
        connection.execute("UPDATE workflow_status SET status = 'SUCCESS'")
        for table, key in TABLES.items():
            rows = connection.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in rows.description]
            at = columns.index(key)
            marks = ", ".join("?" * len(columns))
            for row in rows.fetchall():
                for recording_id in ids[1:]:
                    copy = [*row[:at], row[at].replace(ids[0], recording_id), *row[at + 1 :]]
                    connection.execute(f"INSERT INTO {table} VALUES ({marks})", copy)
    for recording_id in ids[1:]:
        make_folder(data / "recordings", recording_id, "retained")
    return ids


async def pruned(data: Path, rounds: int = 1) -> None:
    """Let a recorder run until it has pruned so many times."""
    parts = Parts(data / "recordings")
    life = parts.life(Life, Work(), Backoff(0.01, 0.01, 1e9))
    lifecycle = Lifecycle(database=data / "workflows.sqlite", recordings=parts.recordings, life=life)
    done, real = asyncio.Semaphore(0), workflow_prune.Pruning.prune
    loop = asyncio.get_running_loop()

    async def prune(self: workflow_prune.Pruning) -> int:
        number = await real(self)
        loop.call_soon_threadsafe(done.release)
        return number

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow_prune.Pruning, "prune", prune)
        try:
            async with asyncio.timeout(30):
                await lifecycle.launch()
                for _ in range(rounds):
                    await done.acquire()
        finally:
            await lifecycle.close()
            await parts.close()


async def test_only_what_is_gone_is_forgotten_and_not_too_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, ids = tmp_path / "workflows.sqlite", await ended(tmp_path, 5)
    for recording_id in ids[:2] + ids[3:]:
        shutil.rmtree(tmp_path / "recordings" / recording_id)
    await pruned(tmp_path)
    assert known(database, "workflow_status") == set(ids)
    monkeypatch.setattr(workflow_prune, "SETTLED_S", -1.0)
    monkeypatch.setattr(workflow_prune, "AT_ONCE", 2)
    await pruned(tmp_path)
    for table in TABLES:
        assert known(database, table) == {ids[2]}


async def test_a_long_file_is_gone_through_in_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await ended(tmp_path, 4)
    shutil.rmtree(tmp_path / "recordings" / ids[-1])
    for name, value in {"SETTLED_S": -1.0, "AT_ONCE": 1, "MOST": 2}.items():
        monkeypatch.setattr(workflow_prune, name, value)
    monkeypatch.setattr(dbos_workflows, "EVERY_S", 0.01)
    await pruned(tmp_path)
    assert known(tmp_path / "workflows.sqlite", "workflow_status") == set(ids)
    await pruned(tmp_path, 3)
    assert known(tmp_path / "workflows.sqlite", "workflow_status") == set(ids[:-1])
