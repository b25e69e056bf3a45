"""Encoded in another thread than drawn in, a chunk is the same."""

from collections.abc import Iterator

import av
import numpy as np
import pytest

from callrec.recorder.compose.coding import CODINGS, CodingName
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.planes import frame_planes
from tests.recorder.compose.films import tone

SIZE_PX = (320, 180)
CHUNK = Chunk(1, 25, 170)


def drawn() -> Iterator[av.VideoFrame | None]:
    """Noise, always on the same canvas; each fifth picture is the one before."""
    noise = np.random.default_rng(1)
    canvas = av.VideoFrame(*SIZE_PX, "yuv420p")
    for number in range(CHUNK.pictures):
        if number % 5 == 4:
            yield None
            continue
        for plane in frame_planes(canvas):
            plane[:] = noise.integers(0, 255, plane.shape, np.uint8)
        yield canvas


@pytest.mark.parametrize("coding", ["h264", "vp9"])
def test_it_is_the_same_chunk(coding: CodingName) -> None:
    alone, beside = (
        encode_chunk(CHUNK, CODINGS[coding], tone, drawn(), SIZE_PX, beside=beside)
        for beside in (False, True)
    )
    assert alone == beside


def test_what_fails_while_drawing_is_heard_of() -> None:
    def torn() -> Iterator[av.VideoFrame | None]:
        pictures = drawn()
        for _ in range(7):
            yield next(pictures)
        raise OSError("the log cannot be read")

    with pytest.raises(OSError, match="log"):
        encode_chunk(CHUNK, CODINGS["h264"], tone, torn(), SIZE_PX, beside=True)
