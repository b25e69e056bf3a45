"""The mix: nothing clips, nothing jumps, and everything comes from where it belongs."""

import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from callrec.recorder.compose.balance import Balance
from callrec.recorder.compose.coding import CODINGS, CodingName
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import whole_chunk
from callrec.recorder.compose.levels import Piece, TrackPiece
from callrec.recorder.compose.limiter import CEILING, block_peaks
from tests.recorder.compose.sounds import (
    Floats,
    integrated_lufs,
    mixed,
    noise,
    opus,
    placed,
    speech,
    tone,
    true_peak,
)
from tests.recorder.compose.watching import distortion

CHUNK = 614_400
MINUS_1_DB = 10 ** (-1 / 20)


def encoded(sound: npt.NDArray[np.float32], coding: CodingName) -> Floats:
    """Return *sound*, one chunk in length, encoded as in a film and decoded again."""

    def piece(start: int, end: int) -> npt.NDArray[np.float32]:
        return np.take(sound, np.arange(start, end), axis=1, mode="wrap")

    film = encode_chunk(whole_chunk(0, 25), replace(CODINGS[coding], pictures=None), piece, None, (0, 0))
    with av.open(io.BytesIO(film), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1).astype(np.float64)


def test_eight_at_once_do_not_clip(tmp_path: Path) -> None:
    talk = speech(27, -12, 1, talks_s=30)
    voices = {n: placed(opus(np.roll(talk, 131_000 * n) * 10 ** (-n / 20))) for n in range(8)}
    sound = mixed(tmp_path, voices, 2)
    assert true_peak(sound) <= CEILING + 0.01
    assert integrated_lufs(sound[:, CHUNK:]) == pytest.approx(-16, abs=1.5)
    assert true_peak(encoded(sound[:, CHUNK:], "h264")) <= MINUS_1_DB
    assert true_peak(encoded(sound[:, CHUNK:], "sound")) <= MINUS_1_DB


@pytest.mark.parametrize("coding", ["h264", "sound"])
def test_sudden_loud_sounds_stay_below_full_scale(tmp_path: Path, coding: CodingName) -> None:
    """Encoders overshoot most where sound sets in."""
    time_s = np.arange(14 * 48_000) / 48_000
    bursts = sum(tone(14, hz, 0.33) * (time_s % every_s < 0.08) for hz, every_s in ((1000, 1), (1500, 0.7)))
    shouts = speech(14, -3, 3).clip(-1, 1)
    for loud in (np.asarray(bursts), shouts):
        sound = mixed(tmp_path, {0: placed(opus(loud))}, 1)
        assert true_peak(encoded(sound, coding)) <= MINUS_1_DB


def test_a_screen_keeps_its_sides_and_a_voice_is_in_the_middle(tmp_path: Path) -> None:
    sides = np.stack([tone(14, 600, 0.2), tone(14, 1000, 0.1)])
    screens = {1: placed(opus(sides))}
    sound = mixed(tmp_path, {0: placed(opus(speech(14, -20, 1)))}, 1, screens)
    middle = mixed(tmp_path, {0: placed(opus(speech(14, -20, 1)))}, 1)
    assert np.array_equal(middle[0], middle[1])
    levels = np.abs([[amplitude(side, hz) for hz in (600, 1000)] for side in sound[:, 4800:]])
    (left_600, left_1000), (right_600, right_1000) = levels
    assert left_600 / right_1000 == pytest.approx(2, rel=0.05)
    assert left_1000 < 0.1 * right_1000
    assert right_600 < 0.05 * left_600


def amplitude(sound: npt.NDArray[np.floating], hz: float) -> float:
    """Return the amplitude of one frequency."""
    phase = np.exp(-2j * np.pi * hz / 48_000 * np.arange(len(sound)))
    return float(2 * np.abs((sound * phase).mean()))


def test_a_tone_goes_over_the_joints_of_chunks_as_if_there_were_none(tmp_path: Path) -> None:
    steady = placed(opus(tone(40, 400, 0.3)))
    sound = mixed(tmp_path, {0: steady}, 3)[0].astype(np.float64)
    joints = [CHUNK * n // 240 for n in (1, 2)]
    error = distortion(sound[4800:], 400)
    usual = np.quantile(error, 0.99)
    for joint in joints:
        assert error[joint - 22 : joint - 18].max() <= 1.2 * usual
    assert np.abs(np.diff(sound[4800:])).max() < 0.3 * 2 * np.pi * 400 / 48_000 * 1.1


def test_the_gain_has_no_joints() -> None:
    """Cut into pieces, with a name that becomes known on the way, it is the gain of the whole."""
    random = np.random.default_rng(1)
    energy = (10 ** random.uniform(-5, -3.5, 384)).astype("<f4")
    energy[:108] = 0  # so that the gain is on its way at the first border of pieces
    energy[220:300] *= 1000  # and all together are turned down at the second one

    def piece(first: int, hops: int) -> Piece:
        part = energy[first : first + hops].tobytes()
        return Piece(1, 0, first, hops, {0: TrackPiece(True, bytes(5 * hops), part)})

    at_once, in_pieces = Balance(), Balance()
    at_once.follow(piece(0, 384), {0: "users/a"})
    whole = at_once.gains(0, 0, 381 * 4800)
    decibels = 20 * np.log10(whole)
    assert np.ptp(decibels[125 * 4800 : 131 * 4800]) > 2
    assert np.ptp(decibels[250 * 4800 : 258 * 4800]) > 2
    assert np.abs(np.diff(decibels)).max() * 4800 < 1.8  # a hop: a voice's 1 dB, 0.6 dB of all together
    for index in range(3):
        owner = "session/x" if index < 2 else "users/a"
        in_pieces.follow(piece(128 * index, 128), {0: owner})
        begin, end = (max(0, 128 * index - 20) * 4800, (128 * (index + 1) - 3) * 4800)
        assert np.array_equal(in_pieces.gains(0, begin, end - begin), whole[begin:end])


def test_silence_is_silence(tmp_path: Path) -> None:
    sound = mixed(tmp_path, {0: placed(opus(tone(14, 300, 0.3)), unsent=range(100, 300))}, 1)
    begin, end = 100 * 960, 300 * 960
    assert not sound[:, begin + 120 : end].any()
    assert np.abs(sound[:, begin - 960 : begin]).max() > 0.05
    assert np.abs(sound[:, end : end + 960]).max() > 0.05


def test_peaks_between_the_samples_count() -> None:
    """A sine of a quarter of the rate whose peaks all lie between its samples."""
    phase = np.pi / 2 * np.arange(4800) + np.pi / 4
    sound = (0.6 / np.sin(np.pi / 4) * np.sin(phase)).astype(np.float32)[None]
    assert np.abs(sound).max() == pytest.approx(0.6, abs=0.001)
    assert block_peaks(sound)[1:-1] == pytest.approx(0.6 * np.sqrt(2), rel=0.03)


def test_noise_beside_a_speaker_stays_noise(tmp_path: Path) -> None:
    voices = {0: placed(opus(speech(40, -30, 1))), 1: placed(opus(noise(40, -60)))}
    sound = mixed(tmp_path, voices, 3)[:, CHUNK:]
    pauses = np.sqrt((sound[0][: CHUNK // 4800 * 4800].reshape(-1, 4800) ** 2).mean(axis=1)).min()
    assert 20 * np.log10(pauses) < -57
