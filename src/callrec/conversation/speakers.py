"""What a player shows of who spoke when in a film (docs/wire.md, Speakers). Pure.

Speaking times come from a recorder, or whoever writes into a home, so nothing in them is taken for granted.
Who may have the film may know this: the film names the same people. User ids and the time of day stay away.
"""

from dataclasses import dataclass, field

import msgspec

from callrec.wire.speaking_times import SpeakingTimes, hue

MAX_FILM_MS = 7 * 24 * 3600 * 1000
"""Nothing is later: far more than a film lasts, and a number that every client can hold."""
MAX_SPEAKERS = 200
"""Of more, those who spoke longest."""
MAX_CHAPTERS = 255
MAX_TEXT = 200
"""Characters of a name or title."""


class Speaker(msgspec.Struct, rename="camel"):
    """One person, and when he spoke: from … to, in order, apart from each other."""

    name: str
    hue: int
    """Of the person's colour, in degrees."""
    spells_ms: list[tuple[int, int]]


class Part(msgspec.Struct, rename="camel"):
    """A chapter, up to the next one."""

    from_ms: int
    title: str


class Speakers(msgspec.Struct):
    """Everybody in the order of their first words. Times are of the film."""

    speakers: list[Speaker] = []
    chapters: list[Part] = []


@dataclass
class _Person:
    hue: int
    name: str = ""
    spells_ms: list[tuple[int, int]] = field(default_factory=list)


def speakers_of(times: SpeakingTimes) -> Speakers:
    """Return who spoke when, by person: a user who left and came back is one."""
    people: dict[str, _Person] = {}
    for one in sorted(times.intervals, key=lambda one: one.start_timestamp_relative):
        begin, end = max(0, one.start_timestamp_relative), min(MAX_FILM_MS, one.stop_timestamp_relative)
        if begin >= end:
            continue
        key = f"users/{one.participant_user_id}" if one.participant_user_id else one.participant_id
        person = people.setdefault(key, _Person(round(hue(one.participant_id) * 360)))
        person.name = _line(one.participant_name) or person.name
        if person.spells_ms and begin <= person.spells_ms[-1][1]:
            begin, last = person.spells_ms.pop()
            end = max(last, end)
        person.spells_ms.append((begin, end))
    kept = sorted(people.values(), key=_spoken_ms, reverse=True)[:MAX_SPEAKERS]
    parts = [Part(c.start_timestamp_relative, _line(c.title)) for c in times.chapters]
    return Speakers(
        [Speaker(one.name, one.hue, one.spells_ms) for one in sorted(kept, key=lambda one: one.spells_ms[0])],
        sorted((p for p in parts if 0 <= p.from_ms < MAX_FILM_MS), key=lambda p: p.from_ms)[:MAX_CHAPTERS],
    )


def _spoken_ms(person: _Person) -> int:
    return sum(end - begin for begin, end in person.spells_ms)


def _line(text: str) -> str:
    return " ".join(text[: 2 * MAX_TEXT].split())[:MAX_TEXT]
