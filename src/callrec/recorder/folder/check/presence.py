"""When who was in the call, from the events of the timeline. Pure."""

from callrec.recorder.folder.check.findings import cut
from callrec.recorder.folder.check.report import ParticipantReport, Stretch
from callrec.recorder.folder.timeline import Event

MAX_PARTICIPANTS = 1000
MAX_STRETCHES = 100
"""Of one participant that are kept whole."""


class Presence:
    """Takes the events in file order."""

    def __init__(self) -> None:
        self.unnamed = 0
        """Events of participants beyond those that are kept."""
        self._people: dict[str, ParticipantReport] = {}
        self._since_ms: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take one event."""
        if not event.participant or event.type not in ("joined", "left", "name"):
            return
        key = cut(event.participant)
        if key not in self._people and len(self._people) == MAX_PARTICIPANTS:
            self.unnamed += 1
            return
        person = self._people.setdefault(key, ParticipantReport(key))
        if event.name:
            person.name = cut(event.name)
        if event.type == "joined":
            self._since_ms.setdefault(key, event.ms)
        elif event.type == "left":
            self._end(key, event.ms)

    def interrupted(self, at_ms: int) -> None:
        """Nobody is known to be there after *at_ms*: the next capture process tells who is."""
        for key in list(self._since_ms):
            self._end(key, at_ms)

    def participants(self) -> list[ParticipantReport]:
        """Return who was there, in the order of first mention."""
        return list(self._people.values())

    def _end(self, key: str, at_ms: int) -> None:
        since_ms = self._since_ms.pop(key, None)
        if since_ms is None:
            return
        person = self._people[key]
        person.present_ms += max(0, at_ms - since_ms)
        if len(person.present) < MAX_STRETCHES:
            person.present.append(Stretch(since_ms, at_ms))
