"""Compares a film with what was sent, outside of the holes that kills may make."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from callrec.recorder.folder.manifest import Manifest
from tests.chaos.kills import Kill
from tests.chaos.person import Connection
from tests.e2e.film import SAMPLE_RATE_HZ, Film, chroma, watch
from tests.recorder.publisher import AUDIO_PACKETS_PER_S

DURATION_TOLERANCE_S = 0.1
LOST_BEFORE_KILL_S = 0.3
"""ARCHITECTURE.md, When something dies: 100 ms, and a busy machine is late; and half a window."""
SETTLED_S = 0.7
"""From the first packet of a new connection until it is seen and heard: the way, jitter, a window."""
STOP_LATE_S = 1.0
"""From the press to the moment at which the film ends, when nobody was killed."""
WINDOW_S = 0.2
COLOUR_TOLERANCE = 10
"""Of U and V: one hue is at least 30 from the next; encoders and scaling take 3."""
MIN_MOVED = 0.4
"""Of the pictures of a second that were sent: at 25 a second every one moves, what comes late is dropped."""
MIN_SENT = 0.6
"""Of a window's packets: those that the machine kept the sender from come later, and a kill may hit them."""
TONE_SHARE = 0.3
"""Of a window's energy that lies at the tone: mostly 0.9, in silence or noise next to nothing."""
TONE_WIDTH_HZ = 20
"""A window resolves 5 Hz; slowed sound is lower by 0.4 %; other tones are 110 Hz away."""
SILENCE = 1e-6
"""Mean square; the tone has 0.001 and more."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What was pressed when (wall time), and what was sent."""

    pressed_s: float
    """Start was pressed."""
    shown_s: float
    """The room showed that it is recorded."""
    stop_s: float
    """Stop was pressed."""
    over_s: float
    """The room showed the end."""
    connections: Sequence[Connection]
    hue: int
    tone_hz: int

    def away_s(self, kill: Kill) -> float | None:
        """Return how long after *kill* sound and pictures flowed in a connection made after it."""
        back_s = self._back_s(kill.at_s)
        return None if back_s is None or back_s > self.over_s else back_s - kill.at_s

    def _back_s(self, kill_s: float) -> float | None:
        # One that was offered before goes to the dead one, even if it begins to flow only now.
        after = [c.flowing_s for c in self.connections if c.offered_s > kill_s and c.flowing_s is not None]
        return min(after, default=None)

    def holes(self, kills: Sequence[Kill], sessions_over_s: Sequence[float]) -> list[tuple[float, float]]:
        """Return between which wall times something may be missing.

        The media connections outlive a server that dies, until its successor knows the recorder's session no
        more (*sessions_over_s*).
        """
        begin_s = [k.at_s - LOST_BEFORE_KILL_S for k in kills if k.victim in ("recorder", "capture")]
        holes = []
        for at_s in [*begin_s, *(over_s - LOST_BEFORE_KILL_S for over_s in sessions_over_s)]:
            back_s = self._back_s(at_s + LOST_BEFORE_KILL_S)
            holes.append((at_s, self.over_s if back_s is None else back_s + SETTLED_S))
        return holes


