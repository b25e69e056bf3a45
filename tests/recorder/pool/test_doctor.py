"""What ``callrec doctor`` says of a pool: on a real PostgreSQL, well and unwell."""

import dataclasses
from pathlib import Path

import psycopg
import pytest

from callrec import clock
from callrec.app.doctor import pool
from callrec.app.doctor.examination import examine
from callrec.app.doctor.finding import Finding, Verdict
from callrec.settings import PoolSettings

from .machines import Machine, Machines, placed


@pytest.fixture
async def a(machines: Machines) -> Machine:
    machine = machines.add("a")
    await machine.ledger.prepare()
    await machine.ledger.beat(machine.me)
    return machine


async def found(machines: Machines, **settings: str) -> dict[str, Finding]:
    named = {"database_url": machines.url, "blobs_url": f"file://{machines.shared}", **settings}
    findings = [finding async for finding in pool.examine(PoolSettings.model_validate(named))]
    return {finding.check: finding for finding in findings}


def bad(findings: dict[str, Finding]) -> dict[str, Verdict]:
    return {check: f.verdict for check, f in findings.items() if f.verdict is not Verdict.OK}


async def test_a_pool_that_is_well(machines: Machines, a: Machine) -> None:
    b = machines.add("b")
    await b.ledger.beat(dataclasses.replace(b.me, refusal="disk_low"))
    findings = await found(machines)
    assert bad(findings) == {}
    assert list(findings) == ["pool database", "pool clock", "pool tables", "pool recorders", "pool storage"]
    assert findings["pool recorders"].text == "2 are alive, 1 take no more (b: disk_low)"
    assert not [path for path in machines.shared.rglob("*") if path.is_file()]
    await a.ledger.beat(dataclasses.replace(a.me, refusal="disk_low"))
    assert bad(await found(machines)) == {"pool recorders": Verdict.WARNING}


async def test_the_examination_looks_at_it(machines: Machines, tmp_path: Path) -> None:
    text = f'[recorder.pool]\ndatabase_url = "{machines.url}"\nblobs_url = "file://{machines.shared}"\n'
    (tmp_path / "callrec.toml").write_text(text)
    findings = {finding.check: finding async for finding in examine(tmp_path)}
    assert findings["pool tables"].verdict is Verdict.WARNING  # no recorder has been here
    assert findings["pool storage"].verdict is Verdict.OK


async def test_what_is_away_is_named_without_its_password(machines: Machines) -> None:
    machines.shared.touch()
    url = "postgresql://mira:secret-word@127.0.0.1:1/none"
    findings = await found(machines, database_url=url)
    assert bad(findings) == {"pool database": Verdict.FAILED, "pool storage": Verdict.FAILED}
    assert "secret-word" not in str(findings)


async def test_tables_of_another_version(machines: Machines, a: Machine) -> None:
    with psycopg.connect(machines.url) as connection:
        connection.execute("DROP VIEW recorder_entries")
        connection.execute("ALTER TABLE recorder_recordings DROP COLUMN epoch")
    findings = await found(machines)
    assert bad(findings) == {"pool tables": Verdict.FAILED}
    assert "recorder_recordings.epoch" in findings["pool tables"].text
    # What it says to do helps.
    with psycopg.connect(machines.url) as connection:
        connection.execute("DROP TABLE recorder_members, recorder_recordings")
    await a.ledger.prepare()
    assert bad(await found(machines)) == {"pool recorders": Verdict.WARNING}  # none has beaten since


async def test_recordings_that_wait_for_their_recorder(machines: Machines, a: Machine) -> None:
    await a.ledger.note_missing(await placed(a.ledger, "r1", "z", state="finishing"))
    findings = await found(machines)
    assert bad(findings) == {"pool recorders": Verdict.WARNING}
    assert "r1 of z" in findings["pool recorders"].text


async def test_clocks_that_differ(machines: Machines, a: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.wall_s
    monkeypatch.setattr(clock, "wall_s", lambda: real() - 30)
    findings = await found(machines)
    assert bad(findings) == {"pool clock": Verdict.WARNING} and "+30.0 s" in findings["pool clock"].text
