"""What one stream sounds like: its pauses are silence, and what was lost is bridged."""

import numpy as np
import pytest
from structlog.testing import capture_logs

from callrec.recorder.compose.hearing import hear
from callrec.recorder.compose.placement import Placed
from tests.recorder.compose.sounds import Floats, laid_out, opus, placed, speech, tone

SECONDS = 4
PACKET = 960


def heard(sounds: list[Placed], channels: int = 1) -> Floats:
    """Return what is heard of *sounds*, as a composer hears them: the decoder starts anew at 2 s."""
    samples = SECONDS * 48_000
    whole = laid_out(hear(sounds, 0, samples, channels=channels), samples)
    later = hear(sounds, samples // 2, samples, channels=channels)
    if later:
        part = laid_out(later, samples)[:, samples // 2 :]
        assert np.abs(whole[:, samples // 2 :] - part).max() < 0.01
    return whole


def steepest(sound: Floats) -> float:
    """Return the largest step from sample to sample."""
    return float(np.abs(np.diff(sound)).max())


def test_a_stereo_microphone_is_in_the_middle_and_a_screen_keeps_its_sides() -> None:
    left = tone(SECONDS, 440, 0.4)
    sounds = placed(opus(np.stack([left, np.zeros_like(left)])))
    (middle,) = heard(sounds)
    assert np.abs(middle[48_000:96_000]).max() == pytest.approx(0.2, abs=0.02)
    sides = heard(sounds, channels=2)
    assert np.abs(sides[:, 48_000:96_000]).max(axis=1) == pytest.approx([0.4, 0], abs=0.03)


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_a_short_loss_is_bridged(lost: int) -> None:
    packets = opus(tone(SECONDS, 300, 0.3))
    sound = heard(placed(packets, lost=frozenset(range(60, 60 + lost))))[0]
    hole = sound[60 * PACKET : (60 + lost) * PACKET].reshape(-1, 480)
    rms = np.sqrt((hole**2).mean(axis=1))
    assert rms[:2] == pytest.approx(0.21, abs=0.06)
    assert rms.min() > 0.02
    assert steepest(sound[50 * PACKET : 80 * PACKET]) < 2 * steepest(heard(placed(packets))[0][48_000:])


def test_a_long_loss_becomes_silence_of_exact_length() -> None:
    packets = opus(tone(SECONDS, 300, 0.3))
    sound = heard(placed(packets, lost=frozenset(range(50, 100))))[0]
    concealed = np.flatnonzero(sound[48_000:96_000])
    assert concealed.max() == pytest.approx(80 * 48, abs=10)  # a fade ends with nothing
    assert np.sqrt((sound[96_480:105_600] ** 2).mean()) == pytest.approx(0.21, abs=0.02)
    assert steepest(sound) < 0.05


@pytest.mark.parametrize("unsent", [range(50, 52), range(50, 100)])
def test_what_was_not_sent_is_silence_of_exact_length(unsent: range) -> None:
    sound = heard(placed(opus(speech(SECONDS, -20, 1, talks_s=SECONDS)), unsent=unsent))[0]
    begin, end = unsent.start * PACKET, unsent.stop * PACKET
    fade = 120
    assert not sound[begin + fade : end].any()
    assert sound[:begin].any()
    assert sound[end : end + 10 * PACKET].any()
    assert steepest(sound[begin - 480 : end + 480]) < 0.1


def test_sparse_packets_do_not_click() -> None:
    packets = opus(tone(SECONDS, 300, 0.3))
    sounds = [one for number, one in enumerate(placed(packets)) if number % 20 == 0]
    assert steepest(heard(sounds)[0]) < 0.05


def test_a_broken_packet_is_as_good_as_lost() -> None:
    sounds = placed(opus(tone(SECONDS, 300, 0.3)))
    broken = sounds[60]
    sounds[60] = Placed(broken.start, broken.length, broken.samples, b"\x7b\x83\xff\xff", False)
    with capture_logs() as logged:
        sound = hear(sounds, 0, 96_000, channels=1)
    assert [(line["event"], line["at_ms"]) for line in logged] == [("sound_not_decoded", 1200)]
    hole = laid_out(sound, 96_000)[0][60 * PACKET : 61 * PACKET]
    assert np.sqrt((hole**2).mean()) == pytest.approx(0.21, abs=0.06)


def test_nothing_is_heard_of_nothing() -> None:
    assert hear([], 0, 48_000, channels=1) == []
    assert hear(placed(opus(tone(1, 300, 0.3))), 200_000, 300_000, channels=1) == []
