"""Keeps a mix below full scale by turning it down around loud moments, smoothly and without distortion.

The gain at a moment depends on 100 ms on both sides of it and on nothing else, so pieces of a film that are
mixed apart fit together. Peaks are those between the samples, too (ITU-R BS.1770-4, Annex 2).
"""

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
"""Channels x n samples, full scale is 1."""

CEILING = 0.66
"""The highest true peak. AAC at 128 kbit/s overshoots by up to 20 % where sound sets in, and a film is to
stay below -1 dB (0.89)."""
_BLOCK = 240  # 5 ms
_HOLD_BLOCKS = 10
_SMOOTH_BLOCKS = _HOLD_BLOCKS - 1  # less than held: the gain is down before the peak comes
REACH = (_HOLD_BLOCKS + _SMOOTH_BLOCKS + 1) * _BLOCK
"""Samples on each side that the gain depends on; a multiple of the block."""

# Fourfold oversampling (BS.1770-4, Annex 2, table): two phases, the others are their mirror images.
# fmt: off
_PHASES = np.array([
    [0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
     0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500],
    [-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
     0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375],
], np.float32)
# fmt: on
_FILTERS = np.concatenate([_PHASES, _PHASES[:, ::-1]]).T
_TAPS = len(_FILTERS)
# Between two samples sound is never so much higher than at them: below, there is nothing to look for.
_SUSPECT = 0.6


def limit(sound: Sound) -> Sound:
    """Return *sound* without its first and last ``REACH`` samples, limited.

    Its length must be a whole number of blocks, and its beginning lie on the same grid for all pieces.
    """
    samples = sound.shape[1]
    assert samples % _BLOCK == 0, "whole blocks only"
    peaks = block_peaks(sound)
    inner = sound[:, REACH : samples - REACH]
    if not peaks.size or peaks.max() <= CEILING:
        return inner
    needed = np.minimum(1, CEILING / np.maximum(peaks, CEILING))
    held = _windows(needed, _HOLD_BLOCKS).min(axis=1)
    smooth = _windows(held, _SMOOTH_BLOCKS).mean(axis=1)
    # smooth[i] stands at the middle of block i + _HOLD_BLOCKS + _SMOOTH_BLOCKS.
    first_middle = (_HOLD_BLOCKS + _SMOOTH_BLOCKS + 0.5) * _BLOCK
    middles = first_middle + np.arange(smooth.size) * _BLOCK
    gain = np.interp(np.arange(REACH, samples - REACH), middles, smooth)
    limited: Sound = inner * gain.astype(np.float32)
    return limited


def block_peaks(sound: Sound) -> npt.NDArray[np.float32]:
    """Return the peak of each block of 5 ms: the true one where it can be above the ceiling."""
    blocks = sound.reshape(len(sound), -1, _BLOCK)
    peaks: npt.NDArray[np.float32] = np.maximum(blocks.max(axis=(0, 2)), -blocks.min(axis=(0, 2)))
    suspects = np.flatnonzero(peaks > _SUSPECT * CEILING)
    padded = np.pad(sound, ((0, 0), (_TAPS // 2, _TAPS - _TAPS // 2 - 1)))
    around = np.arange(_BLOCK + _TAPS - 1)
    for channel in padded:
        for some in np.array_split(suspects, -(-suspects.size // 256) or 1):
            windows = np.lib.stride_tricks.sliding_window_view(
                channel[some[:, None] * _BLOCK + around], _TAPS, axis=1
            )
            between = np.abs(windows @ _FILTERS).max(axis=(1, 2), initial=0)
            peaks[some] = np.maximum(peaks[some], between)
    return peaks


def blocks_down(sample: int) -> int:
    """Return the last block border at or before *sample*."""
    return sample // _BLOCK * _BLOCK


def blocks_up(sample: int) -> int:
    """Return the first block border at or after *sample*."""
    return -(-sample // _BLOCK) * _BLOCK


def _windows(values: npt.NDArray[np.floating], radius: int) -> npt.NDArray[np.floating]:
    return np.lib.stride_tricks.sliding_window_view(values, 2 * radius + 1)
