"""What stands at the beginning of VP8 (RFC 7741) and Opus (RFC 7587, RFC 6716) payloads."""

from typing import NamedTuple

OPUS_RATE_HZ = 48000
_OPUS_MAX_SAMPLES = 5760  # 120 ms (RFC 6716 §3.4)


class Vp8Payload(NamedTuple):
    """A piece of a VP8 frame."""

    begins_frame: bool
    keyframe: bool
    """Only meaningful where a frame begins."""
    data: bytes


def parse_vp8(payload: bytes) -> Vp8Payload | None:
    """Take off the payload descriptor (RFC 7741 §4.2). None when nothing is left behind it."""
    if not payload:
        return None
    first, position = payload[0], 1
    if first & 0x80 and len(payload) > 1:  # X
        flags, position = payload[1], 2
        if flags & 0x80 and position < len(payload):  # I: picture id of 7 or 15 bits
            position += 2 if payload[position] & 0x80 else 1
        if flags & 0x40:  # L
            position += 1
        if flags & 0x30:  # T or K
            position += 1
    if position >= len(payload):
        return None
    begins = bool(first & 0x10) and not first & 0x07
    return Vp8Payload(begins, begins and not payload[position] & 0x01, payload[position:])


def opus_samples(payload: bytes) -> int:
    """Return how many samples at 48 kHz an Opus packet lasts (RFC 6716 §3.1, §3.2); 0 if it is malformed."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 0x03
    if config < 12:  # SILK: 10, 20, 40, 60 ms
        samples = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:  # hybrid: 10, 20 ms
        samples = (480, 960)[config & 1]
    else:  # CELT: 2.5, 5, 10, 20 ms
        samples = (120, 240, 480, 960)[config & 3]
    if code == 3:
        samples *= payload[1] & 0x3F if len(payload) > 1 else 0
    elif code:
        samples *= 2
    return samples if samples <= _OPUS_MAX_SAMPLES else 0
