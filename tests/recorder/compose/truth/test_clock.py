"""Clocks of senders that drift, are set, stand still or lie: where the clock puts what was sent when."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import pytest

from callrec.recorder.compose.clock import SenderClock, StreamClock

LOOKAHEAD_MS, STEP_MS = 3000, 640
SHIFT_MS = 3.6e6 * 5  # a sender's NTP may be hours away
LEAST_MS = 21
"""Of the delays."""
AV_OFFSET_MS = 40  # what people begin to notice


def steady(at_ms: float) -> float:
    """A clock that goes right."""
    return at_ms


@dataclass
class Sent:
    """One stream, 20 or 40 ms a packet. Times are ms of the call."""

    every_ms: int
    base_ms: float
    reports_ms: int
    """How far apart its reports are."""
    first_report_ms: int = 700
    own: Callable[[float], float] = steady
    """The stream's time at a time."""
    slower_ms: float = 0
    """Its packets take longer by so much."""
    silent: tuple[float, float] = (inf, inf)
    """Nothing is sent from … to …, but for reports."""
    told: Callable[[float, float], tuple[float, float]] = lambda stream_ms, ntp_ms: (stream_ms, ntp_ms)
    """What a report says instead of the truth."""
    errors: list[tuple[float, float]] = field(default_factory=list)
    """When something was sent, and how far from then it was placed."""


def held_back(from_ms: float, to_ms: float, quicker: float) -> Callable[[float], float]:
    """A line that lets nothing through for a while, and then everything so much quicker than it was sent."""

    def extra(sent_ms: float) -> float:
        through = to_ms + (sent_ms - from_ms) / quicker
        return max(0, through - sent_ms) if from_ms <= sent_ms else 0

    return extra


def run_call(
    streams: list[Sent],
    seconds: int,
    *,
    ntp: Callable[[float], float] = steady,
    extra: Callable[[float], float] = lambda _: 0,
    asleep: tuple[float, float] = (inf, inf),
) -> None:
    """Simulate a sender as ingest sees it, and note where everything was placed when it was released."""
    clock = SenderClock(LOOKAHEAD_MS)
    opened: list[StreamClock | None] = [None] * len(streams)
    delays = itertools.cycle((32, 25, 47, LEAST_MS, 90))
    events: list[tuple[float, int, float, float | None]] = []  # arrival, stream, time of sending, NTP
    for index, stream in enumerate(streams):
        for at_ms in range(0, seconds * 1000, stream.every_ms):
            if not stream.silent[0] <= at_ms < stream.silent[1] and not asleep[0] <= at_ms < asleep[1]:
                arrival = at_ms + next(delays) + stream.slower_ms + extra(at_ms)
                events.append((arrival, index, at_ms, None))
        for at_ms in range(stream.first_report_ms + 130 * index, seconds * 1000, stream.reports_ms):
            if not asleep[0] <= at_ms < asleep[1]:
                events.append((at_ms + next(delays) + extra(at_ms), index, at_ms, SHIFT_MS + ntp(at_ms)))
    events.sort(key=lambda event: event[0])
    waiting: list[list[tuple[float, float]]] = [[] for _ in streams]
    position = 0
    for now_ms in range(LOOKAHEAD_MS, seconds * 1000, STEP_MS):
        while position < len(events) and events[position][0] <= now_ms:
            arrival, index, sent_ms, ntp_ms = events[position]
            stream, position = streams[index], position + 1
            stream_ms = stream.base_ms + stream.own(sent_ms)
            known = opened[index]
            if ntp_ms is None:
                known = opened[index] = known or clock.open()
                known.add_arrival(arrival, stream_ms)
                waiting[index].append((stream_ms, sent_ms))
            elif known is not None:
                known.add_report(arrival, *stream.told(stream_ms, ntp_ms))
        clock.settle(now_ms)
        done_ms = now_ms - LOOKAHEAD_MS + STEP_MS
        for index, stream in enumerate(streams):
            known = opened[index]
            for until_ms, offset_ms in known.spans() if known else []:
                end_ms = min(until_ms, done_ms - offset_ms)
                stream.errors += [(at_ms, t + offset_ms - at_ms) for t, at_ms in waiting[index] if t < end_ms]
                waiting[index] = [one for one in waiting[index] if one[0] >= end_ms]
                if any(t < until_ms for t, _ in waiting[index]):
                    break


def errors(stream: Sent, from_s: float, to_s: float) -> list[float]:
    """Return how far what was sent in between was placed from its time."""
    return [error for at_ms, error in stream.errors if from_s * 1000 <= at_ms < to_s * 1000]


