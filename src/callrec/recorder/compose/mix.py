"""Sums what is heard of all tracks, each with its gain, and keeps the sum below full scale."""

from collections.abc import Mapping

import numpy as np

from callrec.recorder.compose.balance import Balance
from callrec.recorder.compose.levels import Source
from callrec.recorder.compose.limiter import REACH, Sound, blocks_down, blocks_up, limit


def mix(sources: Mapping[int, Source], balance: Balance, start: int, end: int) -> Sound:
    """Return the sum of *sources* between two samples of the recording's time line, limited, in stereo.

    A voice is in the middle; what a screen plays keeps its sides.
    """
    first, last = blocks_down(start) - REACH, blocks_up(end) + REACH
    channels = 1 if all(source.voice for source in sources.values()) else 2
    total = np.zeros((channels, last - first), np.float32)
    for number, source in sources.items():
        if not source.runs:
            continue
        gains = balance.gains(number, first, last - first) * np.float32(1 / 32768)
        for run in source.runs:
            begin, stop = max(run.start, first), min(run.end, last)
            if begin < stop:
                part = run.samples[:, begin - run.start : stop - run.start]
                total[:, begin - first : stop - first] += part * gains[begin - first : stop - first]
    skipped = start - (first + REACH)
    limited = limit(total)[:, skipped : skipped + end - start]
    return np.broadcast_to(limited, (2, limited.shape[1]))
