"""Judging a recording: who is in which tile, does it move, what is heard, are sound and picture in time."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from callrec.recorder.compose.labels import label_corner, name_stamp
from callrec.recorder.compose.layout import Rect, fit, grid
from callrec.recorder.compose.planes import Planes, frame_planes
from tests.e2e.known_media import BEEP_HZ, HEIGHT_PX, WIDTH_PX, Rgb

Floats = npt.NDArray[np.float64]
Picture = tuple[npt.NDArray[np.uint8], ...]

SAMPLE_RATE_HZ = 48_000
_MOVED_LUMA = 0.7
"""Mean difference of the band with the bar, from picture to picture: a bar that went on a step makes 1.4 or
more, an encoder at a picture that stands still makes less than 0.3."""


@dataclass(frozen=True)
class Tile:
    """One tile over the whole film; a value for each picture."""

    colour: Floats
    """Mean Y, U and V right below in the picture, where nothing ever moves: shape (pictures, 3)."""
    flash_luma: Floats
    moved: npt.NDArray[np.bool_]
    """Whether the band with the bar differs from the picture before."""


@dataclass(frozen=True)
class Film:
    """A decoded recording. ``tiles`` is empty where there is no picture."""

    size_px: tuple[int, int] | None
    codecs: tuple[str, ...]
    times_ms: list[float]
    tiles: list[Tile]
    middle: Picture | None
    """The picture in the middle of the film as Y, U, V."""
    sound: Floats
    """Mono, 48 kHz, from film time 0."""

    @property
    def sound_s(self) -> float:
        """Length of the sound."""
        return len(self.sound) / SAMPLE_RATE_HZ

    @property
    def picture_s(self) -> float:
        """Length of the picture, at its mean rate."""
        return (self.times_ms[-1] - self.times_ms[0]) / 1000 * len(self.times_ms) / (len(self.times_ms) - 1)


def watch(path: Path, people: int) -> Film:
    """Decode a recording of *people* people with 4:3 cameras; pictures are measured one by one, not kept."""
    times: list[float] = []
    measured: list[list[tuple[Floats, float, Floats]]] = [[] for _ in range(people)]
    pieces: list[tuple[int, Floats]] = []
    with av.open(path) as container:
        codecs = tuple(s.codec_context.name for s in (*container.streams.video, *container.streams.audio))
        video = container.streams.video[0] if container.streams.video else None
        size = (video.codec_context.width, video.codec_context.height) if video else None
        middle_at = video.frames // 2 if video else 0
        middle = None
        for frame in container.decode(container.streams.audio[0], *container.streams.video[:1]):
            if isinstance(frame, av.VideoFrame):
                planes = frame_planes(frame)
                if len(times) == middle_at:
                    middle = tuple(plane.copy() for plane in planes)
                times.append(float((frame.pts or 0) * (frame.time_base or 0)) * 1000)
                for place, row in zip(places(people, frame.width, frame.height), measured, strict=True):
                    row.append(_measure(planes, place))
            elif isinstance(frame, av.AudioFrame):
                start = round((frame.pts or 0) * (frame.time_base or Fraction(0)) * SAMPLE_RATE_HZ)
                pieces.append((start, frame.to_ndarray().astype(np.float64).mean(axis=0)))
    sound = np.zeros(max(start + len(piece) for start, piece in pieces))
    for start, piece in pieces:
        skipped = max(0, -start)
        sound[start + skipped : start + len(piece)] = piece[skipped:]
    tiles = [_tile(row) for row in measured] if video else []
    return Film(size, codecs, times, tiles, middle, sound)


def places(people: int, width_px: int, height_px: int) -> list[Rect]:
    """Return where each person's 4:3 picture lies."""
    return [fit(WIDTH_PX, HEIGHT_PX, tile) for tile in grid(people, width_px, height_px)]


