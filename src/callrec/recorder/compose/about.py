"""Gathers what a film's file says of it: when, who, and what happened. Pure."""

from collections.abc import Iterable, Iterator

from callrec.recorder.compose.chapters import Happening, Kind, find_chapters
from callrec.recorder.compose.join import About
from callrec.recorder.compose.people import People
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.timeline import Event

BACK_WITHIN_MS = 60_000
"""Who was away for less has not joined again: pages are reloaded."""

Span = tuple[str, float, float]
"""Participant, from, to: ms of the recording's time line."""

_LONG_AGO = float("-inf")


def about_film(
    manifest: Manifest,
    events: list[Event],
    people: People,
    *,
    started_ms: int,
    duration_ms: int,
    spoken: Iterable[Span],
) -> About:
    """Return what is to be said of the film from *started_ms* of the recording's time line on.

    *spoken*: who spoke when.
    """
    end_ms = started_ms + duration_ms
    present = _spans(events, "joined", end_ms)
    spans: list[tuple[Kind, Span]] = [("joined", span) for span in _arrivals(present)]
    spans += [("shares", span) for span in _spans(events, "screen_started", end_ms, "screen_stopped")]
    spans += [("speaks", span) for span in spoken]
    happenings = [
        Happening(max(0, round(from_ms) - started_ms), kind, people.names[who], round(to_ms) - started_ms)
        for kind, (who, from_ms, to_ms) in spans
        if to_ms > started_ms and who in people.names
    ]
    there = dict.fromkeys(who for who, _, to_ms in present if to_ms > started_ms)
    return About(
        begins_at=manifest.anchor.wall_s + started_ms / 1000,
        people=tuple(people.names[who] for who in there),
        chapters=find_chapters(happenings, duration_ms),
    )


def _spans(events: Iterable[Event], begins: str, end_ms: int, ends: str = "left") -> list[Span]:
    """Return from when to when something held between two kinds of events, at most to the film's end."""
    open_ms: dict[str, float] = {}
    spans: list[Span] = []
    for event in events:
        who = event.participant
        if who is None or event.ms >= end_ms:
            continue
        if event.type == begins:
            open_ms.setdefault(who, event.ms)
        elif who in open_ms and event.type in ("left", ends):
            spans.append((who, open_ms.pop(who), event.ms))
    spans += [(who, from_ms, float(end_ms)) for who, from_ms in open_ms.items()]
    return sorted(spans, key=lambda span: span[1])


def _arrivals(present: list[Span]) -> Iterator[Span]:
    """Leave out who is only back."""
    left_ms: dict[str, float] = {}
    for who, from_ms, to_ms in present:
        if from_ms - left_ms.get(who, _LONG_AGO) > BACK_WITHIN_MS:
            yield who, from_ms, to_ms
        left_ms[who] = to_ms
