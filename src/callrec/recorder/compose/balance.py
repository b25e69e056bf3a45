"""The gain of every track at every moment: quiet and loud people are as loud as each other.

Gains are lines between the borders of the hops of 100 ms of the recording's time line, so they have no joints
where chunks have. The gain at a border depends on the levels up to 300 ms later, and on all before.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from callrec.recorder.compose.kweighting import loudness_lufs
from callrec.recorder.compose.levels import HOP_MS, Piece
from callrec.recorder.compose.loudness import PROGRAMME_LUFS, SCREEN, VOICE, Loudness
from callrec.recorder.compose.placement import SAMPLES_PER_MS

_HOP_SAMPLES = HOP_MS * SAMPLES_PER_MS
_AHEAD_HOPS = 3
# Several people at once are louder than one. Over 3 s, so that one person's words stay as they are.
_TOGETHER_HOPS = 30
_TOGETHER_LUFS = PROGRAMME_LUFS + 1
_TOGETHER_DOWN_DB, _TOGETHER_UP_DB = 0.6, 0.2

Floats = npt.NDArray[np.float32]


class Balance:
    """Takes the pieces of the recording in their order, and says the gains of the last two of them."""

    def __init__(self) -> None:
        self._sources: dict[str, Loudness] = {}
        self._owners: dict[int, str] = {}
        self._first: list[int] = []  # the border at which each of the last two pieces begins
        self._curves: list[dict[int, Floats]] = []  # of each: by track, the factor at each border
        self._last_db: dict[int, float] = {}  # of the tracks in the newest piece
        self._together_db = 0.0
        self._together = np.zeros(_TOGETHER_HOPS)

    def follow(self, piece: Piece, owners: Mapping[int, str]) -> None:
        """Take the next *piece*; *owners*: the participant of each track, as known by its end."""
        known = {number: track for number, track in piece.tracks.items() if number in owners}
        keys = {number: self._key(number, owners, voice=track.voice) for number, track in known.items()}
        tracks = {number: track.energy().tolist() for number, track in known.items()}
        for key in self._sources.keys() - keys.values():
            self._sources[key].pause()
        for number, track in known.items():
            if keys[number] not in self._sources:
                self._sources[keys[number]] = Loudness(VOICE if track.voice else SCREEN)
        gains_db = {n: self._last_db.get(n, self._sources[key].wanted_db) for n, key in keys.items()}
        curves = {number: np.zeros(piece.hops, np.float32) for number in tracks}
        for hop in range(piece.hops):
            heard = dict.fromkeys(keys.values(), 0.0)
            for number, energies in tracks.items():
                heard[keys[number]] = max(heard[keys[number]], energies[hop])
            for key, energy in heard.items():
                self._sources[key].add(energy)
            programme = 0.0
            for number, key in keys.items():
                gains_db[number] = _towards(gains_db[number], self._sources[key])
                programme += tracks[number][hop] * 10 ** (gains_db[number] / 10)
            together_db = self._turn_down(programme)
            for number, curve in curves.items():
                curve[hop] = 10 ** ((gains_db[number] + together_db) / 20)
        self._last_db = gains_db
        # With a hop added, the border before the last three ones is settled.
        self._first = [*self._first[-1:], piece.first_hop + 1 - _AHEAD_HOPS]
        self._curves = [*self._curves[-1:], curves]

    def gains(self, number: int, start: int, samples: int) -> Floats:
        """Return the factor of track *number* for *samples* samples of the time line from *start* on."""
        first, last = start // _HOP_SAMPLES, -(-(start + samples) // _HOP_SAMPLES)
        borders, factors = self._curve(number)
        at = np.interp(np.arange(first, last + 1), borders, factors).astype(np.float32)
        ramp = np.arange(_HOP_SAMPLES, dtype=np.float32) / _HOP_SAMPLES
        lines = at[:-1, None] + (at[1:] - at[:-1])[:, None] * ramp
        return np.asarray(lines, np.float32).reshape(-1)[start - first * _HOP_SAMPLES :][:samples]

    def _curve(self, number: int) -> tuple[list[int], Floats]:
        borders: list[int] = []
        factors: list[Floats] = []
        for first, curves in zip(self._first, self._curves, strict=True):
            if number in curves:
                borders.extend(range(first, first + len(curves[number])))
                factors.append(curves[number])
        return (borders, np.concatenate(factors)) if factors else ([0], np.ones(1, np.float32))

    def _key(self, number: int, owners: Mapping[int, str], *, voice: bool) -> str:
        """Return whose loudness counts for a track. A person who gets a name stays the same person."""
        key = owners[number] if voice else f"screen of {owners[number]}"
        before = self._owners.get(number)
        if before is not None and before != key and before in self._sources and key not in self._sources:
            self._sources[key] = self._sources.pop(before)
        self._owners[number] = key
        return key

    def _turn_down(self, programme: float) -> float:
        """Take the energy of the next hop as it would be, and return the gain for all of it in dB."""
        self._together = np.roll(self._together, -1)
        self._together[-1] = programme
        wanted_db = min(0.0, _TOGETHER_LUFS - loudness_lufs(float(self._together.mean())))
        step_db = wanted_db - self._together_db
        self._together_db += max(-_TOGETHER_DOWN_DB, min(_TOGETHER_UP_DB, step_db))
        return self._together_db


def _towards(gain_db: float, source: Loudness) -> float:
    step_db = source.wanted_db - gain_db
    return gain_db + max(-source.rule.down_db, min(source.rule.up_db, step_db))
