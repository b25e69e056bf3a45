"""The film's measures: pictures, samples and chunks. Film time 0 is the manifest's ``started_ms``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from callrec.recorder.compose.payload import OPUS_RATE_HZ
from callrec.recorder.compose.scene import LayoutChoice

CHUNK_MS = 12_800
"""320 pictures at 25 a second, 600 AAC frames of 1024 samples, 640 Opus frames of 20 ms."""


Clock = Literal["none", "call", "utc"]
"""call: time since the film's beginning. utc: date and time of day."""


@dataclass(frozen=True)
class Look:
    """What stands over the picture beside the names."""

    title: str = ""
    """Shown in the first seconds."""
    clock: Clock = "none"
    watermark_png: bytes = b""
    """A PNG file (``notes.read_watermark``) for the upper right corner; empty: none."""


@dataclass(frozen=True)
class ComposeOptions:
    """How the film is made. Pictures a second: 12.8 s must hold a whole number of them, as must 48 kHz."""

    width_px: int
    height_px: int
    fps: int = 25
    layout: LayoutChoice = "auto"
    look: Look = Look()


@dataclass(frozen=True)
class Chunk:
    """``pictures`` pictures of the film from ``first_picture`` on (in audio-only films just their time)."""

    index: int
    fps: int
    pictures: int

    @property
    def first_picture(self) -> int:
        """Number of its first picture in the film."""
        return self.index * pictures_per_chunk(self.fps)

    @property
    def first_sample(self) -> int:
        """Number of its first sample (48 kHz) in the film."""
        return self.first_picture * OPUS_RATE_HZ // self.fps

    @property
    def samples(self) -> int:
        """Its length in samples."""
        return self.pictures * OPUS_RATE_HZ // self.fps

    @property
    def end_ms(self) -> float:
        """Film time at which it ends."""
        return (self.first_picture + self.pictures) * 1000 / self.fps

    @property
    def start_ms(self) -> float:
        """Film time at which it begins."""
        return self.first_picture * 1000 / self.fps

    def path(self, directory: Path) -> Path:
        """Where it is kept: a chunk of another length is another file, so that a stop shortens safely."""
        return directory / f"{self.index:06d}-{self.pictures}.mkv"


def composed_ms(directory: Path, fps: int) -> float:
    """Return how much film lies as chunks below *directory*, of the film of which there is most.

    A chunk that was made twice, cut anew, counts once.
    """
    films: dict[Path, dict[str, int]] = {}
    for path in directory.glob("*/[0-9]*-[0-9]*.mkv"):
        index, _, pictures = path.stem.partition("-")
        longest = films.setdefault(path.parent, {})
        longest[index] = max(longest.get(index, 0), int(pictures))
    return max((sum(longest.values()) for longest in films.values()), default=0) * 1000 / fps


def pictures_per_chunk(fps: int) -> int:
    """Return how many pictures a whole chunk has."""
    return CHUNK_MS * fps // 1000


def whole_chunk(index: int, fps: int) -> Chunk:
    """Return chunk *index* of a film that goes on after it."""
    return Chunk(index, fps, pictures_per_chunk(fps))


def chunks_of(duration_ms: int, fps: int) -> list[Chunk]:
    """Return all chunks of a film; the last one is short, the duration rounded up to a picture."""
    pictures = -(-duration_ms * fps // 1000)
    size = pictures_per_chunk(fps)
    return [Chunk(i, fps, min(size, pictures - i * size)) for i in range(-(-pictures // size))]
