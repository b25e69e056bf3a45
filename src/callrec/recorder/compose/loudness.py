"""How much louder or quieter one source of sound is wanted: by its loudness while it is in use.

Loudness is gated as in ITU-R BS.1770-4 (Annex 1: blocks of 400 ms, four a block; an absolute gate; a relative
one 10 LU below what passes that), over a sliding window of what was heard, not of time: a pause changes
nothing. Beyond the standard, a block must stand out of the quietest of the last seconds: noise does not.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from callrec.recorder.compose.kweighting import loudness_lufs

PROGRAMME_LUFS = -16.0
"""What a film is to have (a common target for speech on the web)."""

_BLOCK_HOPS = 4
_RELATIVE_GATE_LU = -10.0
# Syllables dip by more than this between two hops of 100 ms; the noise of a room by 2 LU at most.
_STANDS_OUT_LU = 6.0
_FLOOR_HOPS = 10
_FLOOR_S = 10
# Where a quiet voice would bring its room along, it stays quieter.
_NOISE_LUFS = -38.0


@dataclass(frozen=True)
class Rule:
    """How one kind of source is balanced. A second is 10 hops."""

    target_lufs: float
    least_db: float
    most_db: float
    gate_lufs: float
    """Blocks below count as nothing."""
    window_hops: int
    """How much of what was heard is remembered."""
    sure_hops: int
    """How much must have been heard before the whole of the difference is made up for."""
    up_db: float
    """At most so much louder from hop to hop …"""
    down_db: float
    """… and so much quieter."""
    stands_out: bool
    """Count only what stands out of the noise, and do not raise the noise."""


VOICE = Rule(PROGRAMME_LUFS, -15.0, 24.0, -57.0, 300, 30, 0.6, 1.0, stands_out=True)
# A film or music has its own dynamics; it stays a little below who talks over it.
SCREEN = Rule(PROGRAMME_LUFS - 3, -15.0, 6.0, -60.0, 600, 100, 0.1, 0.3, stands_out=False)


class Loudness:
    """Follows one source, hop by hop of 100 ms."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.wanted_db = 0.0
        """The gain that the source is to have by what was heard until now."""
        self._hops: deque[float] = deque(maxlen=_BLOCK_HOPS)
        self._floors: deque[float] = deque(maxlen=_FLOOR_S)
        self._since_floor = _FLOOR_HOPS
        self._counted = np.zeros(rule.window_hops)
        self._count = 0

    def add(self, energy: float) -> None:
        """Take the K-weighted mean square of the next hop, summed over the channels; 0 is no sound at all."""
        # A hop in which sound sets in says little about the floor.
        if energy > 0 and self._hops and self._hops[-1] > 0:
            self._lower_floor(energy)
        self._hops.append(energy)
        if len(self._hops) < _BLOCK_HOPS:
            return
        block = sum(self._hops) / _BLOCK_HOPS
        if energy > 0 and self._counts(loudness_lufs(block)):
            self._counted[self._count % self.rule.window_hops] = block
            self._count += 1
            self.wanted_db = self._wanted_db()

    def pause(self) -> None:
        """Nothing is heard for a while."""
        self._hops.clear()

    def _lower_floor(self, energy: float) -> None:
        if self._since_floor == _FLOOR_HOPS:
            self._floors.append(energy)
            self._since_floor = 0
        self._floors[-1] = min(self._floors[-1], energy)
        self._since_floor += 1

    def _counts(self, block_lufs: float) -> bool:
        if block_lufs < self.rule.gate_lufs:
            return False
        if not self.rule.stands_out or block_lufs > self.rule.target_lufs:
            return True
        return bool(self._floors) and block_lufs >= loudness_lufs(min(self._floors)) + _STANDS_OUT_LU

    def _wanted_db(self) -> float:
        counted = self._counted[: self._count]
        gate = counted.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
        measured = loudness_lufs(float(counted[counted >= gate].mean()))
        sure = min(1.0, self._count / self.rule.sure_hops)
        wanted = sure * (self.rule.target_lufs - measured)
        most = self.rule.most_db
        if self.rule.stands_out and self._floors:
            most = min(most, max(0.0, _NOISE_LUFS - loudness_lufs(min(self._floors))))
        return max(self.rule.least_db, min(most, wanted))
