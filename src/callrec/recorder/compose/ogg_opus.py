"""Writes Opus packets as they are into an Ogg file (RFC 3533, RFC 7845), each at its sample.

Where nothing was sent, packets without content take the time: decoders conceal those, which after a moment is
silence, and every player keeps the time. They last multiples of 2.5 ms; what is left over is carried on.
"""

import struct
import zlib
from typing import BinaryIO

from callrec.recorder.compose.payload import OPUS_RATE_HZ, opus_samples

_UNIT = OPUS_RATE_HZ // 400  # 2.5 ms, the shortest frame
_PAGE_SAMPLES = OPUS_RATE_HZ  # a page a second: for seeking
_MAX_SEGMENTS = 255
_BEGIN, _END = 2, 4
_SERIAL = 1
_HEAD = struct.Struct("<4sBBqIIIB")
_SHORTEST, _LONG = 28 << 3, 31 << 3  # CELT at full bandwidth: frames of 2.5 and of 20 ms (RFC 6716 §3.1)
_CONFIGURATION, _SO_MANY_FRAMES = 0xFC, 3
_MAX_PACKET = 48 * _UNIT  # 120 ms (RFC 6716 §3.2.5)

# Ogg's CRC is zlib's with the bits of each byte, and of the sum, the other way round, and without inversion.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggOpusWriter:
    """Writes one file; sample 0 is its beginning."""

    def __init__(self, file: BinaryIO, title: str) -> None:
        self._file = file
        self._sequence = 0
        self._segments = bytearray()
        self._content = bytearray()
        self._page_from = 0
        self._kind = _LONG
        """How the newest packet was coded: what is missing is concealed in the same way (RFC 7845 §4.1)."""
        self.end = 0
        """The sample after the last one."""
        # Version 1, 2 channels, no pre-skip, 48 kHz, no gain, mapping family 0.
        self._packet(b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, OPUS_RATE_HZ, 0, 0))
        self._page(_BEGIN, 0)
        comment = f"TITLE={title}".encode()
        self._packet(b"OpusTags" + _sized(b"callrec") + struct.pack("<I", 1) + _sized(comment))
        self._page(0, 0)

    def write(self, start: int, data: bytes) -> None:
        """Write a packet that is heard from sample *start* on.

        It follows without a hole where that is not a frame later; where the sender's clock has run ahead by a
        whole packet, one is left out.
        """
        samples = opus_samples(data)
        if samples == 0 or start + samples <= self.end:
            return
        self._fill(start)
        self._sound(data, samples)
        self._kind = data[0] & _CONFIGURATION

    def close(self, end: int) -> None:
        """End the file at sample *end*; does not close the file object."""
        self._fill(end + _UNIT - 1)
        self._page(_END, min(self.end, end) if self._segments else self.end)

    def _fill(self, to: int) -> None:
        for kind in (self._kind, _SHORTEST):
            frame = opus_samples(bytes([kind]))
            while (frames := min(to - self.end, _MAX_PACKET) // frame) > 0:
                self._sound(bytes([kind | _SO_MANY_FRAMES, frames]), frames * frame)

    def _sound(self, data: bytes, samples: int) -> None:
        if (
            self.end - self._page_from >= _PAGE_SAMPLES
            or len(self._segments) + len(data) // 255 >= _MAX_SEGMENTS
        ):
            self._page(0, self.end)
        self._packet(data)
        self.end += samples

    def _packet(self, data: bytes) -> None:
        """Add a packet to the page: one of any size that senders make fits."""
        full, rest = divmod(len(data), 255)
        self._segments += b"\xff" * full + bytes([rest])
        self._content += data

    def _page(self, flags: int, granule: int) -> None:
        head = _HEAD.pack(b"OggS", 0, flags, granule, _SERIAL, self._sequence, 0, len(self._segments))
        page = bytearray(head + self._segments + self._content)
        page[22:26] = struct.pack("<I", _crc(page))
        self._file.write(page)
        self._sequence += 1
        self._segments.clear()
        self._content.clear()
        self._page_from = self.end


def _sized(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def _crc(page: bytes | bytearray) -> int:
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
