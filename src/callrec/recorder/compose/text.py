"""Lines of text in any script: each piece in a font that has it, in the order in which it is read.

Shaping inside a piece (joined Arabic letters, Indic syllables) is HarfBuzz's, through Pillow. The order of
pieces is that of the Unicode Bidirectional Algorithm (UAX #9), as far as names need it: no embeddings.
"""

import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Literal, NamedTuple

from PIL import ImageDraw, ImageFont, features

from callrec.recorder.compose import typeface

SHAPING = bool(features.check("raqm"))
"""Whether letters are joined as their script wants: Pillow needs the library FriBidi for it."""

_ZWNJ, _ZWJ, _TEXT_STYLE, _EMOJI_STYLE = "\u200c", "\u200d", "\ufe0e", "\ufe0f"
_KEYCAP = "\u20e3"
_VIRAMA = 9  # the combining class of the sign that ties a consonant to the next one
_INVISIBLE = frozenset((_ZWNJ, _ZWJ, _TEXT_STYLE, _EMOJI_STYLE))
_ELLIPSIS = "…"


class _Cluster(NamedTuple):
    """What a reader takes for one character."""

    text: str
    face: str
    level: int
    """Of embedding (UAX #9): odd ones run from right to left."""


class Run(NamedTuple):
    """A piece of a line in one font and one direction."""

    text: str
    font: ImageFont.FreeTypeFont
    direction: Literal["ltr", "rtl"] | None
    """None where Pillow cannot shape: then the text is in the order in which it is drawn."""

    @property
    def width(self) -> float:
        """In pixels."""
        return self.font.getlength(self.text, direction=self.direction)


