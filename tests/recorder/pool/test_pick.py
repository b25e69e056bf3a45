"""Which recorder gets a recording."""

import dataclasses

from callrec.recorder.pool.pick import (
    Member,
    composes_instead,
    least_loaded,
    refusal_of_all,
    share,
    without_leaving,
)

A = Member("a", None, capturing=2, composing=0, composers=2, busy_percent=10)
B = dataclasses.replace(A, recorder_id="b", capturing=1, busy_percent=90)
C = dataclasses.replace(A, recorder_id="c", capturing=1, busy_percent=50)


def test_the_least_loaded_records() -> None:
    assert least_loaded([A, B, C]) == C
    assert least_loaded([A, B, C], "a") == C  # not at any price
    assert least_loaded([A, B, C], "b") == B  # of equals
    assert least_loaded([]) is None


def test_who_refuses_is_not_asked() -> None:
    full = [dataclasses.replace(m, refusal="too_many_recordings") for m in (B, C)]
    assert least_loaded([A, *full]) == A
    assert least_loaded(full) is None
    assert refusal_of_all([*full, dataclasses.replace(A, refusal="disk_low")]) == "too_many_recordings"
    assert refusal_of_all([A]) is None


def test_composing_goes_to_the_idle_only_from_who_has_too_much() -> None:
    much = dataclasses.replace(A, composing=3)
    assert composes_instead(dataclasses.replace(A, composing=2), [A, B]) is None
    assert composes_instead(much, [much, B, C]) == C
    assert composes_instead(much, [much]) is None
    assert composes_instead(much, [much, dataclasses.replace(B, composing=2)]) is None


def test_who_has_as_many_as_it_takes_refuses_before_it_knows_itself() -> None:
    full = dataclasses.replace(A, most=2)
    assert full.refuses == "too_many_recordings" and dataclasses.replace(A, most=3).refuses is None
    assert least_loaded([full]) is None
    assert refusal_of_all([full, dataclasses.replace(A, refusal="disk_low", most=1)]) == "disk_low"


def test_what_is_on_its_way_counts_already() -> None:
    me, idle = dataclasses.replace(A, composing=4), dataclasses.replace(A, recorder_id="b", composing=1)
    assert composes_instead(*without_leaving(me, [idle], {})) == idle
    assert composes_instead(*without_leaving(me, [idle], {"b": 1})) is None  # it has enough then
    assert composes_instead(*without_leaving(me, [idle], {"c": 2})) is None  # and so few are left


def test_the_dead_ones_recordings_are_shared() -> None:
    assert [share(7, takers) for takers in (0, 1, 2, 3, 9)] == [7, 7, 4, 3, 1]
