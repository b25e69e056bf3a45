"""The table of states, as code and as ARCHITECTURE.md draws it."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from callrec.recorder.folder.manifest import Manifest, Outcome, State
from callrec.recorder.lifecycle.states import (
    AT_REST,
    FOLLOWING,
    KEPT,
    LIVE,
    UNDELIVERED,
    after_capture,
    after_report,
    may_follow,
    present_state,
)
from tests.recorder.folder.samples import MANIFEST

ARCHITECTURE = Path(__file__).parents[3] / "ARCHITECTURE.md"
STATES: tuple[State, ...] = get_args(State)


def closed(outcome: Outcome, **fields: Any) -> Manifest:
    film = {"started_ms": 1000, "stop_ms": 9000} if outcome in ("captured", "withdrawn") else {}
    return msgspec.structs.replace(MANIFEST, outcome=outcome, **film | fields)


def test_every_state_has_its_row() -> None:
    assert set(FOLLOWING) == set(STATES)
    assert LIVE | AT_REST | UNDELIVERED | {"delivered", "discarded"} == set(STATES)


def test_the_drawn_table_is_the_codes() -> None:
    text = ARCHITECTURE.read_text().partition("### States of a recording")[2].partition("### ")[0]
    drawn = {
        row[1]: set(re.findall(r"`(\w+)`", row[2]))
        for row in re.finditer(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    }
    assert drawn == {state: set(after) for state, after in FOLLOWING.items()}


def test_from_every_state_the_way_leads_to_an_end() -> None:
    ends = {state for state, after in FOLLOWING.items() if not after}
    assert ends == KEPT | {"discarded"}
    for state in STATES:
        reached, new = {state}, {state}
        while new:
            new = {after for s in new for after in FOLLOWING[s]} - reached
            reached |= new
        assert reached & ends


@pytest.mark.parametrize(
    "before, outcome",
    [("capturing", outcome) for outcome in get_args(Outcome)]
    + [(before, o) for before in ("joining", "accepted") for o in ("never", "refused", "failed")],
)
def test_what_follows_capture_is_in_the_table(before: State, outcome: Outcome) -> None:
    after = after_capture(closed(outcome))
    assert may_follow(before, after)
    assert after == {"withdrawn": "finishing", "refused": "discarded"}.get(outcome, "reporting")


@pytest.mark.parametrize(
    "manifest, after",
    [
        (closed("captured"), "finishing"),
        (closed("captured", stop_ms=1000), "discarded"),
        (closed("captured", started_ms=None), "discarded"),
        (closed("never"), "discarded"),
        (closed("failed"), "discarded"),
        (closed("failed", started_ms=1000), "failed"),
    ],
)
def test_what_follows_the_report(manifest: Manifest, after: State) -> None:
    assert after_report(manifest) == after
    assert may_follow("reporting", after)


def test_a_withdrawn_recording_without_length_is_discarded() -> None:
    assert after_capture(closed("withdrawn", stop_ms=1000)) == "discarded"


def test_a_manifest_without_states_stands_where_its_outcome_says() -> None:
    assert present_state(MANIFEST) == "accepted"
    assert present_state(closed("captured")) == "reporting"
    assert present_state(closed("captured", state="retained")) == "retained"


def test_what_was_agreed_to_before_states_were_is_captured() -> None:
    assert present_state(MANIFEST) == "accepted"
    agreed = msgspec.structs.replace(MANIFEST, acknowledged_at=1.0)
    assert present_state(agreed) == "capturing"
    closed_then = msgspec.structs.replace(agreed, outcome="withdrawn", started_ms=0, stop_ms=9)
    assert may_follow(present_state(agreed), after_capture(closed_then))
