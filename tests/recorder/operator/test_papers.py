"""Alert rules and runbook speak of what exists, and leave no error out."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from callrec.conversation.failures import FAILURES as CONVERSATION_FAILURES
from callrec.observe.disk import DiskGauge
from callrec.observe.endpoints import observe
from callrec.recorder.control.failures import FAILURES
from callrec.recorder.deliver.webhook_courier import WebhookCounts
from callrec.recorder.lifecycle.counts import RecordingCounts, RecordingGauges
from callrec.recorder.lifecycle.states import FOLLOWING
from callrec.recorder.pool.gauges import PoolGauges

DOCS = Path(__file__).parents[3] / "docs"
ALERTS = (DOCS / "alerts.yml").read_text()
RUNBOOK = (DOCS / "runbook.md").read_text()
EXPRESSIONS = re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)
NAMES = re.findall(r"^ +- alert: (\w+)$", ALERTS, re.MULTILINE)
OF_ONE_PROGRAM = {"callrec_webhooks_waiting"}
"""Made where the queue is."""


async def _ready() -> dict[str, str]:
    return {}


@pytest.fixture
def existing(tmp_path: Path) -> set[str]:
    """Names of the samples that a recorder exports."""
    registry = CollectorRegistry()
    backends = ["https://talk.example"]
    RecordingCounts(registry, backends)
    RecordingGauges(list, backends, registry)
    WebhookCounts(registry, ["hooks.example"])
    DiskGauge(tmp_path, registry)
    PoolGauges(Counter, registry)
    observe(Starlette(), registry, failure_events=FAILURES, networks=(), ready=_ready)
    return {sample.name for family in registry.collect() for sample in family.samples} | OF_ONE_PROGRAM


def values(label: str) -> Iterator[str]:
    for expression in EXPRESSIONS:
        for match in re.finditer(rf'{label}=~?"([^"]+)"', expression):
            yield from match[1].split("|")


def test_every_metric_of_the_rules_exists(existing: set[str]) -> None:
    named = {
        name
        for expression in EXPRESSIONS
        for name in re.findall(r"\b(?:callrec|recording)_\w+", re.sub(r'"[^"]*"', "", expression))
    }
    assert len(EXPRESSIONS) == len(NAMES) > 10
    assert named <= existing, named - existing


def test_every_label_of_the_rules_exists() -> None:
    events = {event for _, event in (*FAILURES, *CONVERSATION_FAILURES)}
    assert set(values("event")) <= events | {"request_failed"}
    assert set(values("state")) <= set(FOLLOWING)


def test_the_runbook_knows_every_rule() -> None:
    assert [name for name in NAMES if f"*{name}*" not in RUNBOOK] == []


def test_every_error_of_the_recorder_is_in_the_runbook_or_in_operating() -> None:
    told = RUNBOOK + (DOCS / "operating.md").read_text()
    assert [event for level, event in FAILURES if level == "error" and f"`{event}`" not in told] == []


def test_every_command_of_the_runbook_exists() -> None:
    from callrec.cli.recordings import app

    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    assert set(re.findall(r"callrec recordings (\w+)", RUNBOOK)) <= known
