"""Clocks that drift, and sound that keeps its place."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from callrec.recorder.compose.clock import SenderClock
from callrec.recorder.compose.mix import mix
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


def test_sound_with_in_band_correction_and_pauses_in_sending_keeps_its_time() -> None:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "flt"
    encoder.bit_rate, encoder.time_base = 24_000, Fraction(1, 48_000)
    encoder.options = {"application": "voip", "fec": "1", "packet_loss": "20"}
    time_s = np.arange(3 * 48_000) / 48_000
    tone = 0.3 * np.sin(2 * np.pi * 400 * time_s) * ((time_s < 1) | (time_s >= 2))
    placer, placed = Placer(), []
    for number in range(150):
        piece = tone[number * 960 : (number + 1) * 960].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(piece[None, :], format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48_000, number * 960
        for packet in encoder.encode(frame):
            # DTX (RFC 6716 §2.1.9): after 200 ms of silence a packet each 400 ms.
            if 60 <= number < 100 and number % 20:
                continue
            one = placer.place(number * 960, number * 20, bytes(packet), follows_loss=False)
            assert one is not None
            placed.append(one)
    loud = np.abs(mix([placed], 0, 3 * 48_000)[0].reshape(-1, 480)).max(axis=1) > 0.05
    begins = [index * 10 for index in range(1, 300) if loud[index] and not loud[index - 1]]
    ends = [index * 10 for index in range(1, 300) if loud[index - 1] and not loud[index]]
    assert ends == pytest.approx([1000], abs=30)
    assert begins[-1] == pytest.approx(2000, abs=20)
