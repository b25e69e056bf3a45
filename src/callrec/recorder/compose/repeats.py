"""Pictures that repeat the one before, made without the encoder, which does not learn of them.

An encoder would spend as much on a picture in which nothing moves as on others. H.264: a picture whose
macroblocks are all skipped; as pictures are counted, those that follow in the group get new numbers. VP9: a
frame of one byte that shows a reference again.
"""

import re
from functools import lru_cache
from typing import Protocol

import av
import numpy as np

from callrec.recorder.compose.coding import H264, PictureCodec, configure

_START_CODE = b"\0\0\0\1"
_SLICE, _IDR, _SPS = 1, 5, 7
_TYPE = 0x1F
_HEAD_BYTES = 16
"""Holds of a slice or a parameter set what is looked at."""
_PROFILES_WITH_CHROMA_FORMAT = (100, 110, 122, 244)
# Frame marker, profile 0, show_existing_frame, slot 0: libvpx keeps the last picture there.
_VP9_SHOW_LAST = bytes([0b10_00_1_000])


class Repeats(Protocol):
    """Puts repeated pictures between those of an encoder."""

    def encoded(self, data: bytes) -> bytes:
        """Return the next picture of the encoder as it has to be in the film."""

    def repeat(self) -> bytes:
        """Return a picture that looks as the one before."""


def repeats_for(codec: PictureCodec, fps: int, size_px: tuple[int, int]) -> Repeats:
    """Return what repeats pictures of that encoder."""
    return _H264Repeats(fps, size_px) if codec == H264 else _Vp9Repeats()


class _Vp9Repeats:
    def encoded(self, data: bytes) -> bytes:
        return data

    def repeat(self) -> bytes:
        return _VP9_SHOW_LAST


class _H264Repeats:
    """Counts pictures as ``frame_num`` does (ITU-T H.264, 7.4.3): each is a reference for the next."""

    def __init__(self, fps: int, size_px: tuple[int, int]) -> None:
        self._fps, self._size_px = fps, size_px
        self._number = 0
        self._repeated = False

    def encoded(self, data: bytes) -> bytes:
        units = _units(data)
        if any(unit[0] & _TYPE == _IDR for unit in units):
            self._number, self._repeated = 0, False
            return data
        self._number += 1
        if not self._repeated:
            return data
        _, width = _skipped(self._fps, self._size_px)
        return b"".join(
            _START_CODE + (_numbered(unit, self._number, width) if unit[0] & _TYPE == _SLICE else unit)
            for unit in units
        )

    def repeat(self) -> bytes:
        self._number += 1
        self._repeated = True
        unit, width = _skipped(self._fps, self._size_px)
        return _START_CODE + _numbered(unit, self._number, width)


@lru_cache(4)
def _skipped(fps: int, size_px: tuple[int, int]) -> tuple[bytes, int]:
    """Return a slice that skips all macroblocks, and how many bits of such slices ``frame_num`` has.

    The encoder makes one of a grey picture that follows on its like; it holds after any other picture, too.
    """
    encoder = av.CodecContext.create(H264.encoder, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    configure(encoder, H264, fps, size_px)
    grey = np.full((size_px[1] * 3 // 2, size_px[0]), 128, np.uint8)
    units: list[bytes] = []
    for number in range(2):
        frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            units += _units(bytes(packet))
    sets = next(unit for unit in units if unit[0] & _TYPE == _SPS)
    return next(unit for unit in units if unit[0] & _TYPE == _SLICE), _frame_num_bits(sets)


def _frame_num_bits(parameters: bytes) -> int:
    """Read ``log2_max_frame_num`` of a sequence parameter set (ITU-T H.264, 7.3.2.1.1)."""
    bits = _bits(_unescaped(parameters)[: 4 + _HEAD_BYTES])
    _, at = _exp_golomb(bits, 32)  # behind the type, profile, constraints and level
    if parameters[1] in _PROFILES_WITH_CHROMA_FORMAT:
        for _ in range(3):  # chroma format, bit depths
            _, at = _exp_golomb(bits, at)
        at += 2  # bypass, no scaling matrix
    value, _ = _exp_golomb(bits, at)
    return value + 4


def _numbered(unit: bytes, number: int, width: int) -> bytes:
    """Return the slice with this ``frame_num`` (ITU-T H.264, 7.3.3)."""
    plain = _unescaped(unit)
    head, rest = plain[1 : 1 + _HEAD_BYTES], plain[1 + _HEAD_BYTES :]
    bits, at = _bits(head), 0
    for _ in range(3):  # first macroblock, type, picture parameter set
        _, at = _exp_golomb(bits, at)
    bits = f"{bits[:at]}{number % (1 << width):0{width}b}{bits[at + width :]}"
    return plain[:1] + _escaped(int(bits, 2).to_bytes(len(head), "big") + rest)


def _exp_golomb(bits: str, at: int) -> tuple[int, int]:
    """Read ue(v) at a position: its value, and where it ends."""
    zeros = bits.index("1", at) - at
    end = at + 2 * zeros + 1
    return int(bits[at + zeros : end], 2) - 1, end


def _bits(data: bytes) -> str:
    return f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"


def _units(data: bytes) -> list[bytes]:
    """Return the NAL units of Annex B."""
    return [unit for unit in re.split(b"\0?\0\0\1", data) if unit]


def _unescaped(unit: bytes) -> bytes:
    return unit.replace(b"\0\0\3", b"\0\0")


def _escaped(data: bytes) -> bytes:
    return re.sub(b"\0\0(?=[\0-\3])", b"\0\0\3", data)
