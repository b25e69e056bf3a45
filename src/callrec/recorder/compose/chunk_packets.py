"""The packets in a chunk's file, without a demuxer.

FFmpeg's opens decoders and reads ahead to learn what a file holds, which costs many times what reading the
packets does; what a chunk holds is known. EBML: RFC 8794; Matroska: RFC 9559.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from callrec.errors import ComposeFailed

_SEGMENT, _TRACKS, _TRACK_ENTRY, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_TRACK_NUMBER, _TRACK_TYPE, _SIMPLE_BLOCK, _BLOCK_GROUP = 0xD7, 0x83, 0xA3, 0xA0
_VIDEO = 1
# Of a block: track number (one byte, as there are two tracks), time (two bytes), flags.
_BLOCK_HEAD_BYTES = 4
_KEYFRAME, _LACING = 0x80, 0x06


class ChunkPacket(NamedTuple):
    """One packet of a chunk."""

    video: bool
    keyframe: bool
    data: bytes


def read_packets(path: Path) -> list[ChunkPacket]:
    """Return all packets of the chunk at *path*, interleaved as they are there.

    Raises:
        ComposeFailed: it is no chunk.
        OSError: it cannot be read.
    """
    content = memoryview(path.read_bytes())
    try:
        return list(_packets(content))
    except (IndexError, KeyError) as error:
        raise ComposeFailed(f"{path.name}: is no chunk") from error


def _packets(content: memoryview) -> Iterator[ChunkPacket]:
    video: dict[int, bool] = {}
    for element, body in _elements(content):
        if element != _SEGMENT:
            continue
        for part, inside in _elements(body):
            if part == _TRACKS:
                video = dict(_track(entry) for kind, entry in _elements(inside) if kind == _TRACK_ENTRY)
            elif part == _CLUSTER:
                for kind, block in _elements(inside):
                    if kind == _SIMPLE_BLOCK and not block[3] & _LACING:
                        yield ChunkPacket(
                            video=video[block[0] & 0x7F],
                            keyframe=bool(block[3] & _KEYFRAME),
                            data=bytes(block[_BLOCK_HEAD_BYTES:]),
                        )
                    elif kind in (_SIMPLE_BLOCK, _BLOCK_GROUP):  # encode_chunk writes none of these
                        raise KeyError(kind)


def _track(entry: memoryview) -> tuple[int, bool]:
    """Return a track's number, and whether it is pictures."""
    fields = {kind: int.from_bytes(body[:8]) for kind, body in _elements(entry)}
    return fields[_TRACK_NUMBER], fields[_TRACK_TYPE] == _VIDEO


def _elements(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield id and body of each element. Raises IndexError where one passes the end."""
    at, end = 0, len(content)
    while at < end:
        width = 9 - content[at].bit_length()
        element = int.from_bytes(content[at : at + width])
        at += width
        first = content[at]
        width = 9 - first.bit_length()
        size = int.from_bytes(content[at : at + width]) & ((1 << 7 * width) - 1)
        at += width
        if at + size > end:
            raise IndexError(at)
        yield element, content[at : at + size]
        at += size
