"""Who speaks when, measured from how loud each microphone is. Pure.

Levels are dBFS (RMS), one for each 20 ms of the recording's time line. A moment is judged by what was before
it and by the half second after it: so speech is known from its first word on, and a click or a cough is none.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from callrec.recorder.compose.levels import BEHIND_MS, CELL_MS, HOP_MS, SILENCE_DB

Floats = npt.NDArray[np.float32]

AHEAD_MS = 460
"""A moment's judgement uses levels up to so much later. They are known ``BEHIND_MS`` beyond what is composed;
the log that they are told from goes ``LOOKAHEAD_MS`` beyond."""

_AHEAD = AHEAD_MS // CELL_MS
# The floor is what the quietest tenth of the last 4 s is below: pauses between words are more than that, and
# lost packets less. A noise that begins is taken for speech until the window is full of it.
_BLOCK = _AHEAD  # the floor's step: within the look-ahead, so that a whole block is known at its first level
_WINDOW = 8 * _BLOCK
_QUIETEST = _WINDOW // 10
_FLOOR_DB = (-70.0, -25.0)
# Speech is so much above the floor, and to go on it may be so much quieter; never below the absolute bounds,
# which what a noise suppressor leaves over does not reach.
_BEGIN_OVER_DB, _GO_ON_OVER_DB = 10.0, 6.0
_BEGIN_DB, _GO_ON_DB = -50.0, -56.0
# Of the half second from its first loud level on so much is loud: most coughs are shorter.
_LOUD = 300 // CELL_MS
# It ends so long after the last level that could belong to it, unless more comes within the look-ahead:
# pauses up to 660 ms are part of it.
_RELEASE = 200 // CELL_MS
# Quieter is no sound at all: a muted client sends zeros.
_SOUND_DB = -100.0
_ENDLESS = float("inf")

assert AHEAD_MS + 2 * CELL_MS <= BEHIND_MS - HOP_MS, "levels are known in whole hops"


class Speech:
    """Follows all participants; levels are given once, in order, and not kept."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._known = 0

    @property
    def known_ms(self) -> int:
        """Levels are known up to here: the next ones begin so."""
        return self._known * CELL_MS

    @property
    def judged_ms(self) -> int:
        """Everything before this is judged."""
        return max(0, self._known - _AHEAD) * CELL_MS

    def advance(self, levels_db: Mapping[str, Floats], until_ms: float) -> None:
        """Take everyone's levels from ``known_ms`` until *until_ms*; who is missing is silent."""
        count = int(until_ms // CELL_MS) - self._known
        if count <= 0:
            return
        for participant in levels_db:
            if participant not in self._voices:
                self._voices[participant] = _Voice(self._known)
        silence = np.full(count, SILENCE_DB, np.float32)
        for participant, voice in self._voices.items():
            given = levels_db.get(participant, silence)[:count]
            voice.advance(given if len(given) == count else np.concatenate([given, silence[len(given) :]]))
        self._known += count

    def speaking(self, participant: str, ms: float) -> bool | None:
        """Tell whether somebody speaks at *ms*, before ``judged_ms``; None before his first sound."""
        voice = self._voices.get(participant)
        if voice is None or ms < voice.heard_ms:
            return None
        return voice.speaking(ms)

    def spells(self, participant: str) -> list[tuple[float, float]]:
        """Return from when to when somebody spoke, in ms; the end is infinite while it is not known."""
        voice = self._voices.get(participant)
        return list(zip(voice.starts_ms, voice.ends_ms, strict=True)) if voice else []

    def changes(self, after_ms: float, until_ms: float) -> Iterator[float]:
        """Yield, in no order, when somebody begins or ends, after *after_ms* and until *until_ms*."""
        for voice in self._voices.values():
            for times in ([voice.heard_ms], voice.starts_ms, voice.ends_ms):
                yield from times[bisect_right(times, after_ms) : bisect_right(times, until_ms)]


class _Voice:
    """One participant. Cells are counted from the recording's zero."""

    def __init__(self, first: int) -> None:
        self.starts_ms: list[float] = []
        self.ends_ms: list[float] = []
        self.heard_ms = _ENDLESS
        """From then on measured speech rules: just before the first sound."""
        self._judged = max(0, first - _AHEAD)
        # What the next judgement needs: the floor's window, and what is not judged yet. Silence before all.
        self._first = self._judged // _BLOCK * _BLOCK + _BLOCK - _WINDOW
        self._levels = np.full(first - self._first, SILENCE_DB, np.float32)
        self._last_voice: int | None = None
        """The newest cell of the speech that goes on; None while there is none."""

    def speaking(self, ms: float) -> bool:
        index = bisect_right(self.starts_ms, ms) - 1
        return index >= 0 and ms < self.ends_ms[index]

    def advance(self, levels: Floats) -> None:
        self._levels = np.concatenate([self._levels, levels])
        if self.heard_ms == _ENDLESS and (levels > _SOUND_DB).any():
            begin = self._first + len(self._levels) - len(levels) + int((levels > _SOUND_DB).argmax())
            self.heard_ms = max(0, begin - _AHEAD) * CELL_MS
        end = self._first + len(self._levels) - _AHEAD
        # Nothing loud, nothing to end: most microphones most of the time.
        if self._last_voice is None and self._levels[max(0, self._judged - self._first) :].max() <= _BEGIN_DB:
            self._judged = max(self._judged, end)
        while self._judged < end:
            block = self._judged // _BLOCK
            to = min(end, (block + 1) * _BLOCK)
            self._judge(to, self._floor(block))
            self._judged = to
        keep_from = self._judged // _BLOCK * _BLOCK + _BLOCK - _WINDOW
        self._levels = self._levels[max(0, keep_from - self._first) :]
        self._first = max(self._first, keep_from)

    def _floor(self, block: int) -> float:
        end = (block + 1) * _BLOCK - self._first
        window = self._levels[end - _WINDOW : end]
        return float(np.clip(np.partition(window, _QUIETEST)[_QUIETEST], *_FLOOR_DB))

    def _judge(self, to: int, floor_db: float) -> None:
        """Judge the cells up to *to*, all of one block."""
        begin = self._judged
        levels = self._levels[begin - 1 - self._first : to + _AHEAD - self._first]
        loud = levels[1:] > max(_BEGIN_DB, floor_db + _BEGIN_OVER_DB)
        voice = levels > max(_GO_ON_DB, floor_db + _GO_ON_OVER_DB)
        voice = voice[1:] & voice[:-1]  # a single cell is a click
        if self._last_voice is None and not loud.any():
            return
        sums = np.concatenate([[0], np.cumsum(loud)])
        begins = loud[: to - begin] & (sums[_AHEAD : _AHEAD + to - begin] - sums[: to - begin] >= _LOUD)
        for offset in range(to - begin):
            cell = begin + offset
            if self._last_voice is None:
                if begins[offset]:
                    self.starts_ms.append(cell * CELL_MS)
                    self.ends_ms.append(_ENDLESS)
                    self._last_voice = cell + _LOUD
            elif voice[offset]:
                self._last_voice = max(self._last_voice, cell)
            elif cell - self._last_voice > _RELEASE and not voice[offset : offset + _AHEAD].any():
                self.ends_ms[-1] = cell * CELL_MS
                self._last_voice = None
