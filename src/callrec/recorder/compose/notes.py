"""What stands over the whole picture: title, clock, watermark, who is heard and how many are not shown."""

import io
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from callrec.errors import SettingsError
from callrec.recorder.compose.film import Look
from callrec.recorder.compose.labels import plate
from callrec.recorder.compose.marks import Mark
from callrec.recorder.compose.planes import Stamp
from callrec.recorder.compose.scene import Scene

TITLE_S = 8
"""The title is shown for the first seconds of the film."""
_SPACE_PER_HEIGHT = 20 / 1080
_TEXT_PER_HEIGHT = 25 / 1080
_SMALLEST_PX = 11
_WATERMARK_PER_WIDTH, _WATERMARK_PER_HEIGHT = 1 / 6, 1 / 12
_BETWEEN = "\u2002·\u2002"
_MAX_PIXELS = 4096 * 4096
_MAX_BYTES = 512 << 10  # it is part of what a chunk's name is made of
_PNG = b"\x89PNG\r\n\x1a\n"


class Note(NamedTuple):
    """A stamp and where its upper left corner lies."""

    stamp: Stamp
    x: int
    y: int


class Notes:
    """Says what stands over the picture of a film of this size."""

    def __init__(
        self, width_px: int, height_px: int, look: Look, *, started_ms: float, wall_s: float
    ) -> None:
        """*started_ms*: where the film begins on the recording's time line, whose 0 is *wall_s* (Unix)."""
        self._width, self._height = width_px, height_px
        self._look = look
        self._started_ms = started_ms
        self._wall_s = wall_s
        self._space = max(4, round(height_px * _SPACE_PER_HEIGHT / 2) * 2)
        self._text_px = max(_SMALLEST_PX, round(height_px * _TEXT_PER_HEIGHT))
        self._watermark = self._placed_watermark()
        self._shown: tuple[object, ...] | None = None
        self._notes: tuple[Note, ...] = ()

    def at(self, scene: Scene, at_ms: float) -> tuple[Note, ...]:
        """Return the notes of a moment; the same object as long as they stay the same."""
        heading = self._heading(at_ms - self._started_ms, at_ms)
        shown = (heading, scene.heard, scene.hidden)
        if shown != self._shown:
            self._shown = shown
            self._notes = tuple(self._place(heading, scene))
        return self._notes

    def _heading(self, film_ms: float, at_ms: float) -> str:
        parts = []
        if self._look.title and film_ms < TITLE_S * 1000:
            parts.append(self._look.title)
        if self._look.clock == "call":
            seconds = int(max(film_ms, 0) // 1000)
            parts.append(f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}")
        elif self._look.clock == "utc":
            moment = datetime.fromtimestamp(int(self._wall_s + at_ms / 1000), UTC)
            parts.append(f"{moment:%Y-%m-%d %H:%M:%S} UTC")
        return _BETWEEN.join(parts)

    def _place(self, heading: str, scene: Scene) -> list[Note]:
        notes = [] if self._watermark is None else [self._watermark]
        right = self._width - self._space
        if heading:
            notes.append(Note(self._plate(heading, self._width // 2), self._space, self._space))
        if scene.hidden:
            stamp = self._plate(f"+{scene.hidden}", self._width // 4)
            notes.append(Note(stamp, right - stamp.width, self._height - self._space - stamp.height))
        if scene.heard:
            stamp = self._plate(", ".join(scene.heard), self._width // 3, ("heard",))
            notes.append(Note(stamp, (self._width - stamp.width) // 4 * 2, self._space))
        return notes

    def _plate(self, text: str, room_px: int, marks: tuple[Mark, ...] = ()) -> Stamp:
        return _plate(text, self._text_px, room_px, marks)

    def _placed_watermark(self) -> Note | None:
        if not self._look.watermark_png:
            return None
        image = Image.open(io.BytesIO(self._look.watermark_png)).convert("RGBA")
        room = (self._width * _WATERMARK_PER_WIDTH, self._height * _WATERMARK_PER_HEIGHT)
        scale = min(1.0, room[0] / image.width, room[1] / image.height)
        width, height = (max(2, round(side * scale / 2) * 2) for side in image.size)
        # Premultiplied while it is reduced: what is transparent has no colour to give to its neighbours.
        small = image.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
        return Note(Stamp(small), self._width - self._space - width, self._space)


def read_watermark(path: Path, setting: str) -> bytes:
    """Return the content of a PNG file that can be laid over a film.

    Raises:
        SettingsError: it cannot; the text names *setting*.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{setting}: {path}: {error.strerror}") from error
    if not data.startswith(_PNG):
        raise SettingsError(f"{setting}: {path} is not a PNG file")
    if len(data) > _MAX_BYTES:
        raise SettingsError(f"{setting}: {path} is larger than {_MAX_BYTES >> 10} KiB")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise SettingsError(f"{setting}: {path} has more than {_MAX_PIXELS} pixels")
            image.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SettingsError(f"{setting}: {path} is damaged: {error}") from error
    return data


@lru_cache(64)
def _plate(text: str, size_px: int, room_px: int, marks: tuple[Mark, ...]) -> Stamp:
    return Stamp(plate(text, size_px, room_px, marks))
