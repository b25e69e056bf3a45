"""Which sequence numbers never came, over wraps, duplicates and retransmissions."""

from hypothesis import given
from hypothesis import strategies as st

from callrec.recorder.folder.check.sequences import MAX_REORDER, WINDOW, SequenceCounter


def count(sequences: list[int], repaired: list[int] | None = None) -> tuple[int, int]:
    counter = SequenceCounter()
    for sequence in sequences:
        counter.add(sequence)
    for sequence in repaired or []:
        counter.repair(sequence)
    return counter.expected, counter.missing


def test_nothing_and_one() -> None:
    assert count([]) == (0, 0)
    assert count([], repaired=[5]) == (0, 0)
    assert count([7]) == (1, 0)


def test_gaps_duplicates_and_order() -> None:
    assert count([1, 2, 5]) == (5, 2)
    assert count([1, 1, 5, 2, 2]) == (5, 2)
    assert count([3, 1, 2]) == (3, 0), "overtaken at the very beginning"
    assert count([1, 2, 5], repaired=[3, 4]) == (5, 0)
    assert count([1, 2], repaired=[3]) == (3, 0), "the last one came only again"


def test_wraps() -> None:
    assert count([65534, 65535, 0, 2]) == (5, 1)
    assert count([65534, 2], repaired=[0, 65535, 1]) == (5, 0)
    assert count([number % 65536 for number in range(200_000) if number % 1000]) == (199_999, 199)


def test_a_retransmission_out_of_nowhere_repairs_nothing() -> None:
    assert count([1000, 1002], repaired=[1003 + MAX_REORDER, 999, 40_000]) == (3, 1)


def test_a_jump_within_a_round_is_loss() -> None:
    assert count([0, WINDOW - 1]) == (WINDOW, WINDOW - 2)
    assert count([number * 20_000 % 65536 for number in range(50)]) == (49 * 20_000 + 1, 49 * 19_999)


@given(
    st.integers(0, 65535),
    st.lists(st.booleans(), min_size=1, max_size=400),
)
def test_it_agrees_with_a_set(first: int, arrived: list[bool]) -> None:
    there = [index for index, here in enumerate(arrived) if here]
    if not there:
        return
    expected = there[-1] - there[0] + 1
    lost = [index for index in range(there[0], there[-1]) if index not in there]
    repaired = lost[::2]
    sent = [(first + index) % 65536 for index in there]
    again = [(first + index) % 65536 for index in repaired]
    assert count(sent, again) == (expected, len(lost) - len(repaired))
