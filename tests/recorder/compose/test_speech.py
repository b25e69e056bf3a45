"""What is speech and what is not, from levels."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrec.recorder.compose.levels import CELL_MS, SILENCE_DB
from callrec.recorder.compose.speech import AHEAD_MS, Speech

Floats = npt.NDArray[np.float32]
END_MS = 20_000
NOISE_DB = -60.0
A = "users/anna"


def quiet(length_ms: int = END_MS, level_db: float = NOISE_DB, seed: int = 1) -> Floats:
    """Return the levels of a room in which nobody speaks."""
    noise = np.random.default_rng(seed).normal(level_db, 1.5, length_ms // CELL_MS)
    return noise.astype(np.float32)


def talk(levels: Floats, start_ms: int, end_ms: int, level_db: float = -25.0, seed: int = 2) -> Floats:
    """Return *levels* with syllables of about 160 ms from *start_ms* to *end_ms*, with short dips between."""
    start, end = start_ms // CELL_MS, end_ms // CELL_MS
    shape = np.tile([0, 2, 3, 1, 0, -4, -9, -18], -(-(end - start) // 8))[: end - start]
    spoken = level_db + shape + np.random.default_rng(seed).normal(0, 1.5, end - start)
    levels = levels.copy()
    levels[start:end] = np.maximum(levels[start:end], spoken)
    return levels


def loud(levels: Floats, start_ms: int, length_ms: int, level_db: float = -15.0) -> Floats:
    """Return *levels* with something loud in it."""
    levels = levels.copy()
    levels[start_ms // CELL_MS : (start_ms + length_ms) // CELL_MS] = level_db
    return levels


def spells(levels: Floats, step_ms: int = END_MS) -> list[tuple[float, float]]:
    """Return from when to when there is speech, the levels taken in steps."""
    speech = Speech()
    step = step_ms // CELL_MS
    for begin in range(0, len(levels), step):
        part = levels[begin : begin + step]
        speech.advance({A: part}, (begin + len(part)) * CELL_MS)
    return speech.spells(A)


def test_speech_is_known_from_its_first_word_to_its_last() -> None:
    ((start_ms, end_ms),) = spells(talk(quiet(), 5000, 9000))
    assert start_ms == 5000
    assert 9000 <= end_ms <= 9300


@pytest.mark.parametrize("level_db", [-45.0, -35.0, -12.0])
@pytest.mark.parametrize("noise_db", [SILENCE_DB, -70.0, -58.0])
def test_loud_and_quiet_people_are_heard(level_db: float, noise_db: float) -> None:
    ((start_ms, end_ms),) = spells(talk(quiet(level_db=noise_db), 5000, 9000, level_db))
    assert 5000 <= start_ms <= 5060
    assert 8900 <= end_ms <= 9300


def test_speech_over_a_loud_room_is_found() -> None:
    found = spells(talk(quiet(level_db=-42), 10_000, 14_000, -22))
    assert found[-1][0] == pytest.approx(10_000, abs=60)
    assert found[-1][1] == pytest.approx(14_000, abs=300)


@pytest.mark.parametrize("length_ms", [20, 40, 100, 200, 280])
def test_a_click_or_a_cough_is_no_speech(length_ms: int) -> None:
    assert not spells(loud(quiet(), 5000, length_ms))


def test_clicks_do_not_make_speech_go_on() -> None:
    levels = talk(quiet(), 5000, 7000)
    for at_ms in range(7400, 15_000, 400):
        levels = loud(levels, at_ms, 20)
    ((_, end_ms),) = spells(levels)
    assert end_ms <= 7300


@pytest.mark.parametrize(("pause_ms", "count"), [(200, 1), (600, 1), (1000, 2), (3000, 2)])
def test_short_pauses_are_part_of_speech(pause_ms: int, count: int) -> None:
    levels = talk(talk(quiet(), 5000, 7000), 7000 + pause_ms, 9000 + pause_ms)
    found = spells(levels)
    assert len(found) == count
    assert found[-1][0] == (5000 if count == 1 else 7000 + pause_ms)


def test_noise_is_speech_for_a_moment_only() -> None:
    levels = quiet()
    levels[5000 // CELL_MS :] = quiet(15_000, -38)
    assert all(start >= 5000 and end <= 9500 for start, end in spells(levels))


def test_one_lost_packet_in_twenty_does_not_make_noise_speech() -> None:
    levels = quiet(level_db=-40)
    levels[::20] = SILENCE_DB
    assert all(end <= 5000 for _, end in spells(levels))


def test_half_the_syllables_lost_is_still_speech() -> None:
    levels = talk(quiet(), 5000, 9000)
    levels[5200 // CELL_MS : 9000 // CELL_MS : 4] = SILENCE_DB
    ((start_ms, end_ms),) = spells(levels)
    assert start_ms == pytest.approx(5000, abs=60)
    assert end_ms == pytest.approx(9100, abs=200)


def test_who_was_never_heard_is_not_judged() -> None:
    speech = Speech()
    muted = np.full(500, SILENCE_DB, np.float32)
    speech.advance({A: muted}, 10_000)
    assert speech.speaking(A, 5000) is None
    assert speech.speaking("users/nobody", 5000) is None
    assert speech.judged_ms == 10_000 - AHEAD_MS
    speech.advance({A: talk(muted, 0, 2000)}, 20_000)
    assert speech.speaking(A, 10_000 - AHEAD_MS - 1) is None
    assert speech.speaking(A, 10_000 - AHEAD_MS) is False
    assert speech.speaking(A, 10_000) is True
    assert speech.speaking(A, 12_400) is False
    assert set(speech.changes(9000, 20_000)) == {10_000 - AHEAD_MS, *speech.spells(A)[0]}
    assert not list(speech.changes(10_000, 10_000))


def test_who_is_missing_or_short_is_silent() -> None:
    speech, whole = Speech(), talk(quiet(), 1000, 3000)
    speech.advance({A: whole[:150]}, 3200)
    speech.advance({}, 10_000)
    speech.advance({A: talk(quiet(), 0, 2000)[:100]}, 12_000)
    speech.advance({}, 15_000)
    (first, second) = speech.spells(A)
    assert (first[0], second[0]) == (1000, 10_000)
    assert first[1] == pytest.approx(3100, abs=200)
    assert second[1] == pytest.approx(12_100, abs=200)


def some_call(seed: int) -> Floats:
    """Return a minute in which anything may happen."""
    random = np.random.default_rng(seed)
    levels = quiet(60_000, float(random.uniform(-75, -40)), seed)
    for _ in range(12):
        start = int(random.uniform(0, 58_000))
        length = int(random.choice([40, 300, 500, 2000, 6000]))
        levels = (
            talk(levels, start, min(60_000, start + length), float(random.uniform(-45, -10)), seed)
            if random.random() < 0.7
            else loud(levels, start, length, float(random.uniform(-120, -10)))
        )
    return levels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(100, 2900))
def test_a_judgement_depends_on_nothing_but_the_levels_up_to_the_lookahead(
    seed: int, step: int, until: int
) -> None:
    """… not on the steps in which they are told, nor on what comes later."""
    levels = some_call(seed)
    at_once = spells(levels, 60_000)
    assert spells(levels, step * CELL_MS) == at_once
    speech = Speech()
    speech.advance({A: levels[:until]}, until * CELL_MS)
    for ms in range(0, speech.judged_ms, CELL_MS):
        judged = speech.speaking(A, ms)
        assert bool(judged) == any(start <= ms < end for start, end in at_once)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_spells_are_no_flicker(seed: int) -> None:
    found = spells(some_call(seed))
    assert all(end - start >= 500 for start, end in found)
    assert all(after[0] > before[1] for before, after in pairwise(found))


def test_hours_are_not_kept() -> None:
    """What is kept of a participant is some seconds of levels and the spells."""
    speech, minute = Speech(), talk(quiet(60_000), 5000, 8000)
    for number in range(1, 121):
        speech.advance({A: minute}, number * 60_000)
    assert len(speech.spells(A)) == 120
    assert len(speech._voices[A]._levels) < 10_000 // CELL_MS
