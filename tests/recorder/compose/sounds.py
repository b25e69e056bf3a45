"""Sounds of known loudness, the mix of them as a composer makes it, and a meter that knows nothing of it."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from callrec.recorder.compose.balance import Balance
from callrec.recorder.compose.film import whole_chunk
from callrec.recorder.compose.hearing import Run, hear
from callrec.recorder.compose.kweighting import LOW_CUT, SHELF
from callrec.recorder.compose.levels import BEHIND_MS, Levels, Source
from callrec.recorder.compose.mix import mix
from callrec.recorder.compose.placement import Placed, Placer

Floats = npt.NDArray[np.float64]
RATE_HZ = 48_000
_BEFORE = 640 * 48


def speech(duration_s: float, lufs: float, seed: int, talks_s: float = 3, pauses_s: float = 1) -> Floats:
    """Return noise in the band of a voice, in syllables and pauses; heard from both sides it has *lufs*."""
    samples = round(duration_s * RATE_HZ)
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    spectrum *= np.interp(frequencies, [0, 90, 150, 600, 4000, 8000], [0, 0, 1, 1, 0.15, 0])
    time_s = np.arange(samples) / RATE_HZ + 0.37 * seed
    syllables = np.clip(np.sin(2 * np.pi * 4.1 * time_s) + 0.6, 0, None) ** 1.5
    talking = time_s % (talks_s + pauses_s) < talks_s
    sound = np.fft.irfft(spectrum, samples) * syllables * talking
    one_side_lufs = lufs - 10 * np.log10(2)
    return np.asarray(sound * 10 ** ((one_side_lufs - integrated_lufs(sound[None])) / 20))


def noise(duration_s: float, level_db: float, seed: int = 1) -> Floats:
    """Return white noise of an RMS level in dBFS."""
    random = np.random.default_rng(seed)
    return np.asarray(random.standard_normal(round(duration_s * RATE_HZ)) * 10 ** (level_db / 20))


def tone(duration_s: float, hz: float, amplitude: float) -> Floats:
    """Return a sine."""
    return np.asarray(amplitude * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(round(duration_s * RATE_HZ))))


def opus(sound: Floats, bit_rate_bps: int = 64_000) -> list[bytes]:
    """Encode *sound*, one channel or two, in packets of 20 ms."""
    channels = np.atleast_2d(sound)
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    layout = "mono" if len(channels) == 1 else "stereo"
    encoder.sample_rate, encoder.layout, encoder.format = RATE_HZ, layout, "flt"
    encoder.bit_rate, encoder.time_base = bit_rate_bps * len(channels), Fraction(1, RATE_HZ)
    encoder.options = {"compression_level": "2"}  # fast
    packets = []
    for start in range(0, channels.shape[1] - 959, 960):
        piece = channels[:, start : start + 960].T.reshape(1, -1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="flt", layout=layout)
        frame.sample_rate, frame.pts = RATE_HZ, start
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def placed(
    packets: list[bytes], lost: frozenset[int] = frozenset(), unsent: range = range(0)
) -> list[Placed]:
    """Place packets from time 0 on; *lost* ones were sent and did not arrive, *unsent* ones never were."""
    placer, sounds = Placer(), []
    for number, data in enumerate(packets):
        if number not in lost and number not in unsent:
            one = placer.place(number * 960, number * 20, data, follows_loss=number - 1 in lost)
            assert one is not None
            sounds.append(one)
    return sounds


def laid_out(runs: list[Run], samples: int) -> Floats:
    """Return the sum of *runs* from sample 0 on, full scale is 1."""
    sound = np.zeros((len(runs[0].samples), samples))
    for run in runs:
        begin, end = max(run.start, 0), min(run.end, samples)
        sound[:, begin:end] += run.samples[:, begin - run.start : end - run.start] / 32768
    return sound


def mixed(
    directory: Path,
    voices: Mapping[int, list[Placed]],
    chunks: int,
    screens: Mapping[int, list[Placed]] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the mix of whole chunks, made one by one as a composer does, joined."""
    levels, balance, pieces = Levels(directory, 0), Balance(), []
    screens = screens or {}
    owners = {number: f"users/{number}" for number in (*voices, *screens)}
    for index in range(chunks):
        chunk = whole_chunk(index, 25)
        first, end = chunk.first_sample, chunk.first_sample + chunk.samples
        span = max(0, first - _BEFORE), end + BEHIND_MS * 48
        heard = {number: Source(True, hear(sounds, *span, channels=1)) for number, sounds in voices.items()}
        heard |= {
            number: Source(False, hear(sounds, *span, channels=2)) for number, sounds in screens.items()
        }
        balance.follow(levels.measure(chunk, heard), owners)
        pieces.append(mix(heard, balance, first, end))
    return np.concatenate(pieces, axis=1)


def integrated_lufs(sound: npt.NDArray[np.floating]) -> float:
    """Return the gated loudness of *sound*, channels x samples (ITU-R BS.1770-4, Annex 1)."""
    samples = sound.shape[1]
    padded = 1 << (samples + RATE_HZ).bit_length()  # a second of room: the filters' answer is over by then
    weighted = np.fft.irfft(np.fft.rfft(sound, padded) * _response(padded), padded)[:, :samples]
    hops = (weighted[:, : samples // 4800 * 4800].reshape(len(sound), -1, 4800) ** 2).mean(axis=2).sum(axis=0)
    blocks = np.lib.stride_tricks.sliding_window_view(hops, 4).mean(axis=1)
    loud = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    loud = loud[loud > loud.mean() / 10]
    return float(-0.691 + 10 * np.log10(loud.mean()))


@cache
def _response(samples: int) -> npt.NDArray[np.complex128]:
    """Return the answer of the filters at each frequency of a real spectrum."""
    delay = np.exp(-2j * np.pi * np.arange(samples // 2 + 1) / samples)
    response = np.ones(len(delay), complex)
    for numerator, denominator in (SHELF, LOW_CUT):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return response


def true_peak(sound: npt.NDArray[np.floating]) -> float:
    """Return the highest peak with four times as many samples, by the spectrum."""
    peak = 0.0
    for channel in sound:
        for begin in range(0, len(channel), 1 << 16):  # in pieces; their ends ring, so they overlap
            piece = channel[max(0, begin - 2048) : begin + (1 << 16) + 2048]
            spectrum = np.fft.rfft(piece)
            dense = 4 * np.fft.irfft(np.pad(spectrum, (0, 2 * len(piece))), 4 * len(piece))
            peak = max(peak, float(np.abs(dense[4096:-4096]).max()))
    return peak
