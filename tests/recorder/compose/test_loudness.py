"""Quiet and loud people are balanced, noise is not raised, and films are as loud as they should be."""

from pathlib import Path

import av
import av.filter
import numpy as np
import pytest

from callrec.recorder.compose.kweighting import loudness_lufs, weighted_energy
from callrec.recorder.compose.loudness import SCREEN, VOICE, Loudness, Rule
from tests.recorder.compose.sounds import Floats, integrated_lufs, mixed, noise, opus, placed, speech, tone

CHUNKS = 4
SECONDS = CHUNKS * 12.8 + 1
PROGRAMME_LUFS = pytest.approx(-16, abs=1.5)
SETTLED = 12 * 48_000
"""Until then everybody has spoken for some seconds."""


def ebur128_lufs(sound: Floats) -> float:
    """Return what FFmpeg's meter says."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=48_000, format="fltp", layout="stereo")
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    measured = float("-inf")
    for start in range(0, sound.shape[1] - 4799, 4800):
        piece = np.ascontiguousarray(sound[:, start : start + 4800], np.float32)
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, start
        graph.push(frame)
        pulled = graph.pull()
        measured = float(pulled.metadata.get("lavfi.r128.I", measured))
    return measured


def test_the_tests_meter_agrees_with_ffmpegs() -> None:
    for sound in (speech(20, -23, 1), noise(20, -30), tone(20, 100, 0.1), tone(20, 3000, 0.5)):
        both = np.stack([sound, 0.5 * sound])
        assert integrated_lufs(both) == pytest.approx(ebur128_lufs(both), abs=0.15)


@pytest.mark.parametrize("name", ["speech", "noise", "tone"])
def test_loudness_by_the_spectrum_is_that_by_the_filters(name: str) -> None:
    sound = {"speech": speech(20, -23, 2, talks_s=20), "noise": noise(20, -30), "tone": tone(20, 500, 0.2)}[
        name
    ]
    blocks = sound.astype(np.float32).reshape(1, -1, 4800)
    assert loudness_lufs(2 * float(weighted_energy(blocks).mean())) == pytest.approx(
        integrated_lufs(np.stack([sound, sound])), abs=0.3
    )


def test_full_scale_has_the_loudness_of_the_standard() -> None:
    """BS.1770-4, Annex 1: a sine of 997 Hz at full scale in one channel has -3.01 LKFS."""
    blocks = tone(1, 997, 1).astype(np.float32).reshape(1, -1, 4800)
    assert loudness_lufs(float(weighted_energy(blocks).mean())) == pytest.approx(-3.01, abs=0.05)


def followed(sound: Floats, rule: Rule = VOICE) -> list[float]:
    """Return the gain that is wanted after each hop of a sound in the middle."""
    loudness = Loudness(rule)
    gains = []
    hops = sound[: len(sound) // 4800 * 4800].astype(np.float32).reshape(1, -1, 4800)
    for energy in 2 * weighted_energy(hops):
        loudness.add(float(energy))
        gains.append(loudness.wanted_db)
    return gains


@pytest.mark.parametrize(("lufs", "gain_db"), [(-60, 0), (-40, 24), (-30, 14), (-16, 0), (-10, -6), (6, -15)])
def test_the_gain_brings_a_voice_to_the_target_within_bounds(lufs: float, gain_db: float) -> None:
    gains = followed(speech(20, lufs, 1))
    assert gains[-1] == pytest.approx(gain_db, abs=1)
    assert min(*gains, gain_db - 1) >= min(gain_db, 0) - 2


def test_a_voice_is_known_after_some_seconds_and_then_stays() -> None:
    gains = followed(speech(40, -30, 1))
    assert gains[50] == pytest.approx(14, abs=1.5)
    assert np.ptp(gains[50:]) < 2


def test_a_pause_changes_nothing() -> None:
    talk = speech(10, -30, 1)
    gains = followed(np.concatenate([talk, np.zeros(48_000 * 60), talk]))
    assert set(gains[100:695]) == {gains[100]}
    assert gains[-1] == pytest.approx(gains[100], abs=0.5)


@pytest.mark.parametrize("level_db", [-60, -50, -40])
def test_noise_is_nobodys_voice(level_db: float) -> None:
    assert not any(followed(noise(30, level_db)))


def test_a_cough_is_soon_forgotten() -> None:
    cough = speech(0.4, -8, 5, talks_s=1)
    gains = followed(np.concatenate([speech(20, -30, 1), cough, speech(40, -30, 2)]))
    assert gains[-1] == pytest.approx(14, abs=1)
    assert min(gains[60:]) > 5


def test_a_quiet_voice_does_not_bring_a_loud_room_along() -> None:
    gain = followed(speech(20, -40, 1) + noise(20, -57))[-1]
    assert 5 < gain < 20


def test_a_screen_is_balanced_slowly_and_little() -> None:
    assert followed(tone(60, 440, 0.01), SCREEN)[-1] == pytest.approx(6, abs=0.1)
    assert followed(tone(60, 440, 0.5), SCREEN)[-1] == pytest.approx(-19 + 6.7, abs=1)


def heard_of(sound: Floats, *, of: Floats, without: Floats) -> float:
    """Return the loudness of the mix where one speaks, and the other does not."""
    samples = sound.shape[1] // 4800 * 4800
    active, silent = (np.abs(one[:samples].reshape(-1, 4800)).max(axis=1) > 1e-5 for one in (of, without))
    return integrated_lufs(sound[:, :samples] * np.repeat(active & ~silent, 4800))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Floats, Floats, Floats]:
    """A quiet person and a loud one, taking turns, and the mix."""
    quiet = speech(SECONDS, -40, 1, talks_s=3, pauses_s=4)
    loud = np.roll(speech(SECONDS, -15, 2, talks_s=3, pauses_s=4), int(3.5 * 48_000))
    voices = {0: placed(opus(quiet)), 1: placed(opus(loud))}
    return quiet, loud, mixed(tmp_path_factory.mktemp("two"), voices, CHUNKS).astype(np.float64)


def test_quiet_and_loud_come_out_alike(two: tuple[Floats, Floats, Floats]) -> None:
    quiet, loud, sound = two
    one = heard_of(sound[:, SETTLED:], of=quiet[SETTLED:], without=loud[SETTLED:])
    other = heard_of(sound[:, SETTLED:], of=loud[SETTLED:], without=quiet[SETTLED:])
    assert abs(one - other) < 1.5
    assert one == PROGRAMME_LUFS


def test_a_film_has_the_loudness_that_was_aimed_at(two: tuple[Floats, Floats, Floats]) -> None:
    assert integrated_lufs(two[2]) == PROGRAMME_LUFS


def test_who_never_speaks_is_not_raised(tmp_path: Path) -> None:
    hiss = noise(SECONDS, -60)
    sound = mixed(tmp_path, {0: placed(opus(hiss))}, CHUNKS)
    assert integrated_lufs(sound) <= integrated_lufs(np.stack([hiss, hiss])) + 0.5
