"""What is read from a chunk is what FFmpeg reads from it."""

from pathlib import Path

import av
import pytest

from callrec.errors import ComposeFailed
from callrec.recorder.compose.chunk_packets import read_packets
from callrec.recorder.compose.coding import CODINGS, CodingName
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.seal import sealed
from tests.recorder.compose.films import LARGE_PX, large_pictures, tone

CHUNK = Chunk(0, 25, 170)


@pytest.mark.parametrize("coding", CODINGS)
def test_all_of_it_is_read(tmp_path: Path, coding: CodingName) -> None:
    shown = None if coding == "sound" else large_pictures(CHUNK)
    path = tmp_path / "chunk.mkv"
    path.write_bytes(sealed(encode_chunk(CHUNK, CODINGS[coding], tone, shown, LARGE_PX)))
    with av.open(path) as container:
        wanted = [(p.stream.type == "video", p.is_keyframe, bytes(p)) for p in container.demux() if p.size]
    assert [(p.video, p.keyframe, bytes(p.data)) for p in read_packets(path)] == wanted
    assert sum(p.video for p in read_packets(path)) == (0 if shown is None else CHUNK.pictures)


def test_what_is_no_chunk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "chunk.mkv"
    whole = encode_chunk(CHUNK, CODINGS["sound"], tone, None, LARGE_PX)
    for content in (whole[:-1], whole[:1000], b"\0" * 100, b"A film? No.", whole + b"\x1f"):
        path.write_bytes(content)
        with pytest.raises(ComposeFailed, match=r"chunk\.mkv: is no chunk"):
            read_packets(path)
