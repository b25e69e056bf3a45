"""How long a recorder may believe that what it has is its own."""

import pytest

from callrec import clock
from callrec.recorder.pool.lease import Lease

S = 1_000_000_000


class Clock:
    now_ns = 100 * S


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    now = Clock()
    monkeypatch.setattr(clock, "since_boot_ns", lambda: now.now_ns)
    return now


def test_it_lasts_as_long_as_nobody_takes_him_for_dead(now: Clock) -> None:
    lease = Lease(10.0)
    assert not lease.hold()()  # nobody knows of him
    lease.renew(now.now_ns - 2 * S)  # so long it took to be said
    hold = lease.hold()
    now.now_ns += 6 * S
    assert hold()
    now.now_ns += S
    assert not hold()


def test_each_sign_of_life_makes_it_longer(now: Clock) -> None:
    lease = Lease(10.0)
    lease.renew(now.now_ns)
    hold = lease.hold()
    for _ in range(5):
        now.now_ns += 8 * S
        lease.renew(now.now_ns)
    assert hold()


def test_after_a_gap_what_was_begun_before_ends(now: Clock) -> None:
    lease = Lease(10.0)
    lease.renew(now.now_ns)
    hold = lease.hold()
    now.now_ns += 20 * S
    lease.renew(now.now_ns)
    assert not hold()  # somebody may have taken it, and be gone
    assert lease.hold()()
