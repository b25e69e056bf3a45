"""What all video codecs' RTP payloads have in common, and how long an Opus packet lasts (RFC 6716)."""

from typing import NamedTuple, Protocol

OPUS_RATE_HZ = 48000
OPUS_DELAY_MS = 6.5
"""What is decoded comes so much later than what was encoded: encoders look ahead, and RTP does not tell."""
_OPUS_MAX_SAMPLES = 5760  # 120 ms (RFC 6716 §3.4)


class Coded(NamedTuple):
    """What is to be decoded of one moment; empty where there is nothing to be shown, and nothing missing."""

    data: bytes
    keyframe: bool


class Assembler(Protocol):
    """Makes coded pictures of the payloads of one video codec. It is given whatever came, in order."""

    def assemble(self, payloads: list[bytes], *, cut: bool) -> Coded | None:
        """Return the picture whose *payloads* these are, in order and none empty.

        *cut*: further ones at its end are missing. None when nothing of it can be decoded.
        """

    def continues(self, payload: bytes) -> bool:
        """Tell whether *payload* begins the very next picture, although packets before it are missing."""
        return False


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
