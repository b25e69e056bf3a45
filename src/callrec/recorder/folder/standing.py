"""What still holds where a timeline ends: what the next capture process has to end first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from callrec.recorder.folder.timeline import Event, EventType

_ENDED_BY: dict[EventType, EventType] = {
    "speaking": "stopped_speaking",
    "hand_raised": "hand_lowered",
    "screen_started": "screen_stopped",
}
_ENDS = {end: begin for begin, end in _ENDED_BY.items()}


@dataclass
class Standing:
    """Who is in the call, what they say of themselves, and which tracks are open."""

    present: set[str] = field(default_factory=set)
    """Participants that *joined* and have not *left*."""
    _said: dict[tuple[str, EventType], None] = field(default_factory=dict)
    _tracks: dict[int, None] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Take the next event."""
        if event.track is not None:
            if event.type == "track_started":
                self._tracks[event.track] = None
            elif event.type == "track_ended":
                self._tracks.pop(event.track, None)
        elif event.participant is not None:
            self._person(event.type, event.participant)

    def _person(self, kind: EventType, participant: str) -> None:
        if kind == "joined":
            self.present.add(participant)
        elif kind == "left":
            self.present.discard(participant)
            for begun in _ENDED_BY:
                self._said.pop((participant, begun), None)
        elif kind in _ENDED_BY:
            self._said[participant, kind] = None
        elif kind in _ENDS:
            self._said.pop((participant, _ENDS[kind]), None)

    def endings(self, ms: int) -> list[Event]:
        """Return the events by which tracks and what was said end at *ms*; who is there is not known yet."""
        said = [Event(ms, _ENDED_BY[begun], participant=person) for person, begun in self._said]
        return [*said, *(Event(ms, "track_ended", track=track) for track in self._tracks)]


def standing(events: Iterable[Event]) -> Standing:
    """Return what holds after *events*."""
    result = Standing()
    for event in events:
        result.add(event)
    return result
