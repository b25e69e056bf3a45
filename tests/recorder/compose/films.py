"""Films of numbered pictures and a tone, made without a call."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from callrec.recorder.compose.chapters import Chapter
from callrec.recorder.compose.coding import CODINGS
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import Chunk, chunks_of
from callrec.recorder.compose.formats import FORMATS
from callrec.recorder.compose.join import About, join
from callrec.recorder.compose.limiter import Sound
from callrec.recorder.compose.planes import frame_planes

DURATION_MS = 16_020  # a whole chunk and a short one
PICTURES = 401
FILM_MS, JOINT_MS = 16_040, 12_800
SIZE_PX = (320, 180)
TONE_HZ = 440
BITS = 16
LARGE_PX = (1600, 900)
FULL_MS = range(6000, 10_000)
ABOUT = About(
    1_700_000_000.25,
    ("Anna Åström", "Ben"),
    (Chapter(0, 13_000, "Anna Åström joined"), Chapter(13_000, FILM_MS, "Ben shares the screen")),
)
LONGER_MS = {".mp4": 0, ".mkv": 22, ".webm": 8, ".ogg": 7}
"""Matroska and Ogg count what the decoder of sound gives out before the first sample."""


def tone(start: int, end: int) -> Sound:
    """A sine that begins with the film."""
    samples = np.arange(start, end)
    sound = 0.3 * np.sin(2 * np.pi * TONE_HZ * samples / 48000) * (samples >= 0)
    return np.stack([sound, sound]).astype(np.float32)


def numbered(chunk: Chunk, *, still: int = 1) -> Iterator[av.VideoFrame | None]:
    """Pictures that show their number in the film, rounded down to a multiple of *still*."""
    width, height = SIZE_PX
    for number in range(chunk.first_picture, chunk.first_picture + chunk.pictures):
        if number % still and number != chunk.first_picture:
            yield None
            continue
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        for bit in range(BITS):
            bright = (number // still * still) >> bit & 1
            picture[:height, bit * width // BITS : (bit + 1) * width // BITS] = 200 if bright else 40
        yield av.VideoFrame.from_ndarray(picture, format="yuv420p")


def shown(frame: av.VideoFrame) -> int:
    """Read the number."""
    row = frame_planes(frame).y[SIZE_PX[1] // 2]
    block = SIZE_PX[0] // BITS
    return sum(1 << bit for bit in range(BITS) if row[bit * block + block // 2] > 120)


def write_film(directory: Path, extension: str, *, still: int = 1) -> Path:
    """Make a film; *still*: a picture stands for so long."""
    form = FORMATS[extension]
    coding = CODINGS[form.coding]
    chunks = chunks_of(DURATION_MS, 25)
    for chunk in chunks:
        pictures = numbered(chunk, still=still) if coding.pictures else None
        chunk.path(directory).write_bytes(encode_chunk(chunk, coding, tone, pictures, SIZE_PX))
    output = directory / f"Film{extension}"
    join(chunks, directory, coding.sound, output, ABOUT)
    return output


def large_pictures(chunk: Chunk) -> Iterator[av.VideoFrame | None]:
    """Black, but for a while."""
    width, height = LARGE_PX
    before = None
    for number in range(chunk.first_picture, chunk.first_picture + chunk.pictures):
        full = number * 40 in FULL_MS
        if full == before:
            yield None
            continue
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        picture[:height] = 16
        if full:
            picture[:height] = np.linspace(40, 220, width)
            picture[100:800:20, 100:1500:3] = 90
        before = full
        yield av.VideoFrame.from_ndarray(picture, format="yuv420p")
