"""The judge can tell the tone from silence, noise and other tones, also where the film plays slower."""

import numpy as np
import pytest

from tests.chaos.verdict import TONE_SHARE, tone_share
from tests.e2e.film import SAMPLE_RATE_HZ

TIME_S = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
NOISE = np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE_HZ)


@pytest.mark.parametrize("frequency_hz", [440, 440 * 0.996, 440 * 1.004])
@pytest.mark.parametrize("level", [0.05, 0.5])
def test_a_tone_is_heard(frequency_hz: float, level: float) -> None:
    assert tone_share(level * np.sin(2 * np.pi * frequency_hz * TIME_S), 0.3, 440) > 0.9


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(SAMPLE_RATE_HZ),
        NOISE,
        0.3 * np.sin(2 * np.pi * 550 * TIME_S),
        1e-4 * np.sin(2 * np.pi * 440 * TIME_S),
    ],
    ids=["silence", "noise", "another", "next to nothing"],
)
def test_what_is_no_tone_is_not(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    assert tone_share(sound, 0.3, 440) < TONE_SHARE / 3
