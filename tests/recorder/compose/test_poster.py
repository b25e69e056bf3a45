"""The poster shows where most is to be seen, and is the same for the same film."""

from pathlib import Path

import numpy as np
from PIL import Image

from callrec.recorder.compose.coding import CODINGS, CodingName
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import chunks_of
from callrec.recorder.compose.poster import write_poster
from tests.recorder.compose.films import LARGE_PX, large_pictures, tone


def test_a_poster(tmp_path: Path) -> None:
    names: list[CodingName] = ["h264", "vp9"]
    for coding in names:
        directory = tmp_path / coding
        directory.mkdir()
        chunks = chunks_of(13_000, 25)
        for chunk in chunks:
            content = encode_chunk(chunk, CODINGS[coding], tone, large_pictures(chunk), LARGE_PX)
            chunk.path(directory).write_bytes(content)
        first, again = tmp_path / f"{coding}.jpg", tmp_path / f"{coding}-again.jpg"
        write_poster(chunks, directory, first)
        write_poster(chunks, directory, again)
        assert first.read_bytes() == again.read_bytes()
        with Image.open(first) as image:
            assert (image.format, image.size) == ("JPEG", (1280, 720))
            assert np.asarray(image.convert("L")).mean() > 80


def test_the_poster_of_a_film_of_a_moment(tmp_path: Path) -> None:
    (chunk,) = chunks_of(80, 25)
    chunk.path(tmp_path).write_bytes(
        encode_chunk(chunk, CODINGS["h264"], tone, large_pictures(chunk), LARGE_PX)
    )
    write_poster([chunk], tmp_path, tmp_path / "Film.jpg")
    with Image.open(tmp_path / "Film.jpg") as image:
        assert image.size == (1280, 720)
