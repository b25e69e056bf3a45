"""Decides the scene of each moment from who is there, who speaks, and which layout was asked for. Pure.

Decisions are taken only where something changes, one after the other from the recording's beginning on; each
depends on what was before it and, as far as roster and speech do, on the look-ahead. So the scene of a moment
is the same however far the director is let go on at once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from callrec.recorder.compose.activity import NEVER, Activity
from callrec.recorder.compose.dominant import Dominant
from callrec.recorder.compose.page import Page
from callrec.recorder.compose.presence import Roster
from callrec.recorder.compose.scene import EMPTY, Arrangement, LayoutChoice, Scene, Seat
from callrec.recorder.compose.speech import Speech

GRID_TILES = 16
STRIP_TILES = 6
"""Beside the stage; smaller ones would not be recognised."""
_OLDER_SCREENS = 2
"""So many shared screens beside the newest one have a tile in the strip."""


class Director:
    """Says what is shown when, up to where it has gone on to; what lies further back is forgotten."""

    def __init__(
        self, roster: Roster, speech: Speech, layout: LayoutChoice, *, grid_tiles: int = GRID_TILES
    ) -> None:
        self._roster = roster
        self._speech = speech
        self._layout = layout
        self._grid_tiles = grid_tiles
        self._activity = Activity(speech)
        self._dominant = Dominant()
        # Kept apart, so that a screen or a speaker who comes and goes leaves the grid as it was.
        self._grid, self._strip, self._speakers = Page(), Page(), Page()
        self._done_ms = NEVER
        self._wakes_ms: list[float] = []
        self._times_ms: list[float] = [NEVER]
        self._scenes: list[Scene] = [EMPTY]

    def advance(self, until_ms: float) -> None:
        """Decide up to *until_ms*: roster and speech know everything up to there."""
        after_ms = self._done_ms
        keep = bisect_right(self._times_ms, after_ms) - 1
        del self._times_ms[:keep], self._scenes[:keep]
        moments = [*self._roster.changes(after_ms, until_ms), *self._speech.changes(after_ms, until_ms)]
        moments += self._wakes_ms
        heapify(moments)
        decided_ms = after_ms
        while moments and moments[0] <= until_ms:
            ms = heappop(moments)
            if ms > decided_ms:
                decided_ms = ms
                for wake_ms in self._decide(ms):
                    heappush(moments, wake_ms)
        self._wakes_ms = moments
        self._done_ms = max(after_ms, until_ms)

    def at(self, ms: float) -> Scene:
        """Return the scene at *ms* of the recording's time line, between the last two ``advance``."""
        return self._scenes[bisect_right(self._times_ms, ms) - 1]

    def _decide(self, ms: float) -> list[float]:
        """Take the decision of *ms*; return when to decide again even if nothing changes."""
        seats, screens = self._roster.at(ms), self._roster.screens(ms)
        wakes = self._activity.update(seats, ms)
        seats = tuple(map(self._marked, seats))
        arrangement = self._arrangement(screens)
        if self._layout in ("speaker", "screen"):
            wake_ms = self._dominant.update(seats, self._activity, ms)
            if wake_ms is not None:
                wakes.append(wake_ms)
        stage, strip = self._seated(arrangement, seats, screens)
        scene = self._scene(arrangement, stage, strip, seats)
        if scene != self._scenes[-1]:
            self._times_ms.append(ms)
            self._scenes.append(scene)
        return wakes

    def _arrangement(self, screens: Sequence[Seat]) -> Arrangement:
        if self._layout in ("auto", "screen") and screens:
            return "screen"
        return "speaker" if self._layout in ("speaker", "screen") else "grid"

    def _seated(
        self, arrangement: Arrangement, seats: Sequence[Seat], screens: Sequence[Seat]
    ) -> tuple[list[Seat], list[Seat]]:
        """Return stage and strip. Every page goes on, also where it is not shown."""
        rank = self._activity.rank
        # Of several screens the newest is on stage: side by side neither could be read.
        first = 1 if arrangement == "screen" else 0
        tiled = list(screens[first:][:_OLDER_SCREENS])
        small = STRIP_TILES - len(tiled)
        in_grid = self._grid.update(seats, self._grid_tiles - len(tiled), rank)
        in_strip = self._strip.update(seats, small, rank)
        speakers = self._speakers.update(seats, small + 1, rank, self._dominant.key)
        if arrangement == "grid":
            return tiled + in_grid, []
        if arrangement == "screen":
            return list(screens[:1]), tiled + in_strip
        return speakers[:1], tiled + speakers[1:]

    def _scene(
        self, arrangement: Arrangement, stage: list[Seat], strip: list[Seat], seats: Sequence[Seat]
    ) -> Scene:
        seen = {seat.participant for seat in (*stage, *strip) if seat.source == "camera"}
        unseen = [seat for seat in seats if seat.participant not in seen]
        heard = tuple(seat.name for seat in unseen if seat.speaking)
        return Scene(arrangement, tuple(stage), tuple(strip), len(unseen), heard)

    def _marked(self, seat: Seat) -> Seat:
        speaking = self._activity.marked(seat.participant)
        # Who is heard is not muted, whatever was said.
        muted = seat.muted and seat.participant not in self._activity.speaking
        return seat._replace(speaking=speaking, muted=muted)
