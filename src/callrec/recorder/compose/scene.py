"""What a moment of the film shows: who is on stage, who beside it, and what is marked at each."""

from typing import Literal, NamedTuple

LayoutChoice = Literal["auto", "grid", "speaker", "screen"]
"""What an operator can ask for; ``auto`` is what participants of the call would see."""

Arrangement = Literal["grid", "speaker", "screen"]
"""grid: equal tiles. speaker, screen: one person or a shared screen large, a strip beside it."""

SeatSource = Literal["camera", "screen"]


class Seat(NamedTuple):
    """One tile: a participant's camera (or avatar), or the screen that a participant shares."""

    participant: str
    name: str
    source: SeatSource = "camera"
    picture: bool = True
    """A picture may be shown; where it is False, or none came, there is an avatar."""
    muted: bool = False
    """The microphone is off."""
    hand: bool = False
    speaking: bool = False


class Scene(NamedTuple):
    """One moment. The order of the seats is that of the tiles."""

    arrangement: Arrangement
    stage: tuple[Seat, ...]
    """Large: all of a grid; the speaker; the shared screens."""
    strip: tuple[Seat, ...] = ()
    """Small, beside the stage."""
    hidden: int = 0
    """So many more are in the call and have no tile."""
    heard: tuple[str, ...] = ()
    """Names of those without a tile who are speaking."""


EMPTY = Scene("grid", ())
