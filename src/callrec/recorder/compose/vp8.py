"""VP8 in RTP (RFC 7741)."""

from typing import NamedTuple

from callrec.recorder.compose.payload import Assembler, Coded


class Vp8Payload(NamedTuple):
    """A piece of a VP8 frame."""

    begins_frame: bool
    keyframe: bool
    """Only meaningful where a frame begins."""
    data: bytes


class Vp8(Assembler):
    """Frames are whole or worth nothing."""

    def assemble(self, payloads: list[bytes], *, cut: bool) -> Coded | None:
        """See Assembler."""
        head = None if cut else parse_vp8(payloads[0])
        if head is None or not head.begins_frame:
            return None
        rest = [payload[_data_start(payload) :] for payload in payloads[1:]]
        return Coded(b"".join([head.data, *rest]), head.keyframe)


def parse_vp8(payload: bytes) -> Vp8Payload | None:
    """Take off the payload descriptor (RFC 7741 §4.2). None when nothing is left behind it."""
    position = _data_start(payload) if payload else 0
    if position >= len(payload):
        return None
    begins = bool(payload[0] & 0x10) and not payload[0] & 0x07
    return Vp8Payload(begins, begins and not payload[position] & 0x01, payload[position:])


def _data_start(payload: bytes) -> int:
    first, position = payload[0], 1
    if first & 0x80 and len(payload) > 1:  # X
        flags, position = payload[1], 2
        if flags & 0x80 and position < len(payload):  # I: picture id of 7 or 15 bits
            position += 2 if payload[position] & 0x80 else 1
        if flags & 0x40:  # L
            position += 1
        if flags & 0x30:  # T or K
            position += 1
    return position
