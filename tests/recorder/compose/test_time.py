"""Sound that keeps its place."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from callrec.recorder.compose.hearing import hear
from callrec.recorder.compose.placement import Placed, Placer
from tests.recorder.compose.sounds import laid_out

TWENTY_MS = b"\x78\x00"


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
    heard = laid_out(hear(placed, 0, 3 * 48_000, channels=1), 3 * 48_000)
    loud = np.abs(heard[0].reshape(-1, 480)).max(axis=1) > 0.05
    begins = [index * 10 for index in range(1, 300) if loud[index] and not loud[index - 1]]
    ends = [index * 10 for index in range(1, 300) if loud[index - 1] and not loud[index]]
    assert ends == pytest.approx([1000], abs=30)
    assert begins[-1] == pytest.approx(2000, abs=20)
