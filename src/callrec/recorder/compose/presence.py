"""Who is in the call at a moment, under which name, and what is known of each then. Pure."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from typing import Generic, TypeVar

from callrec.recorder.compose.ingest import LOOKAHEAD_MS
from callrec.recorder.compose.scene import Seat
from callrec.recorder.folder.timeline import Event
from callrec.recorder.folder.track import Source

UNNAMED = "Guest"
GRACE_MS = 5000
"""A capture process that takes the place of one that died tells within this who is still in the call."""
LINGER_MS = 4000
"""Where a camera's track has ended its last picture may be shown for so long: another one often follows."""

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

    def since(self, ms: float) -> float:
        """Return when the value that holds at *ms* was said last."""
        return self._times[bisect_right(self._times, ms) - 1]


class _Person:
    """What was said of or by one participant."""

    def __init__(self, number: int, mentioned_ms: float) -> None:
        self.number = number
        """In the order of first mention."""
        self.mentioned_ms = mentioned_ms
        self.joined_ms = float("inf")
        """For the first time."""
        self.present = _Changes[bool | None](None)
        self.name = _Changes(UNNAMED)
        self.camera = _Changes(True)
        self.muted = _Changes[bool | None](None)
        self.hand = _Changes(False)
        self.speaking = _Changes(False)
        self.screen = _Changes[bool | None](None)

    def say_no_more(self, ms: float, *, screen: bool | None) -> None:
        """End what does not outlast being in the call."""
        for said in (self.hand, self.speaking):
            if said.at(ms):
                said.set(ms, False)
        self.screen.set(ms, screen)


class _Track:
    def __init__(self) -> None:
        self.source: Source | None = None
        """None: nothing came yet."""
        self.first_ms = float("inf")
        self.ended_ms = float("inf")
        self.owner: _Changes[str | None] = _Changes(None)
        self.announced = ""

    def owner_at(self, ms: float) -> str:
        return self.owner.at(ms) or self.announced


class _Sent:
    """What of a participant's tracks there is at one moment."""

    def __init__(self) -> None:
        self.first_ms = float("inf")
        """When anything came from him for the first time, or will within the look-ahead."""
        self.live = False
        self.microphone = False
        """There was one, or will be."""
        self.camera = False
        self.screen_ms: float | None = None
        """Since when there is media of a screen."""
        self.newest_ms = float("-inf")
        """When the newest track began."""


