"""When a delivery is tried again. Pure."""

import pytest

from callrec.recorder.deliver.retry import Backoff


def waits(backoff: Backoff) -> list[float]:
    """Return the waits between the attempts until the delivery is given up."""
    result: list[float] = []
    while not backoff.exhausted(sum(result) + backoff.wait_s(len(result))):
        result.append(backoff.wait_s(len(result)))
    return result


def test_waits_double_up_to_the_longest() -> None:
    assert [Backoff(1, 20, 1e9).wait_s(n) for n in range(7)] == [1, 2, 4, 8, 16, 20, 20]


def test_it_is_over_when_the_waits_add_up_to_the_limit() -> None:
    assert waits(Backoff(1, 8, 40)) == [1, 2, 4, 8, 8, 8, 8]
    assert waits(Backoff(1, 8, 15)) == [1, 2, 4]
    assert waits(Backoff(1, 8, 15.5)) == [1, 2, 4, 8]
    assert waits(Backoff(1, 8, 1)) == []


@pytest.mark.parametrize("attempt", [41, 1000, 10**9])
def test_a_late_attempt_overflows_nothing(attempt: int) -> None:
    assert Backoff(1, 21_600, 1_209_600).wait_s(attempt) == 21_600


def test_the_defaults_try_for_two_weeks() -> None:
    attempts = waits(Backoff(1, 6 * 3600, 14 * 24 * 3600))
    assert 13.5 < sum(attempts) / 86_400 <= 14
    assert len(attempts) < 80
