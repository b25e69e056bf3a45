"""Alert rules and runbook speak of what exists, and leave no error out."""

import itertools
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
from callrec.recorder.deliver.webhook_courier import BACKOFF, WebhookCounts
from callrec.recorder.lifecycle.counts import RecordingCounts, RecordingGauges
from callrec.recorder.lifecycle.missing import Missing
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import FOLLOWING
from callrec.recorder.pool.gauges import PoolGauges

DOCS = Path(__file__).parents[3] / "docs"
ALERTS = (DOCS / "alerts.yml").read_text()
RUNBOOK = (DOCS / "runbook.md").read_text()
EXPRESSIONS = re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)
NAMES = re.findall(r"^ +- alert: (\w+)$", ALERTS, re.MULTILINE)
OF_ONE_PROGRAM = {"callrec_webhooks_waiting"}
"""Made where the queue is."""
ERRORS = {event for level, event in (*FAILURES, *CONVERSATION_FAILURES) if level == "error"}
TOLD_BY_FAILED = {"call_end_to_end_encrypted", "call_join_refused", "call_join_timeout"}
"""Nothing can be saved then, which a counter of its own tells."""


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
    DiskGauge([tmp_path], registry)
    Missing(tmp_path / "owed", Recordings(tmp_path / "recordings"), list, registry)
    PoolGauges(Counter, registry)
    observe(Starlette(), registry, failure_events=FAILURES, networks=(), ready=_ready)
    return {sample.name for family in registry.collect() for sample in family.samples} | OF_ONE_PROGRAM


def values(label: str, expressions: list[str] = EXPRESSIONS) -> Iterator[str]:
    for expression in expressions:
        for match in re.finditer(rf'{label}(?:=|=~|!~)"([^"]+)"', expression):
            yield from match[1].split("|")


def test_every_metric_of_the_rules_exists(existing: set[str]) -> None:
    named = {
        name
        for expression in EXPRESSIONS
        for name in re.findall(r"\b(?:callrec|recording|process)_\w+", re.sub(r'"[^"]*"', "", expression))
    }
    assert len(EXPRESSIONS) == len(NAMES) > 10
    assert named <= existing, named - existing


def test_every_label_of_the_rules_exists() -> None:
    events = {event for _, event in (*FAILURES, *CONVERSATION_FAILURES)}
    assert set(values("event")) <= events | {"request_failed"}
    assert set(values("state")) <= set(FOLLOWING)


def test_the_runbook_knows_every_rule() -> None:
    assert [name for name in NAMES if f"*{name}*" not in RUNBOOK] == []


def test_every_error_of_the_recorder_is_in_the_runbook() -> None:
    assert [event for level, event in FAILURES if level == "error" and f"`{event}`" not in RUNBOOK] == []


def test_every_error_is_told_by_a_rule() -> None:
    """One tells of all errors but some: each of those has a rule of its own."""
    (all_but,) = [expression for expression in EXPRESSIONS if "event!~" in expression]
    left_out = set(values("event", [all_but]))
    told = set(values("event", [expression for expression in EXPRESSIONS if expression != all_but]))
    assert 'level="error"' in all_but
    assert left_out == (told & ERRORS) | TOLD_BY_FAILED


def test_a_webhook_that_is_away_is_told_of_for_as_long_as_it_is() -> None:
    (most,) = re.findall(r"callrec_webhooks_failed_total\[1h\]\) > (\d+)", ALERTS)
    waits_s = [BACKOFF.wait_s(attempt) for attempt in range(200)]
    failed_s = list(itertools.accumulate(waits_s, initial=0.0))
    for at_s in range(600, 86400, 60):
        assert sum(at_s - 3600 < failure_s <= at_s for failure_s in failed_s) > int(most), at_s


def test_every_command_of_the_runbook_exists() -> None:
    from callrec.cli.recordings import app

    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    assert set(re.findall(r"callrec recordings (\w+)", RUNBOOK)) <= known
