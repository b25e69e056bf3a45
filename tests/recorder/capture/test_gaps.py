"""Retransmission and keyframe requests, by loss patterns. Time is a value."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.recorder.capture.gaps import MAX_GAP_PACKETS, PICTURE_LOST_MS, PLI_INTERVAL_MS, GapTracker

PERIOD_MS = 12_000


def feed(tracker: GapTracker, sequences: Iterable[int], now_ms: int = 0) -> list[int]:
    """Add packets at one moment; return all that was asked for at once."""
    return [lost for sequence in sequences for lost in tracker.add(sequence % 65536, now_ms)]


@pytest.mark.parametrize(
    "sequences, asked, missing",
    [
        ([1, 2, 3], [], []),
        ([1, 3], [2], [2]),
        ([1, 3, 2], [2], []),
        ([1, 5], [2, 3, 4], [2, 3, 4]),
        ([1, 5, 3], [2, 3, 4], [2, 4]),
        ([1, 3, 3, 3], [2], [2]),
        ([1, 3, 5, 4, 2], [2, 4], []),
        ([5, 4, 3], [], []),  # what came before the first one is not waited for
        ([65534, 65535, 0, 1], [], []),
        ([65534, 0], [65535], [65535]),
        ([65535, 1], [0], [0]),
        ([65533, 2], [65534, 65535, 0, 1], [0, 1, 65534, 65535]),
        ([65535, 1, 0], [0], []),
        ([65534, 0, 65535], [65535], []),
        ([0, 65535, 1], [], []),  # reordered around the wrap
    ],
)
def test_loss_patterns(sequences: list[int], asked: list[int], missing: list[int]) -> None:
    tracker = GapTracker()
    assert feed(tracker, sequences) == asked
    assert tracker.missing == missing


@given(st.integers(0, 65535), st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_a_complete_stream_is_complete_in_any_order_and_around_any_wrap(start: int, swaps: list[int]) -> None:
    order = list(range(1, 42))
    for index, other in enumerate(swaps):
        order[index], order[other] = order[other], order[index]
    tracker = GapTracker()
    feed(tracker, [start, *(start + step for step in order)])
    assert tracker.missing == []


@given(st.integers(0, 65535), st.lists(st.booleans(), max_size=200))
def test_each_lost_packet_is_asked_for_exactly_once(start: int, lost: list[bool]) -> None:
    tracker = GapTracker()
    arrived = [step for step, gone in enumerate([False, *lost, False]) if not gone]
    asked = feed(tracker, (start + step for step in arrived))
    expected = [(start + step) % 65536 for step in range(len(lost) + 1) if step not in arrived]
    assert asked == expected
    assert tracker.missing == sorted(expected)


def test_retries_after_50_150_and_350_ms_then_the_picture_is_lost() -> None:
    tracker = GapTracker()
    assert tracker.wants_keyframe(0, PERIOD_MS)  # the stream's first
    feed(tracker, [1, 3], now_ms=1000)
    asked = [ms for ms in range(2000) if tracker.due(1000 + ms) == [2]]
    assert asked == [50, 150, 350]
    assert tracker.missing == []


def test_a_gap_is_given_up_at_its_time_and_not_before() -> None:
    tracker = GapTracker()
    tracker.wants_keyframe(0, PERIOD_MS)
    feed(tracker, [1, 3], now_ms=5000)
    tracker.due(5000 + PICTURE_LOST_MS - 1)
    assert tracker.missing == [2]
    assert not tracker.wants_keyframe(5000 + PICTURE_LOST_MS - 1, PERIOD_MS)
    assert tracker.due(5000 + PICTURE_LOST_MS) == []
    assert tracker.missing == []
    assert tracker.wants_keyframe(5000 + PICTURE_LOST_MS, PERIOD_MS)
    assert not tracker.wants_keyframe(5000 + PICTURE_LOST_MS, PERIOD_MS)


def test_a_retransmission_in_time_needs_no_keyframe() -> None:
    tracker = GapTracker()
    tracker.wants_keyframe(0, PERIOD_MS)
    feed(tracker, [1, 3], now_ms=5000)
    assert tracker.due(5050) == [2]
    assert feed(tracker, [2], now_ms=5060) == []
    assert [ms for ms in range(5060, 6000, 10) if tracker.due(ms)] == []
    assert not tracker.wants_keyframe(6000, PERIOD_MS)


def test_a_late_tick_asks_once_not_three_times() -> None:
    tracker = GapTracker()
    feed(tracker, [1, 3], now_ms=0)
    assert tracker.due(340) == [2]
    assert tracker.due(340) == [2]  # the second retry was due at 150
    assert tracker.due(340) == []


def test_gaps_have_their_own_times() -> None:
    tracker = GapTracker()
    feed(tracker, [1, 3], now_ms=0)
    feed(tracker, [5], now_ms=40)
    assert [(ms, tracker.due(ms)) for ms in (50, 60, 90)] == [(50, [2]), (60, []), (90, [4])]


@pytest.mark.parametrize("start", [0, 65_000])
def test_the_largest_gap_is_asked_for_and_a_larger_jump_is_a_restart(start: int) -> None:
    tracker = GapTracker()
    tracker.wants_keyframe(0, PERIOD_MS)
    assert len(feed(tracker, [start, start + MAX_GAP_PACKETS])) == MAX_GAP_PACKETS - 1
    assert feed(tracker, [start + 2 * MAX_GAP_PACKETS + 1]) == []
    assert tracker.missing == []
    assert tracker.wants_keyframe(PLI_INTERVAL_MS, PERIOD_MS)
    assert feed(tracker, [start + 2 * MAX_GAP_PACKETS + 3]) == [(start + 2 * MAX_GAP_PACKETS + 2) % 65536]


def test_keyframes_at_the_begin_and_once_a_period() -> None:
    tracker = GapTracker()
    wanted = [ms for ms in range(7, 30_000) if tracker.wants_keyframe(ms, PERIOD_MS)]
    assert wanted == [7, 7 + PERIOD_MS, 7 + 2 * PERIOD_MS]


def test_constant_loss_asks_for_a_keyframe_at_most_once_a_second() -> None:
    tracker = GapTracker()
    wanted = []
    for ms in range(0, 10_000, 10):
        feed(tracker, [ms // 10 * 2], now_ms=ms)  # every second packet is lost
        tracker.due(ms)
        if tracker.wants_keyframe(ms, PERIOD_MS):
            wanted.append(ms)
    assert wanted == list(range(0, 10_000, PLI_INTERVAL_MS))


def test_memory_is_bounded_under_any_loss() -> None:
    tracker = GapTracker()
    for step in range(200):
        feed(tracker, [step * 400], now_ms=step * 10)
        tracker.due(step * 10)
        assert len(tracker.missing) <= MAX_GAP_PACKETS


def test_a_picture_that_is_lost_for_another_reason_is_asked_for() -> None:
    tracker = GapTracker()
    assert tracker.wants_keyframe(0, PERIOD_MS)
    tracker.lose_picture()
    assert not tracker.wants_keyframe(PLI_INTERVAL_MS - 1, PERIOD_MS)
    assert tracker.wants_keyframe(PLI_INTERVAL_MS, PERIOD_MS)
