"""Calls for the director: who is in them, and who speaks when, to the millisecond."""

from collections.abc import Iterator, Mapping, Sequence

from callrec.recorder.compose.director import Director
from callrec.recorder.compose.presence import Roster
from callrec.recorder.compose.scene import LayoutChoice, Scene
from callrec.recorder.compose.speech import Speech
from callrec.recorder.folder.timeline import Event, EventType

END_MS = 600_000


class Talking(Speech):
    """Speech that is told, not measured; who is not mentioned is not heard."""

    def __init__(self, spells: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        super().__init__()
        self._told = spells

    def speaking(self, participant: str, ms: float) -> bool | None:
        spells = self._told.get(participant)
        return None if spells is None else any(start <= ms < end for start, end in spells)

    def changes(self, after_ms: float, until_ms: float) -> Iterator[float]:
        for spells in self._told.values():
            yield from (ms for spell in spells for ms in spell if after_ms < ms <= until_ms)


def said(ms: int, kind: EventType, participant: str, **more: str) -> Event:
    """Return an event of somebody."""
    return Event(ms, kind, participant=participant, **more)  # type: ignore[arg-type]


def people(count: int) -> str:
    """Return so many people, each a letter."""
    return "".join(chr(ord("a") + number) for number in range(count))


def in_call(
    who: str, *events: Event, cameras: str | None = None, screens: Mapping[str, int] | None = None
) -> Roster:
    """Return a call of these people, all there from 0 on; *cameras*: who has one (None: all)."""
    roster = Roster()
    joined = [said(0, "joined", key, name=key.upper()) for key in who]
    roster.add(sorted([*joined, *events], key=lambda event: event.ms))
    for number, key in enumerate(who):
        roster.track(2 * number, key, "microphone", 0)
        if cameras is None or key in cameras:
            roster.track(2 * number + 1, key, "camera", 0)
    for number, (key, ms) in enumerate((screens or {}).items()):
        roster.track(1000 + number, key, "screen", ms)
    return roster


def directed(
    roster: Roster,
    talk: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    layout: LayoutChoice = "auto",
    *,
    until_ms: float = END_MS,
    grid_tiles: int = 16,
) -> Director:
    """Return a director who knows the whole call."""
    silent: dict[str, Sequence[tuple[float, float]]] = {seat.participant: () for seat in roster.at(0)}
    director = Director(roster, Talking({**silent, **(talk or {})}), layout, grid_tiles=grid_tiles)
    director.advance(until_ms)
    return director


def tiles(scene: Scene) -> tuple[str, str]:
    """Return stage and strip as letters; a screen is the capital letter of who shares it."""
    stage, strip = (
        "".join(s.participant.upper() if s.source == "screen" else s.participant for s in seats)
        for seats in (scene.stage, scene.strip)
    )
    return stage, strip


def marked(scene: Scene) -> str:
    """Return who is marked as speaking, in alphabetical order."""
    return "".join(sorted(s.participant for s in (*scene.stage, *scene.strip) if s.speaking))
