"""Judges a film by what is known of the call: names every kind of fault that it finds.

The truth is stated by the test, as scenes of the call: who is on stage when. What each person sends at a time
is known from ``sending`` and ``clips``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from callrec.recorder.compose.layout import Rect, arrange, fit
from callrec.recorder.compose.scene import Arrangement, Scene, Seat
from tests.recorder.clips import CLIP_S, FPS
from tests.recorder.compose.watching import Film, beep_starts_ms, colour_at, flash_at, level, read_code
from tests.recorder.sending import Person
from tests.recorder.synthetic import DELAY_MS

AV_OFFSET_MS = 40  # what people begin to notice
DURATION_MS = 100
EDGE_MS = 120
"""So long after a change of the scene a picture may still, or already, be the other scene's: 3 pictures."""
FRAME_OFF_MS = 80
"""A picture shows what was sent then, to two pictures: nearest frame, and clocks to half a one."""
COLOUR_OFF = 8
_LOST_PART = 0.02  # of the pictures may be those of a frame that never came
_HEARD, _UNHEARD = 0.3, 0.05  # of a person's own tone
_SOUND_WINDOW = 4800  # 100 ms
_SOUND_EDGE_MS = 300  # Opus fades, concealment fades, gains move
_CLIP_FRAMES = CLIP_S * FPS


class Look(NamedTuple):
    """One picture to be seen: *person*'s camera or screen."""

    person: Person
    screen: bool = False

    @property
    def colour(self) -> tuple[int, int]:
        return self.person.screen.colour if self.screen and self.person.screen else self.person.colour

    @property
    def name(self) -> str:
        return f"{self.person.name}'s screen" if self.screen else self.person.name

    def size_at(self, call_ms: float) -> tuple[int, int]:
        if self.screen and self.person.screen:
            return self.person.screen.size_px
        return self.person.size_at(call_ms)

    def frame_at(self, call_ms: float) -> float:
        """Return the number of the frame that was sent so that it belongs to this time."""
        begins_ms = self.person.sends("screen" if self.screen else "camera", float("inf"))[0]
        own_ms = self.person.own_ms(call_ms - DELAY_MS) - self.person.own_ms(begins_ms)
        return own_ms * FPS / 1000


class Stage(NamedTuple):
    """From … to … (ms of the call) these are seen: large in this order, and in the strip beside."""

    from_ms: float
    to_ms: float
    stage: tuple[Look, ...]
    strip: tuple[Look, ...] = ()
    arrangement: Arrangement = "grid"

    def places(self, size_px: tuple[int, int]) -> list[tuple[Look, Rect]]:
        """Return the tile of everybody."""

        def seats(looks: tuple[Look, ...]) -> tuple[Seat, ...]:
            return tuple(Seat(look.person.key, look.person.name) for look in looks)

        scene = Scene(self.arrangement, seats(self.stage), seats(self.strip))
        tiles = arrange(scene, *size_px)
        return list(zip(self.stage + self.strip, tiles.stage + tiles.strip, strict=True))


def grid(from_ms: float, to_ms: float, *people: Person) -> Stage:
    """Return a scene of equal tiles."""
    return Stage(from_ms, to_ms, tuple(map(Look, people)))


@dataclass(frozen=True)
class Truth:
    """What a film of the call from ``started_ms`` to ``stop_ms`` must be."""

    started_ms: int
    stop_ms: int
    stages: Sequence[Stage]
    people: Sequence[Person]


def judge(film: Film, truth: Truth) -> list[str]:
    """Return all faults. Each begins with its kind: duration, pictures, place, time, sync, silent, heard."""
    faults = _duration(film, truth)
    seen: dict[Look, list[tuple[int, Rect]]] = {}
    for number, film_ms in enumerate(film.times_ms):
        call_ms = film_ms + truth.started_ms
        for stage in truth.stages:
            if stage.from_ms + EDGE_MS <= call_ms < stage.to_ms - EDGE_MS:
                for look, tile in stage.places(film.size_px):
                    seen.setdefault(look, []).append((number, fit(*look.size_at(call_ms), tile)))
    for look, shown in seen.items():
        faults += _looks(film, truth, look, shown)
        if not look.screen:
            faults += _sync(film, truth, look, shown)
    for person in truth.people:
        faults += _sound(film, truth, person)
    return faults


def _duration(film: Film, truth: Truth) -> list[str]:
    wanted = truth.stop_ms - truth.started_ms
    steps = np.diff(film.times_ms)
    step = 1000 / FPS
    lengths = {"pictures": len(film.times_ms) * step, "sound": len(film.sound) / 48}
    faults = [
        f"duration: {wanted - length:.0f} ms of the {what} are missing"
        for what, length in lengths.items()
        if abs(wanted - length) > DURATION_MS
    ]
    if len(steps) and (steps.max() > step + 1 or steps.min() < step - 1):
        faults.append(f"pictures: they are {steps.min():.0f} to {steps.max():.0f} ms apart")
    return faults


