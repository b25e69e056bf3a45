"""Finds a film's chapters: who joined, shared a screen, or spoke for long. Pure. Times are of the film."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

MIN_APART_MS = 10_000
"""Chapters are at least so long."""
LONG_SPEECH_MS = 30_000
"""Who speaks for less has no chapter …"""
PAUSE_MS = 4000
"""… a pause that is longer ends a speech, as does somebody else's word of more than this."""
MAX_CHAPTERS = 200
"""The list of chapters in MP4 holds 255."""
MAX_NAME = 40
"""Characters of a name in a title: titles stand in narrow lists, and MP4 cuts them after 255 bytes."""

Kind = Literal["joined", "shares", "speaks"]
# What is dropped last where two are too close.
_RANK: dict[Kind, int] = {"shares": 2, "joined": 1, "speaks": 0}
_BEGINNING = "Beginning"


class Happening(NamedTuple):
    """Something that somebody did; from the beginning on if it had begun before."""

    from_ms: int
    kind: Kind
    name: str
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


class Chapter(NamedTuple):
    """A part of the film, up to the next one."""

    from_ms: int
    to_ms: int
    title: str


class _Heading(NamedTuple):
    ms: int
    kind: Kind
    names: tuple[str, ...]
    length_ms: int

    @property
    def weight(self) -> tuple[int, int]:
        return _RANK[self.kind], self.length_ms

    @property
    def title(self) -> str:
        names = _listed(self.names)
        if self.kind == "joined":
            return f"{names} joined"
        return f"{names} shares the screen" if self.kind == "shares" else f"{names} speaks"


def find_chapters(happenings: Iterable[Happening], duration_ms: int) -> tuple[Chapter, ...]:
    """Return the chapters of a film; none where nothing divides it.

    The first begins with the film. Those who join shortly after each other share one.
    """
    found = sorted(h for h in happenings if h.from_ms < duration_ms)
    joined = _joined([h for h in found if h.kind == "joined"])
    shares = [_Heading(h.from_ms, h.kind, (h.name,), h.length_ms) for h in found if h.kind == "shares"]
    spoken = _speeches([h for h in found if h.kind == "speaks"])
    kept: list[_Heading] = []
    for heading in sorted([*joined, *shares, *spoken], key=lambda h: h.weight, reverse=True):
        apart = all(abs(heading.ms - other.ms) >= MIN_APART_MS for other in kept)
        ends = duration_ms - heading.ms >= MIN_APART_MS or heading.ms < MIN_APART_MS
        if apart and ends and len(kept) < MAX_CHAPTERS - 1:
            kept.append(heading)
    kept.sort()
    starts = [(heading.ms, heading.title) for heading in kept]
    if not starts:
        return ()
    if starts[0][0] < MIN_APART_MS:
        starts[0] = (0, starts[0][1])
    else:
        starts.insert(0, (0, _BEGINNING))
    ends_ms = [*(ms for ms, _ in starts[1:]), duration_ms]
    return tuple(Chapter(ms, end_ms, title) for (ms, title), end_ms in zip(starts, ends_ms, strict=True))


def _joined(joins: list[Happening]) -> list[_Heading]:
    """Put those together who come within ``MIN_APART_MS`` of the first of them."""
    headings: list[_Heading] = []
    for join in joins:
        if headings and join.from_ms - headings[-1].ms < MIN_APART_MS:
            last = headings[-1]
            headings[-1] = last._replace(names=(*last.names, join.name))
        else:
            headings.append(_Heading(join.from_ms, "joined", (join.name,), 0))
    return headings


def _speeches(spoken: list[Happening]) -> list[_Heading]:
    """Return the long speeches of what was spoken without a break."""
    speeches: list[_Heading] = []
    current: Happening | None = None
    for piece in spoken:
        if current is not None and piece.name == current.name and piece.from_ms - current.to_ms <= PAUSE_MS:
            current = current._replace(to_ms=max(current.to_ms, piece.to_ms))
        elif current is None or piece.length_ms > PAUSE_MS or piece.from_ms - current.to_ms > PAUSE_MS:
            speeches += _long(current)
            current = piece
    return [*speeches, *_long(current)]


def _long(speech: Happening | None) -> list[_Heading]:
    if speech is None or speech.length_ms < LONG_SPEECH_MS:
        return []
    return [_Heading(speech.from_ms, "speaks", (speech.name,), speech.length_ms)]


def _listed(names: tuple[str, ...]) -> str:
    """Return the names as a sentence has them; of many the first, of long ones the beginning."""
    names = tuple(map(_short, dict.fromkeys(names)))
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1].rstrip()}…"