class Roster:
    """Says who is seen when, from the timeline and from when the first packet of each track came.

    Seen is who is in the call and has sent anything, or will within the look-ahead: connecting takes some
    seconds, and people should not pop up one by one. Who never *joined* by the timeline is in the call while
    he has a track. When capture has begun anew, those of whom nothing is heard for ``GRACE_MS`` have left.

    What is said about a time uses events up to that time, and first packets up to the look-ahead.
    """

    def __init__(self) -> None:
        self._people: dict[str, _Person] = {}
        self._tracks: dict[int, _Track] = {}
        self._captures_ms: list[float] = []
        self._changes_ms: list[float] = []
        self._owned_ms: list[float] = []
        self._seen: tuple[tuple[int, int], tuple[Seat, ...], tuple[Seat, ...]] | None = None

    def add(self, events: Iterable[Event]) -> None:
        """Take events of the timeline, those that come later in further calls."""
        for event in events:
            if event.type == "capture":
                self._capture(event.ms)
            elif event.type in ("track", "track_ended"):
                self._apply_to_track(event)
            elif event.participant and event.type != "track_started":
                self._apply(event, self._person(event.participant, event.ms))

    def track(self, number: int, participant: str, source: Source, first_ms: float) -> None:
        """Tell that the first packet of a track came at *first_ms*; once for each track.

        *participant* as told when the track was announced; events say more.
        """
        track = self._tracks.setdefault(number, _Track())
        track.announced, track.source, track.first_ms = participant, source, first_ms
        self._changes_at(first_ms - LOOKAHEAD_MS, first_ms)

    def at(self, ms: float) -> tuple[Seat, ...]:
        """Return who is seen at *ms* of the recording's time line, in the order of coming.

        Seats are marked as speaking where participants say so.
        """
        return self._look(ms)[0]

    def screens(self, ms: float) -> tuple[Seat, ...]:
        """Return the screens that are shared, and of which there is a picture, the newest first."""
        return self._look(ms)[1]

    def changes(self, after_ms: float, until_ms: float) -> list[float]:
        """Return when what is said may change, after *after_ms* and until *until_ms*."""
        times = self._changes_ms
        return times[bisect_right(times, after_ms) : bisect_right(times, until_ms)]

    def owner(self, number: int, ms: float) -> str | None:
        """Return whose a track is at *ms*, None where nothing has come of it."""
        track = self._tracks.get(number)
        return track.owner_at(ms) if track and track.source else None

    def owners_until(self, ms: float) -> float:
        """Return when the first track changes its owner after *ms*; infinity if none does."""
        times = self._owned_ms
        index = bisect_right(times, ms)
        return times[index] if index < len(times) else float("inf")

    def _look(self, ms: float) -> tuple[tuple[Seat, ...], tuple[Seat, ...]]:
        state = (len(self._changes_ms), bisect_right(self._changes_ms, ms))
        if self._seen is None or self._seen[0] != state:
            self._seen = (state, *self._look_anew(ms))
        return self._seen[1:]

    def _look_anew(self, ms: float) -> tuple[tuple[Seat, ...], tuple[Seat, ...]]:
        seats: list[tuple[float, int, Seat]] = []
        screens: list[tuple[float, int, Seat]] = []
        for key, his in self._sent(ms).items():
            person = self._people.get(key) or _Person(0, float("inf"))
            if not self._is_present(person, his, ms):
                continue
            seat = Seat(
                key,
                person.name.at(ms),
                picture=his.camera and person.camera.at(ms),
                muted=bool(person.muted.at(ms)) or (person.muted.at(ms) is None and not his.microphone),
                hand=person.hand.at(ms),
                speaking=person.speaking.at(ms),
            )
            place = person.number if person.mentioned_ms <= ms else len(self._people)
            seats.append((min(person.joined_ms, his.first_ms), place, seat))
            if his.screen_ms is not None and person.screen.at(ms) is not False:
                screens.append((-his.screen_ms, place, Seat(key, seat.name, "screen")))
        return tuple(seat for *_, seat in sorted(seats)), tuple(seat for *_, seat in sorted(screens))

    def _is_present(self, person: _Person, sent: _Sent, ms: float) -> bool:
        said = person.present.at(ms)
        if said is None:
            return sent.live
        return said and ms < self._believed_ms(max(person.present.since(ms), sent.newest_ms))

    def _believed_ms(self, seen_ms: float) -> float:
        """Return until when what was seen at *seen_ms* is believed: a process that died told no end."""
        index = bisect_right(self._captures_ms, seen_ms)
        return self._captures_ms[index] + GRACE_MS if index < len(self._captures_ms) else float("inf")

    def _sent(self, ms: float) -> dict[str, _Sent]:
        sent: dict[str, _Sent] = {}
        for track in self._tracks.values():
            if track.first_ms > ms + LOOKAHEAD_MS:
                continue
            his = sent.setdefault(track.owner_at(ms), _Sent())
            his.first_ms = min(his.first_ms, track.first_ms)
            his.microphone |= track.source == "microphone"
            ended_ms = min(track.ended_ms, self._believed_ms(track.first_ms))
            his.camera |= track.source == "camera" and ms < ended_ms + LINGER_MS
            if track.first_ms <= ms:
                his.newest_ms = max(his.newest_ms, track.first_ms)
                if ms < ended_ms:
                    his.live = True
                    if track.source == "screen":
                        his.screen_ms = max(track.first_ms, his.screen_ms or 0)
        return sent

    def _capture(self, ms: float) -> None:
        insort(self._captures_ms, ms)
        self._changes_at(ms, ms + GRACE_MS, ms + GRACE_MS + LINGER_MS)
        for person in self._people.values():
            person.say_no_more(ms, screen=None)

    def _apply_to_track(self, event: Event) -> None:
        if event.track is None:
            return
        track = self._tracks.setdefault(event.track, _Track())
        if event.type == "track_ended":
            track.ended_ms = min(track.ended_ms, event.ms)
            self._changes_at(event.ms, event.ms + LINGER_MS)
        elif event.participant:
            track.owner.set(event.ms, event.participant)
            insort(self._owned_ms, event.ms)
            self._changes_at(event.ms)

    def _apply(self, event: Event, person: _Person) -> None:
        self._changes_at(event.ms)
        match event.type:
            case "joined":
                person.joined_ms = min(person.joined_ms, event.ms)
                person.present.set(event.ms, True)
            case "left":
                person.present.set(event.ms, False)
                person.say_no_more(event.ms, screen=False)
            case "muted" | "unmuted" if event.media == "video":
                person.camera.set(event.ms, event.type == "unmuted")
            case "muted" | "unmuted" if event.media == "audio":
                person.muted.set(event.ms, event.type == "muted")
            case "hand_raised" | "hand_lowered":
                person.hand.set(event.ms, event.type == "hand_raised")
            case "speaking" | "stopped_speaking":
                person.speaking.set(event.ms, event.type == "speaking")
            case "screen_started" | "screen_stopped":
                person.screen.set(event.ms, event.type == "screen_started")
        name = one_line(event.name)
        if name and event.type in ("joined", "name"):
            person.name.set(event.ms, name)

    def _person(self, key: str, ms: float) -> _Person:
        if key not in self._people:
            self._people[key] = _Person(len(self._people), ms)
        return self._people[key]

    def _changes_at(self, *times_ms: float) -> None:
        for ms in times_ms:
            insort(self._changes_ms, ms)


def one_line(name: str | None) -> str:
    """Return a name without what cannot be printed, line breaks first of all."""
    return " ".join("".join(c if c.isprintable() else " " for c in name or "").split())
