"""Who is in the call at a moment, under which name, and what is known of each then."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from callrec.recorder.compose.ingest import LOOKAHEAD_MS
from callrec.recorder.compose.scene import Seat
from callrec.recorder.folder.timeline import Event

UNNAMED = "Guest"

_Value = TypeVar("_Value")


class _Changes(Generic[_Value]):
    """A value that changes in time."""

    def __init__(self, initial: _Value) -> None:
        self._times: list[float] = [float("-inf")]
        self._values = [initial]

    def set(self, ms: float, value: _Value) -> None:
        index = bisect_right(self._times, ms)
        self._times.insert(index, ms)
        self._values.insert(index, value)

    def at(self, ms: float) -> _Value:
        return self._values[bisect_right(self._times, ms) - 1]


class _Person:
    def __init__(self) -> None:
        self.joined_ms: int | None = None
        self.present = _Changes(False)
        self.name = _Changes(UNNAMED)
        self.camera = _Changes(True)
        self.first_media_ms: int | None = None

    @property
    def order(self) -> int:
        return self.joined_ms if self.joined_ms is not None else self.first_media_ms or 0


class Roster:
    """Says who is seen when, from the timeline and from the first packets.

    Seen is who is in the call and has sent anything, or will within the look-ahead: connecting takes some
    seconds, and people should not pop up one by one. Who never *joined* by the timeline is in the call from
    the first packet on.
    """

    def __init__(self, events: Iterable[Event], first_media_ms: Mapping[str, int]) -> None:
        """*first_media_ms*: for each participant when the first packet came."""
        self._people: dict[str, _Person] = {}
        for event in events:
            if event.participant and event.type != "track":
                self._apply(event, self._people.setdefault(event.participant, _Person()))
        for participant, ms in first_media_ms.items():
            person = self._people.setdefault(participant, _Person())
            person.first_media_ms = ms
            if person.joined_ms is None:
                person.present.set(ms, True)
        self._in_order = sorted(self._people.items(), key=lambda item: item[1].order)

    def at(self, ms: float) -> tuple[Seat, ...]:
        """Return who is seen at *ms* of the recording's time line, in the order of joining."""
        return tuple(
            Seat(key, person.name.at(ms), picture=person.camera.at(ms))
            for key, person in self._in_order
            if person.first_media_ms is not None
            and person.first_media_ms <= ms + LOOKAHEAD_MS
            and person.present.at(ms)
        )

    @staticmethod
    def _apply(event: Event, person: _Person) -> None:
        if event.type == "joined":
            if person.joined_ms is None:
                person.joined_ms = event.ms
            person.present.set(event.ms, True)
        elif event.type == "left":
            person.present.set(event.ms, False)
        elif event.type in ("muted", "unmuted") and event.media == "video":
            person.camera.set(event.ms, event.type == "unmuted")
        name = _clean(event.name)
        if name and event.type in ("joined", "name"):
            person.name.set(event.ms, name)


def _clean(name: str | None) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in name or "").split())
