"""What an operator may do, by state."""

from typing import Any, get_args

import msgspec
import pytest

from callrec.errors import OperatorRefused
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle import interventions
from callrec.recorder.lifecycle.course import Changes
from callrec.recorder.lifecycle.states import FOLLOWING, LIVE, may_follow
from tests.recorder.folder.samples import MANIFEST

NOW_S = 1_800_000_000.0
STATES: tuple[State, ...] = get_args(State)
AGAIN = {"attempts": 0, "tried_s": 0.0, "next_attempt_at": NOW_S}
PARKABLE = {"reporting", "finishing", "uploading"}


def at(state: State, **fields: Any) -> Manifest:
    return msgspec.structs.replace(MANIFEST, state=state, **fields)


def retried(manifest: Manifest, is_tried: bool = False) -> Changes:
    return interventions.retry(manifest, NOW_S, is_tried=is_tried)


def deleted(manifest: Manifest, overdue: bool = False) -> None:
    interventions.check_delete(manifest, overdue=overdue)


def refused(attempt: Any, *arguments: Any) -> str | None:
    try:
        attempt(*arguments)
    except OperatorRefused as refusal:
        assert refusal.text
        return refusal.word
    return None


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_answer(state: State) -> None:
    assert refused(interventions.park, at(state)) == (None if state in PARKABLE else "not_parkable")
    assert refused(deleted, at(state)) == ("is_live" if state in LIVE else None)
    assert refused(deleted, at(state), True) is None
    assert refused(retried, at(state)) == (None if state == "parked" else "nothing_to_retry")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("tried", [True, False])
@pytest.mark.parametrize("overdue", [True, False])
def test_what_is_offered_is_what_is_done(state: State, waits: bool, tried: bool, overdue: bool) -> None:
    manifest = at(state, next_attempt_at=NOW_S if waits else None)
    done = {
        "retry": refused(retried, manifest, tried) is None,
        "park": refused(interventions.park, manifest) is None,
        "delete": refused(deleted, manifest, overdue) is None,
    }
    assert interventions.possible(manifest, is_tried=tried, overdue=overdue) == [
        action for action, works in done.items() if works
    ]


@pytest.mark.parametrize("state", STATES)
def test_what_should_have_ended_a_minute_ago_is_overdue(state: State) -> None:
    stopped, late_s = at(state, stop_requested_at=NOW_S), interventions.OVERDUE_S + 1
    assert not interventions.is_overdue(stopped, NOW_S + 1, 1)
    assert interventions.is_overdue(stopped, NOW_S + late_s, 0) == (state in LIVE)
    assert interventions.is_overdue(at(state), NOW_S, late_s) == (state in LIVE)


@pytest.mark.parametrize("state", ["reporting", "finishing", "uploading", "delivered"])
def test_what_runs_is_begun_again(state: State) -> None:
    assert retried(at(state, attempts=9), is_tried=True) == AGAIN


@pytest.mark.parametrize("state", ["reporting", "finishing", "uploading", "delivered"])
def test_what_waits_is_tried_at_once_with_all_attempts_before_it(state: State) -> None:
    manifest = at(state, attempts=9, next_attempt_at=NOW_S + 5000, error="away")
    assert retried(manifest) == AGAIN


def test_the_parked_goes_on_where_it_was() -> None:
    for state in FOLLOWING["parked"]:
        assert retried(at("parked", parked_from=state)) == {"state": state}


@pytest.mark.parametrize("before", [None, "accepted", "retained"])
def test_where_it_was_is_not_known_it_begins_with_the_film(before: State | None) -> None:
    assert retried(at("parked", parked_from=before)) == {"state": "finishing"}


def test_parking_remembers_whence_and_why() -> None:
    changes = interventions.park(at("uploading", error="away"))
    assert changes == {"state": "parked", "parked_from": "uploading", "error": "away"}
    assert may_follow("uploading", "parked")
