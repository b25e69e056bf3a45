"""Looking at a film and listening to it: who is where, which frame is shown, what is heard when."""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from callrec.recorder.compose.layout import Rect, fit, grid
from callrec.recorder.compose.planes import frame_planes
from tests.recorder.clips import BEEP_HZ, CODE_BITS
from tests.recorder.sending import Person

Floats = npt.NDArray[np.float64]
_WINDOW = 480  # 10 ms
_SILENT = 0.02


@dataclass(frozen=True)
class Film:
    """A decoded film: each picture as Y, U, V; mono sound at 48 kHz from film time 0."""

    times_ms: list[float]
    pictures: list[tuple[npt.NDArray[np.uint8], ...]]
    sound: Floats

    @property
    def size_px(self) -> tuple[int, int]:
        height, width = self.pictures[0][0].shape
        return width, height


def watch(path: Path) -> Film:
    """Decode a film."""
    times, pictures, pieces = [], [], []
    with av.open(path) as container:
        for frame in container.decode(container.streams.audio[0], *container.streams.video[:1]):
            if isinstance(frame, av.VideoFrame):
                times.append(float((frame.pts or 0) * (frame.time_base or 0)) * 1000)
                pictures.append(tuple(plane.copy() for plane in frame_planes(frame)))
            elif isinstance(frame, av.AudioFrame):
                start = round((frame.pts or 0) * (frame.time_base or Fraction(0)) * 48000)
                pieces.append((start, frame.to_ndarray().astype(np.float64).mean(axis=0)))
    sound = np.zeros(max(start + len(piece) for start, piece in pieces))
    for start, piece in pieces:
        begin = max(0, -start)
        sound[start + begin : start + len(piece)] = piece[begin:]
    return Film(times, pictures, sound)


def picture_place(film: Film, person: Person, index: int, count: int) -> Rect:
    """Return where the picture of person *index* of *count* is to be found."""
    return fit(*person.size_px, grid(count, *film.size_px)[index])


def read_code(film: Film, number: int, place: Rect) -> int:
    """Read the frame number that picture *number* of the film shows at *place*."""
    y = film.pictures[number][0]
    block = place.width / CODE_BITS
    top = y[place.y + place.height // 40 : place.y + place.height // 10]
    bits = [
        top[:, int(place.x + (i + 0.3) * block) : int(place.x + (i + 0.7) * block)].mean() > 120
        for i in range(CODE_BITS)
    ]
    return sum(1 << i for i, bit in enumerate(bits) if bit)


def colour_at(film: Film, number: int, place: Rect) -> tuple[float, float]:
    """Return the mean U and V in the lower part of *place*, right of the name."""
    part = (
        slice((place.y + place.height * 7 // 10) // 2, (place.y + place.height * 9 // 10) // 2),
        slice((place.x + place.width * 2 // 3) // 2, (place.x + place.width * 9 // 10) // 2),
    )
    _, u, v = film.pictures[number]
    return float(u[part].mean()), float(v[part].mean())


def rgb_at(film: Film, number: int, place: Rect) -> tuple[float, float, float]:
    """Return the colour of the same part as it is to be shown: films are BT.601, limited range."""
    u, v = ((chroma - 128) / 224 * 255 for chroma in colour_at(film, number, place))
    part = film.pictures[number][0][
        place.y + place.height * 7 // 10 : place.y + place.height * 9 // 10,
        place.x + place.width * 2 // 3 : place.x + place.width * 9 // 10,
    ]
    y = (float(np.median(part)) - 16) / 219 * 255  # something small may wander through
    return y + 1.402 * v, y - 0.344 * u - 0.714 * v, y + 1.772 * u


def flash_at(film: Film, number: int, place: Rect) -> bool:
    """Tell whether the square in the middle of *place* is bright."""
    middle = (
        slice(place.y + place.height * 9 // 20, place.y + place.height * 11 // 20),
        slice(place.x + place.width * 9 // 20, place.x + place.width * 11 // 20),
    )
    return bool(film.pictures[number][0][middle].mean() > 140)


def flash_starts_ms(film: Film, place: Rect) -> list[float]:
    """Return the film times at which the square in the middle of *place* turns bright."""
    bright = [flash_at(film, number, place) for number in range(len(film.pictures))]
    return [film.times_ms[i] for i in range(1, len(bright)) if bright[i] and not bright[i - 1]]


def level(sound: Floats, frequency_hz: float, window: int = _WINDOW) -> Floats:
    """Return the amplitude of one frequency in windows that follow each other."""
    whole = sound[: len(sound) // window * window].reshape(-1, window)
    phase = 2j * np.pi * frequency_hz / 48000 * np.arange(window)
    return np.asarray(2 * np.abs(whole @ np.exp(-phase)) / window)


def beep_starts_ms(film: Film, beep_hz: int = BEEP_HZ) -> list[float]:
    """Return the film times at which a beep begins, to 2 ms; other tones are multiples of 100 Hz away."""
    step = 96
    turning = film.sound * np.exp(-2j * np.pi * beep_hz / 48000 * np.arange(len(film.sound)))
    until = np.concatenate([[0], np.cumsum(turning)])
    amplitude = 2 * np.abs(until[_WINDOW:] - until[:-_WINDOW])[::step] / _WINDOW
    # Half of it is reached when the beep fills half a window; how loud it is changes slowly.
    seconds = [amplitude[max(0, s - 1000) : s + 1500].max() for s in range(0, len(amplitude), 500)]
    loud = amplitude > np.maximum(np.repeat(seconds, 500)[: len(amplitude)] / 2, _SILENT)
    starts = [i for i in range(1, len(loud)) if loud[i] and not loud[max(0, i - 15) : i].any()]
    return [(i * step + _WINDOW / 2) / 48 for i in starts]


def distortion(sound: Floats, frequency_hz: float) -> Floats:
    """Return in windows of 10 ms, each 5 ms, how far *sound* is from being one pure tone (RMS)."""
    phase = 2 * np.pi * frequency_hz / 48000 * np.arange(_WINDOW)
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones(_WINDOW)], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[:: _WINDOW // 2]
    fitted, *_ = np.linalg.lstsq(basis, windows.T, rcond=None)
    return np.asarray(np.sqrt(((windows.T - basis @ fitted) ** 2).mean(axis=0)))


def media(path: Path) -> list[str]:
    """Return a hash of every packet of a file: containers number their files at random."""
    with av.open(path) as container:
        return [
            f"{p.stream.type} {p.pts} {hashlib.sha256(bytes(p)).hexdigest()}"
            for p in container.demux()
            if p.size
        ]