def _measure(planes: Planes, place: Rect) -> tuple[Floats, float, Floats]:
    def part(left: int, top: int, right: int, bottom: int, halved: int) -> tuple[slice, slice]:
        x, y = place.width / WIDTH_PX, place.height / HEIGHT_PX
        return (
            slice(int(place.y + top * y) // halved, int(place.y + bottom * y) // halved),
            slice(int(place.x + left * x) // halved, int(place.x + right * x) // halved),
        )

    colour = [
        plane[part(450, 350, 600, 440, halved)].mean()
        for plane, halved in zip(planes, (1, 2, 2), strict=True)
    ]
    return (
        np.array(colour),
        float(planes.y[part(240, 60, 400, 180, 1)].mean()),
        np.asarray(planes.y[part(0, 250, 640, 300, 1)].mean(axis=0), np.float64),
    )


def _tile(measured: list[tuple[Floats, float, Floats]]) -> Tile:
    band = np.array([row[2] for row in measured])
    moved = np.abs(np.diff(band, axis=0)).mean(axis=1) > _MOVED_LUMA
    return Tile(np.array([row[0] for row in measured]), np.array([row[1] for row in measured]), moved)


def chroma(rgb: Rgb) -> tuple[float, float]:
    """Return U and V of a colour (BT.601, limited range)."""
    red, green, blue = rgb
    return (
        128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255,
        128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255,
    )


def rgb(colour: Floats) -> Floats:
    """Return as red, green and blue what Y, U and V of a film show (BT.601, limited range)."""
    y, u, v = (colour - (16, 128, 128)) * 255 / (219, 224, 224)
    return np.array([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u])


def label_likeness(film: Film, index: int, name: str) -> float:
    """Return how well the label of tile *index* shows *name*: correlation of brightness, 1 for the same."""
    assert film.middle is not None and film.size_px is not None, "a film with pictures"
    tile = grid(len(film.tiles), *film.size_px)[index]
    stamp = name_stamp(name, tile.width, tile.height)
    # The stamp on a flat ground: what lies behind its plate is dark there, whatever it is.
    wanted = Planes(*(np.full((stamp.height // h, stamp.width // h), 60, np.uint8) for h in (1, 2, 2)))
    stamp.lay(wanted, 0, 0)
    left, top = label_corner(tile, stamp)
    shown = film.middle[0][top : top + stamp.height, left : left + stamp.width]
    # Letters and what is between them; of the plate only its inside, as its corners show the picture.
    round_px = stamp.height // 5
    inner = (slice(round_px, -round_px), slice(round_px, -round_px))
    return float(np.corrcoef(shown[inner].ravel(), wanted.y[inner].ravel())[0, 1])


def tone_level(sound: Floats, frequency_hz: float) -> float:
    """Return the peak of the spectrum within 4 Hz of a frequency, relative to the median around it."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    frequencies = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    distance = np.abs(frequencies - frequency_hz)
    return float(spectrum[distance < 4].max() / np.median(spectrum[distance < 60]))


def flash_starts_ms(film: Film, index: int) -> list[float]:
    """Return the film times at which tile *index* turns bright."""
    luma = film.tiles[index].flash_luma
    bright = luma > (luma.min() + luma.max()) / 2
    return [film.times_ms[i] for i in range(1, len(bright)) if bright[i] and not bright[i - 1]]


def beep_starts_ms(sound: Floats) -> list[float]:
    """Return the times at which a beep begins, to 2 ms."""
    step, quiet = 96, 100  # samples; steps that must have been silent before
    whole = sound[: len(sound) // step * step].reshape(-1, step)
    level = np.abs(whole @ np.exp(-2j * np.pi * BEEP_HZ / SAMPLE_RATE_HZ * np.arange(step))) * 2 / step
    loud = level > level.max() / 2
    starts = [i for i in range(quiet, len(loud)) if loud[i] and not loud[i - quiet : i].any()]
    return [i * step * 1000 / SAMPLE_RATE_HZ for i in starts]


def av_offsets_ms(film: Film, index: int) -> list[float]:
    """Return for each flash of tile *index* how much later than the nearest beep it is seen."""
    beeps = np.array(beep_starts_ms(film.sound))
    return [float(flash - beeps[np.abs(beeps - flash).argmin()]) for flash in flash_starts_ms(film, index)]
