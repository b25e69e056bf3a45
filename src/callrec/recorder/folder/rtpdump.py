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

from callrec.recorder.folder.plain_file import open_plain

_PORT = 9
"""Any but 0, which Wireshark refuses; 9 (discard) is what session descriptions say where there is none."""
_FIRST_LINE = b"#!rtpplay1.0 0.0.0.0/%d\n" % _PORT
_FILE_HEADER = struct.Struct("!IIIHH")  # start seconds, microseconds, source address, port, padding
_RECORD_HEADER = struct.Struct("!HHI")
HEADER_BYTES = len(_FIRST_LINE) + _FILE_HEADER.size
MAX_PACKET_BYTES = 0xFFFF - _RECORD_HEADER.size
_BLOCK_BYTES = 1 << 18


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
        self._pending += _FILE_HEADER.pack(seconds, int((anchor_wall_s - seconds) * 1e6), 0, _PORT, 0)

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


class TornTail(NamedTuple):
    """What follows the last whole record of a segment."""

    position: int
    """Where it begins, in bytes from the beginning of the file."""
    reason: str
    size_bytes: int


def read_records(path: Path, start: int = HEADER_BYTES) -> Iterator[tuple[Record, int]]:
    """Yield each whole record from byte *start* on with the position after it.

    Ends at a torn tail: a record whose length is below 8, unequal to plen + 8 for RTP, or past the end of the
    file. A file that is still written can so be read again from the last position.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    head_bytes, unpack, new = _RECORD_HEADER.size, _RECORD_HEADER.unpack_from, tuple.__new__
    with open_plain(path, buffering=0) as file:
        file.seek(start)
        rest = b""
        while block := file.read(_BLOCK_BYTES):
            block, at = rest + block, 0
            while at + head_bytes <= len(block):
                length, plen, offset_ms = unpack(block, at)
                if length != plen + head_bytes and _contradiction(length, plen):
                    return
                end = at + length
                if end > len(block):
                    break
                start += length
                yield new(Record, (offset_ms, not plen, block[at + head_bytes : end])), start
                at = end
            rest = block[at:]


def torn_tail(path: Path, position: int) -> TornTail | None:
    """Return what keeps the segment from being read on at *position*; None at a whole record or the end."""
    with path.open("rb") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        if size_bytes < HEADER_BYTES:
            return TornTail(0, "the file ends within its header", size_bytes)
        file.seek(position)
        head = file.read(_RECORD_HEADER.size)
    if not head:
        return None
    reason = "a record ends within its header"
    if len(head) == _RECORD_HEADER.size:
        length, plen, _ = _RECORD_HEADER.unpack(head)
        past_end = f"a record of {length} bytes passes the end" if position + length > size_bytes else ""
        reason = _contradiction(length, plen) or past_end
    return TornTail(position, reason, size_bytes - position) if reason else None


def has_header(path: Path) -> bool:
    """Tell whether the segment begins as ours do."""
    with path.open("rb") as file:
        return file.read(len(_FIRST_LINE)) == _FIRST_LINE


def _contradiction(length: int, plen: int) -> str:
    """Return what is wrong with the two lengths of a record, empty if they agree."""
    if length < _RECORD_HEADER.size:
        return f"a record of length {length} is shorter than its header"
    if plen and length != plen + _RECORD_HEADER.size:
        return f"a record of length {length} cannot hold a packet of {plen} bytes"
    return ""