class Line:
    """One line of text, ready to be drawn."""

    def __init__(self, text: str, size_px: int) -> None:
        self.runs = _runs(text, size_px)
        self.width = sum(run.width for run in self.runs)

    @property
    def ink(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what is seen, from where it begins on the base line."""
        boxes, x = [], 0.0
        for run in self.runs:
            left, top, right, bottom = run.font.getbbox(run.text, direction=run.direction, anchor="ls")
            boxes.append((x + left, top, x + right, bottom))
            x += run.width
        lefts, tops, rights, bottoms = zip(*boxes or [(0, 0, 0, 0)], strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def draw(self, onto: ImageDraw.ImageDraw, x: float, base_line: float, fill: tuple[int, ...]) -> None:
        """Draw it from *x* on to the right, standing on *base_line*."""
        for run in self.runs:
            onto.text(
                (x, base_line), run.text, fill=fill, font=run.font, anchor="ls", direction=run.direction
            )
            x += run.width


def fitted(text: str, size_px: int, width_px: float) -> Line:
    """Return *text* as a line of at most this width; one that is too long ends in an ellipsis."""
    line = Line(text, size_px)
    if line.width <= width_px:
        return line
    kept = clusters(text)
    low, high = 0, len(kept)
    while low < high:  # widths grow with the number of characters, nearly
        middle = (low + high + 1) // 2
        if Line("".join(kept[:middle]).rstrip() + _ELLIPSIS, size_px).width <= width_px:
            low = middle
        else:
            high = middle - 1
    return Line("".join(kept[:low]).rstrip() + _ELLIPSIS, size_px)


def clusters(text: str) -> list[str]:
    """Split *text* into what readers take for characters (UAX #29, and Indic syllables whole)."""
    found: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character) in ("Cc", "Cf", "Cs") and not _joins(character):
            continue
        if found and (_joins(character) or _open(found[-1], character)):
            found[-1] += character
        else:
            found.append(character)
    return found


def _joins(character: str) -> bool:
    return (
        character in _INVISIBLE
        or unicodedata.category(character) in ("Mn", "Mc", "Me")
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # tones of skin
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in flags of regions
    )


def _open(cluster: str, character: str) -> bool:
    """Tell whether *cluster* goes on with *character*."""
    if cluster[-1] == _ZWJ:
        return True
    if unicodedata.combining(cluster[-1]) == _VIRAMA:
        return unicodedata.category(character) == "Lo"
    return _is_flag(cluster[0]) and _is_flag(character) and len(cluster) == 1


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _runs(text: str, size_px: int) -> list[Run]:
    whole = [_known(cluster) for cluster in clusters(text)]
    faces = _faces(whole)
    levels = _levels(whole)
    parts = [_Cluster(*part) for part in zip(whole, faces, levels, strict=True)]
    pieces = [list(part) for _, part in groupby(parts, lambda cluster: (cluster.face, cluster.level))]
    return [_run(piece, size_px) for piece in _visual(pieces)]


def _run(piece: list[_Cluster], size_px: int) -> Run:
    font = typeface.font(piece[0].face, size_px)
    leftwards = piece[0].level % 2 == 1
    if SHAPING:
        return Run("".join(c.text for c in piece), font, "rtl" if leftwards else "ltr")
    return Run("".join(c.text for c in (reversed(piece) if leftwards else piece)), font, None)


def _known(cluster: str) -> str:
    """Return *cluster*, or plain letters in place of ornamental ones that no font has."""
    if any(typeface.has(face, cluster[0]) for face in typeface.FACES):
        return cluster
    return unicodedata.normalize("NFKC", cluster)


def _faces(whole: Iterable[str]) -> list[str]:
    faces: list[str] = []
    for cluster in whole:
        letters = "".join(c for c in cluster if c not in _INVISIBLE and not "\U000e0020" <= c <= "\U000e007f")
        wanted = list(typeface.FACES)
        if _EMOJI_STYLE in cluster or _KEYCAP in cluster:
            wanted.insert(0, typeface.EMOJI)
        elif faces and faces[-1] != typeface.EMOJI and unicodedata.category(cluster[0])[0] in "ZPM":
            wanted.insert(0, faces[-1])  # what belongs to no script goes with what is before it
        for sought in (letters, letters[:1]):
            face = next((face for face in wanted if typeface.has(face, sought)), None)
            if face:
                break
        faces.append(face or typeface.TEXT)
    return faces


def _levels(whole: list[str]) -> list[int]:
    """Return the level of embedding of each cluster (UAX #9, P2, W2, W7, N1, N2, I1, I2)."""
    kinds = [_kind(unicodedata.bidirectional(cluster[0])) for cluster in whole]
    base = next((kind for kind in kinds if kind in "LR"), "L")
    strong = base
    for index, kind in enumerate(kinds):
        if kind in "LR":
            strong = kind
        elif kind == "D" and strong == "L":
            kinds[index] = "L"
    sides = ["R" if kind == "D" else kind for kind in kinds]
    for index, kind in enumerate(kinds):
        if kind == "-":
            before = next((side for side in reversed(sides[:index]) if side != "-"), base)
            behind = next((side for side in sides[index:] if side != "-"), base)
            kinds[index] = before if before == behind else base
    if base == "R":
        return [{"R": 1, "L": 2, "D": 2}[kind] for kind in kinds]
    return [{"L": 0, "R": 1, "D": 2}[kind] for kind in kinds]


def _kind(bidirectional: str) -> str:
    """Return L or R for letters of that direction, D for digits, - for all that follows its surroundings."""
    if bidirectional in ("R", "AL"):
        return "R"
    if bidirectional in ("EN", "AN"):
        return "D"
    return "L" if bidirectional == "L" else "-"


def _visual(pieces: list[list[_Cluster]]) -> list[list[_Cluster]]:
    """Put pieces into the order from left to right (UAX #9, L2)."""
    ordered = list(pieces)
    for level in range(max((piece[0].level for piece in pieces), default=0), 0, -1):
        regrouped: list[list[_Cluster]] = []
        for high, group in groupby(ordered, lambda piece, level=level: piece[0].level >= level):  # type: ignore[misc]
            members = list(group)
            regrouped += reversed(members) if high else members
        ordered = regrouped
    return ordered
