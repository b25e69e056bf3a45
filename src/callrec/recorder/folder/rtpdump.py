"""Segments of a track in the rtpdump format (rtptools), readable by Wireshark.

A file is a text line, a 16-byte header, and records: length (2 bytes, of the whole record), plen (2 bytes, of
the RTP packet; 0 marks an RTCP compound), offset (4 bytes, ms on the recording's time line), packet; all
big-endian. Packets are stored as they left SRTP.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FIRST_LINE = b"#!rtpplay1.0 0.0.0.0/0\n"
_FILE_HEADER = struct.Struct("!IIIHH")  # start seconds, microseconds, source address, port, padding
_RECORD_HEADER = struct.Struct("!HHI")
HEADER_BYTES = len(_FIRST_LINE) + _FILE_HEADER.size
MAX_PACKET_BYTES = 0xFFFF - _RECORD_HEADER.size


class Record(NamedTuple):
    """One packet and when it arrived (ms on the recording's time line)."""

    offset_ms: int
    rtcp: bool
    packet: bytes


class SegmentWriter:
    """Writes one segment. Records are collected and reach the kernel with ``flush``."""

    def __init__(self, path: Path, anchor_wall_s: float) -> None:
        """Create *path*; raises FileExistsError rather than append to another process's segment."""
        self._file = path.open("xb", buffering=0)
        self._pending = bytearray(_FIRST_LINE)
        seconds = int(anchor_wall_s)
        self._pending += _FILE_HEADER.pack(seconds, int((anchor_wall_s - seconds) * 1e6), 0, 0, 0)

    def add(self, offset_ms: int, packet: bytes, *, rtcp: bool = False) -> None:
        """Collect one packet."""
        size = len(packet)
        if size <= MAX_PACKET_BYTES:
            self._pending += _RECORD_HEADER.pack(size + _RECORD_HEADER.size, 0 if rtcp else size, offset_ms)
            self._pending += packet

    def flush(self) -> None:
        """Hand what was collected to the kernel. On OSError it is kept for the next try."""
        while self._pending:
            written = self._file.write(self._pending)
            del self._pending[: written or 0]

    def sync(self) -> None:
        """Make what was flushed durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush, make durable, close."""
        try:
            self.flush()
            self.sync()
        finally:
            self._file.close()


def read_records(path: Path, start: int = HEADER_BYTES) -> Iterator[tuple[Record, int]]:
    """Yield each whole record from byte *start* on with the position after it.

    Ends at a torn tail: a record whose length is below 8, unequal to plen + 8 for RTP, or past the end of the
    file. A file that is still written can so be read again from the last position.
    """
    with path.open("rb") as file:
        file.seek(start)
        data = memoryview(file.read())
    position = 0
    while position + _RECORD_HEADER.size <= len(data):
        length, plen, offset_ms = _RECORD_HEADER.unpack_from(data, position)
        end = position + length
        if length < _RECORD_HEADER.size or (plen and length != plen + _RECORD_HEADER.size) or end > len(data):
            return
        packet = bytes(data[position + _RECORD_HEADER.size : end])
        position = end
        yield Record(offset_ms, not plen, packet), start + position
