"""What the people of synthetic recordings send: pictures and sounds with known truth, encoded.

Each person's picture has a colour of its own, the number of the frame as a row of 16 blocks, and a bright
square during the first 80 ms of each second; the sound is a tone, and a beep while the square is bright.
"""

import os
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
import numpy.typing as npt

FPS = 25
CODE_BITS = 16
FLASH_MS = 80
BEEP_HZ = 1500
KEYFRAME_EVERY = 50
CLIP_S = 22
"""Length of every clip."""

_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "-12", "lag-in-frames": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "h264": (
        "libx264",
        {"preset": "superfast", "tune": "zerolatency", "profile": "baseline", "sc_threshold": "0"},
    ),
    "av1": (
        "libsvtav1",
        {"preset": "10", "crf": "40", "svtav1-params": "rtc=1:pred-struct=1:lookahead=0:lp=1"},
    ),
}


def clip_picture(number: int, size_px: tuple[int, int], colour: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return frame *number* of a clip as a yuv420p array."""
    width, height = size_px
    picture = np.empty((height * 3 // 2, width), np.uint8)
    picture[:height] = 90
    block = width // CODE_BITS
    for bit in range(CODE_BITS):
        picture[: height // 8, bit * block : (bit + 1) * block] = 200 if number >> bit & 1 else 40
    bright = number % FPS * 1000 / FPS < FLASH_MS
    picture[height // 3 : height * 2 // 3, width // 3 : width * 2 // 3] = 230 if bright else 50
    x = number * 4 % (width - 32)
    picture[height * 3 // 4 : height * 3 // 4 + 16, x : x + 32] = 150
    quarter = width * height // 4
    chroma = picture[height:].reshape(-1)
    chroma[:quarter], chroma[quarter:] = colour
    return picture


@lru_cache
def encoded_clip(size_px: tuple[int, int], colour: tuple[int, int], codec: str = "vp8") -> list[bytes]:
    """Return the frames of a clip of ``CLIP_S`` seconds; every ``KEYFRAME_EVERY``-th is a keyframe."""
    name, options = _ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size_px
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, FPS), Fraction(FPS)
    encoder.bit_rate, encoder.thread_count = 0 if "crf" in options else 400_000, 1
    encoder.options = {**options, "g": str(KEYFRAME_EVERY)}
    packets = []
    try:
        for number in range(CLIP_S * FPS):
            frame = av.VideoFrame.from_ndarray(clip_picture(number, size_px, colour), format="yuv420p")
            frame.pts = number
            packets += encoder.encode(frame)
        packets += encoder.encode()
    finally:
        # SVT-AV1 gives the thread that calls it the highest real-time priority where it may, as root: a
        # browser that is started from it later would take the whole machine.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return [bytes(packet) for packet in packets]


@lru_cache
def encoded_sound(tone_hz: int, beep_hz: int = BEEP_HZ) -> list[bytes]:
    """Return the Opus packets (20 ms) of the sound of ``CLIP_S`` seconds."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "flt"
    encoder.bit_rate, encoder.time_base = 48_000, Fraction(1, 48000)
    t = np.arange(CLIP_S * 48000)
    sound = 0.1 * np.sin(2 * np.pi * tone_hz * t / 48000)
    beeping = t % 48000 < FLASH_MS * 48
    sound += beeping * 0.4 * np.sin(2 * np.pi * beep_hz * t / 48000)
    packets = []
    for index in range(len(t) // 960):
        piece = sound[index * 960 : (index + 1) * 960].astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48000, index * 960
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in packets]
