"""A checksum behind a chunk's content, so that damage on the disk is noticed and the chunk is made anew.

It stands in a Void element (RFC 8794 §11.3.2): whoever reads Matroska passes over it.
"""

import zlib
from pathlib import Path

_CRC_BYTES = 4
_VOID = bytes([0xEC, 0x80 | _CRC_BYTES])
_SEAL_BYTES = len(_VOID) + _CRC_BYTES


def sealed(content: bytes) -> bytes:
    """Return *content* with its seal."""
    return content + _seal(content)


def is_whole(path: Path) -> bool:
    """Tell whether the file can be read, and holds what was sealed."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return False
    end = max(0, len(data) - _SEAL_BYTES)
    return data[end:] == _seal(data[:end])


def _seal(content: bytes | memoryview) -> bytes:
    return _VOID + zlib.crc32(content).to_bytes(_CRC_BYTES)
