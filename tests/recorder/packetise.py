"""Coded pictures to RTP payloads, as browsers do it: the way back of what composition reads."""

import re
import struct
from collections.abc import Iterator

VP8_MTU_BYTES = 1100
"""As on a real path."""
MTU_BYTES = 200
"""Small, so that small pictures come in several packets."""


def packetise(codec: str, data: bytes, number: int, *, keyframe: bool) -> list[bytes]:
    """Return the payloads of picture *number*."""
    if codec == "h264":
        return h264_payloads(data)
    if codec == "av1":
        return av1_payloads(data, begins_sequence=keyframe)
    if codec == "vp9":
        return vp9_payloads([data], number, keyframe=keyframe)
    pieces = _pieces(data, VP8_MTU_BYTES)
    # RFC 7741: a picture id of 15 bits.
    return [
        struct.pack("!BBH", 0x80 | (0x10 if index == 0 else 0), 0x80, 0x8000 | number & 0x7FFF) + piece
        for index, piece in enumerate(pieces)
    ]


def nal_units(data: bytes) -> list[bytes]:
    """Return the NAL units of an Annex B stream."""
    return [unit.rstrip(b"\0") for unit in re.split(b"\0\0\1", data)[1:]]


def h264_payloads(data: bytes) -> list[bytes]:
    """RFC 6184: parameter sets aggregated, what is too large in fragments, the rest as it is."""
    payloads: list[bytes] = []
    units = nal_units(data)
    sets = [unit for unit in units if unit[0] & 0x1F in (7, 8)]
    if sets:
        payloads.append(b"\x78" + b"".join(struct.pack("!H", len(unit)) + unit for unit in sets))
    for unit in units:
        if unit in sets:
            continue
        if len(unit) <= MTU_BYTES:
            payloads.append(unit)
            continue
        pieces = _pieces(unit[1:])
        for index, piece in enumerate(pieces):
            flags = (0x80 if index == 0 else 0) | (0x40 if index == len(pieces) - 1 else 0)
            payloads.append(bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F]) + piece)
    return payloads


def vp9_payloads(layers: list[bytes], number: int, *, keyframe: bool) -> list[bytes]:
    """RFC 9628, non-flexible mode: a picture id of 15 bits, and layer indices if there are several layers."""
    payloads = []
    for layer, frame in enumerate(layers):
        pieces = _pieces(frame)
        for index, piece in enumerate(pieces):
            flags = 0x80 | (0 if keyframe else 0x40)
            flags |= (0x08 if index == 0 else 0) | (0x04 if index == len(pieces) - 1 else 0)
            indices = b""
            if len(layers) > 1:
                flags |= 0x20
                indices = bytes([layer << 1 | (1 if layer else 0), number & 0xFF])
            payloads.append(struct.pack("!BH", flags, 0x8000 | number & 0x7FFF) + indices + piece)
    return payloads


def obus(data: bytes) -> Iterator[bytes]:
    """Yield the OBUs of a temporal unit as they are sent: without size, without temporal delimiter."""
    position = 0
    while position < len(data):
        first = data[position]
        head = data[position : position + (2 if first & 0x04 else 1)]
        position += len(head)
        size = shift = 0
        while True:
            byte = data[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if first >> 3 != 2:
            yield bytes([first & ~0x02]) + head[1:] + data[position : position + size]
        position += size


def av1_payloads(data: bytes, *, begins_sequence: bool) -> list[bytes]:
    """What fits goes together, with counts or lengths by turns; what does not is in fragments."""
    payloads: list[bytes] = []
    small: list[bytes] = []

    def flush() -> None:
        if small and len(small) <= 3:
            sized = b"".join(_leb128(len(unit)) + unit for unit in small[:-1])
            payloads.append(bytes([len(small) << 4]) + sized + small[-1])
        elif small:
            payloads.append(b"\0" + b"".join(_leb128(len(unit)) + unit for unit in small))
        small.clear()

    for unit in obus(data):
        if len(unit) <= MTU_BYTES:
            if sum(map(len, small)) + len(unit) > MTU_BYTES:
                flush()
            small.append(unit)
            continue
        pieces = _pieces(unit)
        for index, piece in enumerate(pieces):
            flags = (0x80 if index else 0) | (0x40 if index < len(pieces) - 1 else 0)
            if index == 0:  # what waits goes into the same packet
                head = b"".join(_leb128(len(waiting)) + waiting for waiting in small)
                payloads.append(bytes([flags]) + head + _leb128(len(piece)) + piece)
                small.clear()
            else:
                payloads.append(bytes([flags | 0x10]) + piece)
    flush()
    if begins_sequence:
        payloads[0] = bytes([payloads[0][0] | 0x08]) + payloads[0][1:]
    return payloads


def _leb128(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _leb128(value >> 7)


def _pieces(data: bytes, size: int = MTU_BYTES) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]