@dataclass
class Verdict:
    """What does not hold, and what is worth telling."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(
    path: Path,
    manifest: Manifest,
    evidence: Evidence,
    kills: Sequence[Kill],
    sessions_over_s: Sequence[float],
) -> Verdict:
    """Compare the film at *path* with what was sent and pressed."""
    assert manifest.started_ms is not None and manifest.stop_ms is not None, "it was delivered"
    verdict = Verdict()
    film = watch(path, people=1)
    begins_s = manifest.anchor.wall_s + manifest.started_ms / 1000
    ends_s = manifest.anchor.wall_s + manifest.stop_ms / 1000
    holes = evidence.holes(kills, sessions_over_s)
    length_s = ends_s - begins_s
    verdict.notes.append(f"film of {length_s:.1f} s from {begins_s:.2f}, holes {_shown(holes, begins_s)}")
    for what, measured_s in (("pictures", film.picture_s), ("sound", film.sound_s)):
        if abs(measured_s - length_s) > DURATION_TOLERANCE_S:
            verdict.problems.append(f"{measured_s:.2f} s of {what}, of a recording of {length_s:.2f} s")
    if not evidence.pressed_s <= begins_s <= evidence.shown_s + DURATION_TOLERANCE_S:
        verdict.problems.append(f"it begins {begins_s - evidence.pressed_s:.2f} s after start was pressed")
    earliest_s = min(
        [evidence.stop_s, *(a for a, b in holes if a < evidence.stop_s < b)]  # dead when it was pressed
    )
    latest_s = max([evidence.stop_s + STOP_LATE_S, *(evidence.over_s for k in kills if _about(k, evidence))])
    if not earliest_s - DURATION_TOLERANCE_S <= ends_s <= latest_s:
        verdict.problems.append(f"it ends {ends_s - evidence.stop_s:.2f} s after stop was pressed")
    _judge_content(film, begins_s, evidence, holes, verdict)
    return verdict


def _about(kill: Kill, evidence: Evidence) -> bool:
    """Tell whether *kill* may have delayed the stop."""
    return evidence.stop_s - 15 < kill.at_s < evidence.over_s


def _judge_content(
    film: Film, begins_s: float, evidence: Evidence, holes: list[tuple[float, float]], verdict: Verdict
) -> None:
    first = next((c.flowing_s for c in evidence.connections if c.flowing_s is not None), None)
    if first is None:
        verdict.notes.append("nothing was ever sent: there was no recorder and server for long enough")
        return
    # What came before somebody flowed at all is no hole of a kill.
    holes = [(begins_s, first + SETTLED_S), *holes]
    pictures = np.sort(np.concatenate([c.pictures_s for c in evidence.connections])) - begins_s
    end_s = min(film.picture_s, film.sound_s, evidence.stop_s - begins_s) - WINDOW_S
    wanted = chroma((evidence.hue, 120, 255 - evidence.hue))
    tile, judged, heard = film.tiles[0], 0, 0
    for begin_s in np.arange(0, end_s - 1, WINDOW_S):
        if any(a - begins_s < begin_s + 1 and begin_s < b - begins_s for a, b in holes):
            continue
        judged += 1
        numbers = slice(int(begin_s * 25), int((begin_s + 1) * 25))
        off = np.abs(tile.colour[numbers, 1:] - wanted).max()
        if off > COLOUR_TOLERANCE:
            verdict.problems.append(f"{begin_s:.1f} s: the colour is off by {off:.0f}")
        sent = int(((pictures >= begin_s) & (pictures < begin_s + 1)).sum())
        moved = int(tile.moved[numbers].sum())
        if moved < MIN_MOVED * min(sent, 25):
            verdict.problems.append(f"{begin_s:.1f} s: {moved} pictures move of {sent} that were sent")
    sounds = np.sort(np.concatenate([c.sounds_s for c in evidence.connections])) - begins_s
    for begin_s in np.arange(0, end_s, WINDOW_S):
        if any(a - begins_s < begin_s + WINDOW_S and begin_s < b - begins_s for a, b in holes):
            continue
        sent = int(((sounds >= begin_s) & (sounds < begin_s + WINDOW_S)).sum())
        if sent < MIN_SENT * AUDIO_PACKETS_PER_S * WINDOW_S:
            continue
        heard += 1
        share = tone_share(film.sound, begin_s, evidence.tone_hz)
        if share < TONE_SHARE:
            verdict.problems.append(f"{begin_s:.1f} s: the tone has {share:.2f} of the sound")
    windows = f"{judged} of {max(0, int((end_s - 1) / WINDOW_S))} windows seen"
    verdict.notes.append(f"{windows}, {heard} of {max(0, int(end_s / WINDOW_S))} heard")


def tone_share(sound: Floats, begin_s: float, tone_hz: int) -> float:
    """Return the share of the energy of a window that lies at a tone, or next to it.

    Where packets have come late the film plays a little slower for a while.
    """
    samples = sound[int(begin_s * SAMPLE_RATE_HZ) :][: int(WINDOW_S * SAMPLE_RATE_HZ)]
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    loud = float((samples**2).mean()) > SILENCE
    return float(power[np.abs(frequencies - tone_hz) < TONE_WIDTH_HZ].sum() / power.sum()) if loud else 0.0


def _shown(holes: list[tuple[float, float]], begins_s: float) -> str:
    return ", ".join(f"{a - begins_s:.1f}–{b - begins_s:.1f}" for a, b in holes) or "none"