def _looks(film: Film, truth: Truth, look: Look, shown: Sequence[tuple[int, Rect]]) -> list[str]:
    misplaced, off = [], []
    for number, place in shown:
        call_ms = film.times_ms[number] + truth.started_ms
        colour = colour_at(film, number, place)
        if max(abs(is_ - wanted) for is_, wanted in zip(colour, look.colour, strict=True)) > COLOUR_OFF:
            misplaced.append(call_ms)
            continue
        frames = read_code(film, number, place) - look.frame_at(call_ms)
        frames -= round(frames / _CLIP_FRAMES) * _CLIP_FRAMES
        if abs(frames) * 1000 / FPS > FRAME_OFF_MS:
            off.append((call_ms, frames * 1000 / FPS))
    faults = []
    if misplaced:
        text = f"{look.name} is not in the tile from {misplaced[0]:.0f} ms on ({len(misplaced)} pictures)"
        faults.append(f"place: {text}")
    if len(off) > _LOST_PART * len(shown):
        text = f"{look.name} is off by {off[0][1]:.0f} ms at {off[0][0]:.0f} ms ({len(off)} pictures)"
        faults.append(f"time: {text}")
    return faults


def _sync(film: Film, truth: Truth, look: Look, shown: Sequence[tuple[int, Rect]]) -> list[str]:
    """Each flash is seen when its beep is heard, at the start, in the middle, and at the end."""
    beeps = np.array(beep_starts_ms(film, look.person.beep_hz))
    offsets: list[tuple[float, float]] = []
    muted_ms, unmuted_ms = look.person.mutes_ms
    before = (-1, True)
    for number, place in shown:
        bright = flash_at(film, number, place)
        at_ms = film.times_ms[number]
        muted = muted_ms - _SOUND_EDGE_MS <= at_ms + truth.started_ms < unmuted_ms + _SOUND_EDGE_MS
        if bright and before == (number - 1, False) and not (muted_ms < unmuted_ms and muted):
            offsets.append((at_ms, np.abs(beeps - at_ms).min(initial=np.inf)))
        before = number, bright
    if not offsets:
        return [f"sync: {look.name} never flashes"]
    faults = []
    third = (offsets[-1][0] - offsets[0][0]) / 3 + 1
    for index, part in enumerate(("start", "middle", "end")):
        begin = offsets[0][0] + index * third
        within = [offset for at_ms, offset in offsets if begin <= at_ms < begin + third]
        # Of few the last but one: a beep whose first packet was lost begins with the next one.
        if within and np.quantile(within, 0.95, method="lower") > AV_OFFSET_MS:
            faults.append(f"sync: {look.name} is off by {np.median(within):.0f} ms at the {part}")
    return faults


def _sound(film: Film, truth: Truth, person: Person) -> list[str]:
    heard = level(film.sound, person.tone_hz, _SOUND_WINDOW)
    begin_ms, end_ms = person.sends("microphone", truth.stop_ms)
    spans = [(begin_ms, end_ms)]
    if person.mutes_ms[1] > person.mutes_ms[0]:
        spans = [(begin_ms, person.mutes_ms[0]), (person.mutes_ms[1], end_ms)]
    times = np.arange(len(heard)) * _SOUND_WINDOW / 48 + truth.started_ms
    length = _SOUND_WINDOW / 48
    inside = np.zeros(len(heard), bool)
    outside = np.ones(len(heard), bool)
    for from_ms, to_ms in spans:
        inside |= (times >= from_ms + _SOUND_EDGE_MS) & (times + length <= to_ms - _SOUND_EDGE_MS)
        outside &= (times + length <= from_ms - DELAY_MS) | (times >= to_ms + _SOUND_EDGE_MS)
    usual = float(np.median(heard[inside])) if inside.any() else 0.0
    faults = []
    silent = inside & (heard < max(_HEARD * usual, 1e-3))
    silent[1:-1] &= silent[:-2] | silent[2:]  # a packet that was lost may be heard as a dip
    if silent.any():
        text = f"{person.name} is not heard at {times[silent][0]:.0f} ms"
        faults.append(f"silent: {text} ({silent.sum() * length:.0f} ms)")
    loud = outside & (heard > _UNHEARD * usual)
    if loud.any():
        text = f"{person.name} is heard at {times[loud][0]:.0f} ms"
        faults.append(f"heard: {text} ({loud.sum() * length:.0f} ms)")
    return faults
