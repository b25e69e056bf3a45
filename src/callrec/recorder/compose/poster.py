"""The film's poster: one of its pictures as a JPEG file."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image

from callrec.recorder.compose import headway
from callrec.recorder.compose.chunk_packets import ChunkPacket, read_packets
from callrec.recorder.compose.film import Chunk
from callrec.recorder.folder.durable import replace_file

POSTER_SUFFIX = ".jpg"

_MAX_SIDE_PX = 1280
_QUALITY = 85
_CHUNKS = 40  # are looked at, of a long film
# People are still connecting.
_NOT_BEFORE_S = 5


class _Keyframe(NamedTuple):
    chunk: Chunk
    number: int
    """Among the chunk's pictures."""
    size_bytes: int


def write_poster(chunks: Sequence[Chunk], directory: Path, output: Path) -> None:
    """Write a poster of *chunks*, kept in *directory*, to *output*.

    It shows the keyframe that took the most bytes, of those that are not at the very beginning: most is to be
    seen there. The same film has the same poster.
    """
    some = chunks[:: -(-len(chunks) // _CHUNKS)]
    found = [keyframe for chunk in some for keyframe in _keyframes(chunk, directory)]
    settled = [k for k in found if k.chunk.first_picture + k.number >= _NOT_BEFORE_S * k.chunk.fps]
    fullest = max(settled or found, key=lambda keyframe: keyframe.size_bytes)
    image = _picture(fullest, directory)
    image.thumbnail((_MAX_SIDE_PX, _MAX_SIDE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    replace_file(output, buffer.getvalue())


def _keyframes(chunk: Chunk, directory: Path) -> Iterator[_Keyframe]:
    headway.made()
    for number, packet in enumerate(_pictures(chunk, directory)):
        if packet.keyframe:
            yield _Keyframe(chunk, number, len(packet.data))


def _pictures(chunk: Chunk, directory: Path) -> list[ChunkPacket]:
    return [packet for packet in read_packets(chunk.path(directory)) if packet.video]


def _picture(keyframe: _Keyframe, directory: Path) -> Image.Image:
    with av.open(keyframe.chunk.path(directory)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        packet = av.Packet(_pictures(keyframe.chunk, directory)[keyframe.number].data)
        frames = [*stream.decode(packet), *stream.decode(None)]
    return Image.fromarray(frames[0].to_ndarray(format="rgb24"))
