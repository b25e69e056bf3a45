"""Keeps a mix below full scale by turning it down around loud moments, smoothly and without distortion.

The gain at a moment depends on 100 ms on both sides of it and on nothing else, so pieces of a film that are
mixed apart fit together.
"""

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
"""2 x n samples, full scale is 1."""

_CEILING = 0.8  # AAC at 128 kbit/s overshoots by up to 20 % where sound sets in
_BLOCK = 240  # 5 ms
_HOLD_BLOCKS = 10
_SMOOTH_BLOCKS = _HOLD_BLOCKS - 1  # less than held: the gain is down before the peak comes
REACH = (_HOLD_BLOCKS + _SMOOTH_BLOCKS + 1) * _BLOCK
"""Samples on each side that the gain depends on; a multiple of the block."""


def limit(sound: Sound) -> Sound:
    """Return *sound* without its first and last ``REACH`` samples, limited.

    Its length must be a whole number of blocks, and its beginning lie on the same grid for all pieces.
    """
    samples = sound.shape[1]
    assert samples % _BLOCK == 0, "whole blocks only"
    peaks = np.abs(sound).reshape(2, -1, _BLOCK).max(axis=(0, 2))
    inner = sound[:, REACH : samples - REACH]
    if not peaks.size or peaks.max() <= _CEILING:
        return inner
    needed = np.minimum(1, _CEILING / np.maximum(peaks, _CEILING))
    held = _windows(needed, _HOLD_BLOCKS).min(axis=1)
    smooth = _windows(held, _SMOOTH_BLOCKS).mean(axis=1)
    # smooth[i] stands at the middle of block i + _HOLD_BLOCKS + _SMOOTH_BLOCKS.
    first_middle = (_HOLD_BLOCKS + _SMOOTH_BLOCKS + 0.5) * _BLOCK
    middles = first_middle + np.arange(smooth.size) * _BLOCK
    gain = np.interp(np.arange(REACH, samples - REACH), middles, smooth)
    limited: Sound = np.clip(inner * gain.astype(np.float32), -1, 1)
    return limited


def blocks_down(sample: int) -> int:
    """Return the last block border at or before *sample*."""
    return sample // _BLOCK * _BLOCK


def blocks_up(sample: int) -> int:
    """Return the first block border at or after *sample*."""
    return -(-sample // _BLOCK) * _BLOCK


def _windows(values: npt.NDArray[np.floating], radius: int) -> npt.NDArray[np.floating]:
    return np.lib.stride_tricks.sliding_window_view(values, 2 * radius + 1)
