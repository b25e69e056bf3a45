"""Which folders have been kept long enough."""

from callrec.recorder.lifecycle.retention import Kept, overdue

WEEK_S = 7 * 86400.0
KEPT = [Kept(str(day), day * 86400.0, 100, WEEK_S) for day in range(1, 6)]


def test_time() -> None:
    at_s = 9.5 * 86400
    assert overdue(KEPT, now_s=at_s, budget_bytes=None, lacking_bytes=0) == ["1", "2"]
    assert overdue(KEPT, now_s=0, budget_bytes=None, lacking_bytes=0) == []


def test_budget_takes_the_oldest() -> None:
    assert overdue(reversed(KEPT), now_s=0, budget_bytes=300, lacking_bytes=0) == ["1", "2"]
    assert overdue(KEPT, now_s=0, budget_bytes=500, lacking_bytes=0) == []
    assert overdue(KEPT, now_s=0, budget_bytes=0, lacking_bytes=0) == ["1", "2", "3", "4", "5"]


def test_a_low_disk_takes_the_oldest_until_there_is_room() -> None:
    assert overdue(KEPT, now_s=0, budget_bytes=None, lacking_bytes=1) == ["1"]
    assert overdue(KEPT, now_s=0, budget_bytes=None, lacking_bytes=101) == ["1", "2"]


def test_only_delivered_ones_go_before_their_time() -> None:
    failed = [Kept(str(day), day * 86400.0, 100, WEEK_S, is_delivered=False) for day in (0, 1)]
    mixed = [*failed, *KEPT[2:]]
    assert overdue(mixed, now_s=0, budget_bytes=0, lacking_bytes=1000) == ["3", "4", "5"]
    assert overdue(mixed, now_s=0, budget_bytes=300, lacking_bytes=0) == []
    assert overdue(mixed, now_s=7.5 * 86400, budget_bytes=None, lacking_bytes=101) == ["0", "3"]


def test_what_goes_for_one_reason_counts_for_the_others() -> None:
    at_s = 8.5 * 86400
    assert overdue(KEPT, now_s=at_s, budget_bytes=400, lacking_bytes=100) == ["1"]
