"""What follows an attempt."""

from typing import Any

import msgspec
import pytest

from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle.course import (
    DONE,
    MAX_ERROR_LENGTH,
    REPORT_FOR_S,
    SUPERSEDED,
    Attempt,
    follow,
)
from callrec.recorder.lifecycle.states import may_follow
from tests.recorder.folder.samples import MANIFEST

BACKOFF = Backoff(first_s=1, longest_s=60, give_up_s=200)
NOW_S = 1_800_000_000.0


def at(state: State, **fields: Any) -> Manifest:
    film = {"outcome": "captured", "started_ms": 0, "stop_ms": 9000}
    return msgspec.structs.replace(MANIFEST, state=state, **film | fields)


@pytest.mark.parametrize(
    "state, after",
    [
        ("reporting", "finishing"),
        ("finishing", "uploading"),
        ("uploading", "delivered"),
        ("delivered", "retained"),
    ],
)
def test_done_goes_on(state: State, after: State) -> None:
    changes = follow(at(state), DONE, BACKOFF, NOW_S)
    assert changes["state"] == after
    assert may_follow(state, after)
    assert changes.get("end_reported", False) == (state in ("reporting", "delivered"))
    assert changes.get("delivered_at") == (NOW_S if state == "uploading" else None)


@pytest.mark.parametrize("state", ["reporting", "delivered"])
def test_an_end_that_was_dropped_is_not_noted_as_told(state: State) -> None:
    changes = follow(at(state), SUPERSEDED, BACKOFF, NOW_S)
    assert changes["state"] == follow(at(state), DONE, BACKOFF, NOW_S)["state"]
    assert changes["end_superseded"] and "end_reported" not in changes


def test_waits_double_until_the_longest() -> None:
    waits = []
    manifest = at("uploading")
    for _ in range(8):
        changes = follow(manifest, Attempt("later", "away"), BACKOFF, NOW_S)
        waits.append(changes["next_attempt_at"] - NOW_S)
        assert changes["error"] == "away"
        manifest = msgspec.structs.replace(manifest, **changes)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_after_the_last_wait_it_is_parked_where_it_stands() -> None:
    manifest, waited_s = at("finishing"), 0.0
    while True:
        changes = follow(manifest, Attempt("later", "no luck"), BACKOFF, NOW_S)
        if "state" in changes:
            break
        waited_s += changes["next_attempt_at"] - NOW_S
        manifest = msgspec.structs.replace(manifest, **changes)
    assert changes == {"state": "parked", "parked_from": "finishing", "error": "no luck"}
    assert waited_s + BACKOFF.longest_s >= BACKOFF.give_up_s


def test_what_will_never_work_is_parked_at_once() -> None:
    changes = follow(at("uploading"), Attempt("over", "room_gone"), BACKOFF, NOW_S)
    assert changes == {"state": "parked", "parked_from": "uploading", "error": "room_gone"}


def test_a_refused_report_does_not_hold_up_the_film() -> None:
    changes = follow(at("reporting"), Attempt("refused", "403"), BACKOFF, NOW_S)
    assert changes == {"state": "finishing", "error": "403"}


def test_a_report_that_never_gets_through_does_not_park_what_is_delivered() -> None:
    last = at("delivered", attempts=100, tried_s=180)
    assert follow(last, Attempt("refused", "403"), BACKOFF, NOW_S) == {"state": "retained", "error": "403"}


def test_the_far_side_may_ask_for_a_longer_wait_but_not_for_ever() -> None:
    asked = follow(at("uploading"), Attempt("later", "429", retry_after_s=30), BACKOFF, NOW_S)
    assert asked["next_attempt_at"] == NOW_S + 30
    sooner = follow(at("uploading", attempts=5), Attempt("later", "429", retry_after_s=2), BACKOFF, NOW_S)
    assert sooner["next_attempt_at"] == NOW_S + 32
    never = follow(at("uploading"), Attempt("later", "429", retry_after_s=1e9), BACKOFF, NOW_S)
    assert never["next_attempt_at"] == NOW_S + BACKOFF.longest_s


def test_what_an_attempt_takes_and_a_wait_that_is_asked_for_count() -> None:
    for attempt, lasted_s in (
        (Attempt("later", "slow"), 59.0),
        (Attempt("later", "429", retry_after_s=60), 0.0),
    ):
        manifest, failed = at("uploading"), 0
        while "state" not in (changes := follow(manifest, attempt, BACKOFF, NOW_S, lasted_s)):
            failed += 1
            manifest = msgspec.structs.replace(manifest, **changes)
            assert manifest.tried_s <= BACKOFF.give_up_s
        assert (changes["state"], failed) == ("parked", 3)


def test_a_clock_that_jumps_gives_nothing_up_and_holds_nothing_up() -> None:
    for jump_s in (-1e9, 1e9):
        manifest = at("uploading", state_at=NOW_S)
        changes = follow(manifest, Attempt("later", "away"), BACKOFF, NOW_S + jump_s)
        assert (changes["tried_s"], changes["next_attempt_at"]) == (1.0, NOW_S + jump_s + 1)


def test_a_long_wait_that_a_backend_asks_for_does_not_hold_up_the_film() -> None:
    patient = Backoff(first_s=1, longest_s=6 * 3600, give_up_s=14 * 24 * 3600)
    asked = Attempt("later", "429", retry_after_s=6 * 3600)
    assert follow(at("reporting"), asked, patient, NOW_S)["state"] == "finishing"


@pytest.mark.parametrize("told", [DONE, SUPERSEDED])
def test_the_end_of_what_was_withdrawn_is_not_noted_as_told(told: Attempt) -> None:
    withdrawn = at("delivered", outcome="withdrawn")
    assert follow(withdrawn, told, BACKOFF, NOW_S) == {"state": "retained"}


def test_an_error_is_kept_short() -> None:
    changes = follow(at("uploading"), Attempt("later", "x" * 5000), BACKOFF, NOW_S)
    assert len(changes["error"]) == MAX_ERROR_LENGTH


def test_states_without_work_have_no_attempts() -> None:
    with pytest.raises(ValueError, match="retained"):
        follow(at("retained"), DONE, BACKOFF, NOW_S)


def test_a_report_that_is_never_answered_holds_up_the_film_for_an_hour() -> None:
    patient = Backoff(first_s=1, longest_s=6 * 3600, give_up_s=14 * 24 * 3600)
    manifest, waited_s = at("reporting"), 0.0
    while "state" not in (changes := follow(manifest, Attempt("later", "HTTP 500"), patient, NOW_S)):
        waited_s += changes["next_attempt_at"] - NOW_S
        manifest = msgspec.structs.replace(manifest, **changes)
    assert changes == {"state": "finishing", "error": "HTTP 500"}, "it is still owed"
    assert REPORT_FOR_S / 2 < waited_s <= REPORT_FOR_S
    failed = msgspec.structs.replace(manifest, outcome="failed")
    assert "state" not in follow(failed, Attempt("later", "HTTP 500"), patient, NOW_S)
