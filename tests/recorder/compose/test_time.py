"""Clocks that drift, and sound that keeps its place."""

import itertools

import pytest

from callrec.recorder.compose.clock import SenderClock
from callrec.recorder.compose.placement import Placed, Placer

SHIFT_MS = 3.6e6 * 5  # a sender's NTP may be hours away
TWENTY_MS = b"\x78\x00"


def run_call(clock: SenderClock, hours: float, skew_ppm: float) -> list[tuple[float, float]]:
    """Simulate a sender; return for sound and picture each minute how far they are from the truth in ms."""
    errors = []
    rate = 1 + skew_ppm / 1e6
    delays = itertools.cycle((32, 25, 47, 21, 90))
    for at_s in range(1, int(hours * 3600)):
        sent_ms = at_s * 1000.0
        sender_ms = sent_ms * rate
        # The streams' own clocks: sound began at 4e6 ms, pictures at 9e8 ms, and runs 50 ppm off besides.
        sound_ms, picture_ms = 4e6 + sender_ms, 9e8 + sender_ms * (1 + 50e-6)
        delay = next(delays)
        clock.add_arrival("sound", sent_ms + delay, sound_ms)
        clock.add_arrival("picture", sent_ms + delay + 60, picture_ms)
        clock.add_report("sound", sent_ms + delay, sound_ms, SHIFT_MS + sender_ms)
        clock.add_report("picture", sent_ms + delay, picture_ms, SHIFT_MS + sender_ms)
        clock.settle(sent_ms + 100)
        if at_s % 60 == 0:
            sound, picture = clock.offset_ms("sound"), clock.offset_ms("picture")
            assert sound is not None
            assert picture is not None
            errors.append((sound_ms + sound - sent_ms, picture_ms + picture - sent_ms))
    return errors


@pytest.mark.parametrize("skew_ppm", [0, 200, -200])
def test_an_hour_of_drift(skew_ppm: float) -> None:
    for sound, picture in run_call(SenderClock(), 1.1, skew_ppm):
        assert abs(sound - picture) <= 2
        assert 15 <= sound <= 30  # the least delay (21 ms) and at most 20 s of drift


def test_by_arrival_before_the_first_report() -> None:
    clock = SenderClock()
    clock.add_arrival("sound", 1030, 500)
    clock.add_arrival("sound", 1040, 520)
    clock.settle(2000)
    assert clock.offset_ms("sound") == 520
    assert clock.offset_ms("picture") is None


def test_reports_that_contradict_each_other_do_not_count() -> None:
    clock = SenderClock()
    for stream, ntp in (("sound", 1000.0), ("picture", 90_000.0)):
        clock.add_arrival(stream, 1030, 500)
        clock.add_report(stream, 1031, 500, ntp)
    clock.settle(2000)
    assert clock.offset_ms("sound") == clock.offset_ms("picture") == 530


def place(times_ms: list[tuple[int, float]]) -> list[Placed]:
    placer = Placer()
    placed = [placer.place(ts, at, TWENTY_MS, follows_loss=False) for ts, at in times_ms]
    return [one for one in placed if one is not None]


def test_jitter_of_the_clock_leaves_no_seam() -> None:
    placed = place([(n * 960, 100 + n * 20 + (n % 3)) for n in range(500)])
    assert all(a.end == b.start for a, b in itertools.pairwise(placed))
    assert {p.length for p in placed} == {960}


def test_a_clock_that_runs_away_is_followed() -> None:
    for skew in (200e-6, -200e-6):
        placed = place([(n * 960, n * 20 * (1 + skew)) for n in range(180_000)])
        assert all(a.end == b.start for a, b in itertools.pairwise(placed))
        assert all(abs(p.start - n * 960 * (1 + skew)) <= 6 * 48 for n, p in enumerate(placed))


def test_a_pause_keeps_its_length() -> None:
    first, second = place([(0, 50), (48_000, 1050)])
    assert second.start - first.start == 48_000


def test_a_jump_is_made_at_once() -> None:
    *_, last = place([(n * 960, n * 20 + (100 if n > 5 else 0)) for n in range(8)])
    assert last.start == (7 * 20 + 100) * 48