def assert_together(sound: Sent, picture: Sent, from_s: int, to_s: int, within_ms: float = 5) -> None:
    """In each half second both are placed equally late."""
    halves: dict[int, tuple[list[float], list[float]]] = {}
    for which, stream in enumerate((sound, picture)):
        for at_ms, error in stream.errors:
            halves.setdefault(int(at_ms // 500), ([], []))[which].append(error)
    for half, (heard, seen) in halves.items():
        if from_s * 2 <= half < to_s * 2 and heard and seen:
            assert abs(min(heard) - min(seen)) <= within_ms, half / 2


def pair(**more: object) -> tuple[Sent, Sent]:
    """Return sound and picture, of which the picture is slower; only reports tell."""
    return Sent(20, 4e6, 5000, **more), Sent(40, 9e8, 1000, slower_ms=150, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("skew_ppm", [0, 200, -200])
def test_hours_of_drift(skew_ppm: float) -> None:
    rate = 1 + skew_ppm / 1e6
    sound = Sent(500, 4e6, 5000, own=lambda ms: ms * rate)
    # Besides, the camera's clock runs 50 ppm away from the sender's own.
    picture = Sent(500, 9e8, 1000, own=lambda ms: ms * rate * (1 + 50e-6), slower_ms=150)
    run_call([sound, picture], 2 * 3600, ntp=lambda ms: ms * rate)
    for stream in (sound, picture):
        late = errors(stream, 20, 7200)
        assert LEAST_MS - 5 <= min(late) <= max(late) <= LEAST_MS + 12
    assert_together(sound, picture, 20, 7190)


def set_at_half_a_minute(by_ms: float) -> Callable[[float], float]:
    """A clock that is set by so much."""
    return lambda ms: ms + (by_ms if ms > 30_000 else 0)


def test_an_ntp_clock_that_is_set_moves_nothing() -> None:
    for set_by in (1500, -7_200_000, 300):
        sound, picture = pair()
        run_call([sound, picture], 60, ntp=set_at_half_a_minute(set_by))
        assert_together(sound, picture, 10, 55, 30)
        assert max(errors(sound, 10, 55)) <= LEAST_MS + 30


def test_wrong_reports_move_nothing() -> None:
    def wrong(stream_ms: float, ntp_ms: float) -> tuple[float, float]:
        if ntp_ms - SHIFT_MS > 8000 and round(ntp_ms) // 1000 % 6 == 0:
            return stream_ms + 2500, ntp_ms
        return (stream_ms, ntp_ms + 1800) if round(ntp_ms) // 1000 % 6 == 3 else (stream_ms, ntp_ms)

    sound, picture = pair()
    picture.told = wrong
    run_call([sound, picture], 60)
    assert_together(sound, picture, 10, 55)


def test_a_first_report_that_is_wrong_is_got_over() -> None:
    sound, picture = pair()
    sound.told = lambda stream_ms, ntp_ms: (stream_ms, ntp_ms + (4000 if ntp_ms - SHIFT_MS < 5000 else 0))
    run_call([sound, picture], 40)
    assert max(errors(sound, 0, 35)) <= LEAST_MS + 5
    assert_together(sound, picture, 15, 35, 30)


def test_reports_of_another_clock_do_not_count() -> None:
    sound, picture = pair()
    picture.told = lambda stream_ms, ntp_ms: (stream_ms, 7e9)
    run_call([sound, picture], 30)
    assert_together(sound, picture, 5, 25, 150 + 5)


def test_reports_of_other_timestamps_do_not_count() -> None:
    sound, picture = pair()
    picture.told = lambda stream_ms, ntp_ms: (stream_ms + 5000, ntp_ms)
    run_call([sound, picture], 30)
    assert_together(sound, picture, 5, 25, 150 + 5)
    assert max(errors(picture, 5, 25)) <= LEAST_MS + 155


def test_by_arrival_before_the_first_report_and_without_any() -> None:
    sound, picture = pair()
    for stream in (sound, picture):
        stream.first_report_ms = 12_000
    without = Sent(20, 5e5, 10**9, first_report_ms=10**9)
    run_call([sound, picture, without], 30)
    for stream in (sound, picture):
        assert set(errors(stream, 1, 9)) == {LEAST_MS + stream.slower_ms}
    assert set(errors(without, 1, 25)) == {LEAST_MS}
    assert_together(sound, picture, 13, 25)


def test_a_line_that_held_back_for_seconds_moves_nothing() -> None:
    for length_ms, quicker in ((1200, 10), (2300, 10), (2300, 1.5)):
        sound, picture = pair()
        run_call([sound, picture], 40, extra=held_back(20_000, 20_000 + length_ms, quicker))
        for stream in (sound, picture):
            assert LEAST_MS - 1 <= min(errors(stream, 5, 35)) <= max(errors(stream, 5, 35)) <= LEAST_MS + 5


def test_a_laptop_that_slept_goes_on_at_once() -> None:
    asleep_ms = 6000

    def stood_still(ms: float) -> float:
        return ms if ms < 20_000 else ms - asleep_ms

    for ntp in (steady, stood_still):
        sound, picture = pair(own=stood_still)
        run_call([sound, picture], 50, ntp=ntp, asleep=(20_000, 20_000 + asleep_ms))
        for stream in (sound, picture):
            for from_s, to_s in ((5, 20), (26, 45)):
                late = errors(stream, from_s, to_s)
                assert LEAST_MS - 5 <= min(late) <= max(late) <= LEAST_MS + 155
        assert_together(sound, picture, 5, 20)
        assert_together(sound, picture, 33, 45, AV_OFFSET_MS)


def test_a_time_that_jumps_ahead_is_followed_at_once() -> None:
    sound, picture = pair()
    sound.own = lambda ms: ms + (4000 if ms >= 20_000 else 0)
    run_call([sound, picture], 40)
    assert max(map(abs, errors(sound, 5, 35))) <= LEAST_MS + 5


def test_a_device_that_was_changed_is_followed_by_its_reports() -> None:
    # Too small for a jump: what the new microphone's sound lacks only reports tell.
    sound, picture = pair()
    sound.own, sound.reports_ms = lambda ms: ms - (300 if ms >= 30_000 else 0), 1000
    run_call([sound, picture], 60)
    assert_together(sound, picture, 10, 27)  # the look-ahead
    assert_together(sound, picture, 33, 55)


def test_a_muted_stream_goes_on_where_it_was() -> None:
    rate = 1 + 200e-6
    sound, picture = pair(own=lambda ms: ms * rate)
    sound.silent = picture.silent = (30_000, 930_000)
    run_call([sound, picture], 990, ntp=lambda ms: ms * rate)
    assert_together(sound, picture, 10, 980)
    assert max(errors(sound, 930, 980)) <= LEAST_MS + 10
