"""Clips for composing, made once: what cameras and shared screens send, encoded as browsers do it.

noisy: everything moves, with strong noise: as dear as pictures get. webcam: a still room, a head that moves,
light noise. still: a room in which nothing moves, and no noise. screen: a page of text, turned every four
seconds.
"""

import fractions
from collections.abc import Iterator
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

Kind = Literal["noisy", "webcam", "still", "screen"]
Luma = npt.NDArray[np.float32]

CAMERA_PX = (1280, 720)
SCREEN_PX = (1920, 1080)
BIT_RATE_BPS = 1_200_000
PICTURES_PER_S = 25
SCREEN_PICTURES_PER_S = 5
KEYFRAME_EVERY_S = 10
_PAGE_S = 4
_HEAD_PX = (400, 420)


def clip(kind: Kind, seconds: int, seed: int) -> list[bytes]:
    """Return the VP8 frames of a clip."""
    size_px, rate = (SCREEN_PX, SCREEN_PICTURES_PER_S) if kind == "screen" else (CAMERA_PX, PICTURES_PER_S)
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    (codec.width, codec.height), codec.pix_fmt = size_px, "yuv420p"
    codec.bit_rate, codec.thread_count = BIT_RATE_BPS, 1
    codec.time_base, codec.framerate = fractions.Fraction(1, rate), fractions.Fraction(rate)
    keyframes = str(KEYFRAME_EVERY_S * rate)
    codec.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "g": keyframes}
    frames = []
    for number, picture in enumerate(_pictures(kind, seconds * rate, size_px, seed)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return frames


def _pictures(kind: Kind, count: int, size_px: tuple[int, int], seed: int) -> Iterator[npt.NDArray[np.uint8]]:
    width, height = size_px
    random = np.random.default_rng(seed)
    room = _texture(random, width, height) * 150 + 50
    colours = _texture(random, width, height // 2) * 60 + 100
    head = _texture(random, *_HEAD_PX) * 120 + 80
    noise = [random.normal(0, 1, (height, width)).astype(np.float32) for _ in range(7)]
    page = np.zeros((height, width), np.float32)
    for number in range(count):
        if kind == "screen":
            if number % (_PAGE_S * SCREEN_PICTURES_PER_S) == 0:
                page = _page(random, width, height)
            luma = page
        elif kind == "still":
            luma = room
        elif kind == "webcam":
            luma = room + 1.2 * np.roll(noise[number % 7], 37 * number, 1)
        else:
            luma = np.roll(room, (2 * number % height, 4 * number % width), (0, 1)) + 6 * noise[number % 7]
        if kind in ("webcam", "noisy"):
            luma = _with_head(luma, head, noise[(number + 3) % 7], number)
        picture = np.empty((height * 3 // 2, width), np.uint8)
        picture[:height] = np.clip(luma, 16, 235)
        picture[height:] = 128 if kind == "screen" else np.clip(colours, 16, 240)
        yield picture


def _with_head(luma: Luma, head: Luma, noise: Luma, number: int) -> Luma:
    """Put somebody before the room who sways and nods."""
    height, width = luma.shape
    rows, columns = np.mgrid[0 : head.shape[0], 0 : head.shape[1]]
    inside = ((rows - 210) / 200) ** 2 + ((columns - 200) / 180) ** 2 < 1
    left = int(width / 2 - 200 + 40 * np.sin(number / 12))
    top = int(height - 430 + 15 * np.sin(number / 7))
    visible = min(height - top, head.shape[0])
    place = slice(top, top + visible), slice(left, left + head.shape[1])
    face = head[:visible] + 1.2 * noise[:visible, : head.shape[1]]
    luma = luma.copy()
    luma[place] = np.where(inside[:visible], face, luma[place])
    return luma


def _texture(random: np.random.Generator, width: int, height: int) -> Luma:
    """Return something with detail of all sizes, from 0 to 1."""
    texture = np.zeros((height, width), np.float32)
    for size in (4, 8, 16, 32, 64, 128):
        coarse = random.normal(0, 1, (height // size + 2, width // size + 2)).astype(np.float32)
        layer = np.kron(coarse, np.ones((size, size), np.float32))[:height, :width]
        for axis in (0, 1):
            padding = [(size // 2, size - size // 2) if axis == a else (0, 0) for a in (0, 1)]
            sums = np.cumsum(np.pad(layer, padding, mode="edge"), axis=axis)
            ends, starts = np.arange(size, sums.shape[axis]), np.arange(sums.shape[axis] - size)
            layer = (np.take(sums, ends, axis=axis) - np.take(sums, starts, axis=axis)) / size
        texture += layer * size**0.7
    texture -= texture.min()
    texture /= texture.max()
    return texture


def _page(random: np.random.Generator, width: int, height: int) -> Luma:
    """Return lines of something like words."""
    page = np.full((height, width), 235, np.float32)
    for top in range(60, height - 60, 28):
        ink = random.random((16, width // 2)) < 0.5
        words = np.repeat(random.random(width // 60) < 0.8, 60)[:width]
        page[top : top + 16, : len(words)] -= 200 * (np.repeat(ink, 2, axis=1)[:, : len(words)] & words)
    page[:, :100] = page[:, -100:] = 235
    return page
