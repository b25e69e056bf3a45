"""Chunks that a disk has damaged are noticed and made anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.seal import is_whole, sealed
from callrec.recorder.compose.worker import compose_once
from tests.recorder.compose.watching import media
from tests.recorder.synthetic import ANNA, SyntheticRecording

SMALL = ComposeOptions(320, 180)

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing is left": lambda data: b"",
    "the second half is lost": lambda data: data[: len(data) // 2],
    "the last byte is lost": lambda data: data[:-1],
    "one bit is another": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "a block is zeros": lambda data: data[:4096] + bytes(4096) + data[8192:],
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_noticed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "chunk"
    whole = sealed(bytes(range(1, 256)) * 40)
    path.write_bytes(whole)
    assert is_whole(path)
    path.write_bytes(DAMAGE[name](whole))
    assert not is_whole(path)


def test_what_cannot_be_read_is_not_whole(tmp_path: Path) -> None:
    assert not is_whole(tmp_path / "nothing")
    assert not is_whole(tmp_path)


def test_the_film_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 31_000)
    recording.write()
    recording.close()
    film = compose_once(tmp_path, SMALL)
    whole = media(film)
    first, second, third = sorted(recording.paths.chunks.glob("*/*.mkv"))
    for path, name in ((first, "one bit is another"), (third, "the second half is lost")):
        path.write_bytes(DAMAGE[name](path.read_bytes()))
    film.unlink()
    untouched_ns = second.stat().st_mtime_ns
    assert media(compose_once(tmp_path, SMALL)) == whole
    assert second.stat().st_mtime_ns == untouched_ns
