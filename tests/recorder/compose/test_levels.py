"""How loud everyone is: the same numbers whoever measures them, and when."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from callrec.recorder.compose.composer import Composer
from callrec.recorder.compose.film import Chunk, ComposeOptions, whole_chunk
from callrec.recorder.compose.hearing import Run, hear
from callrec.recorder.compose.ingest import LOOKAHEAD_MS
from callrec.recorder.compose.levels import Levels, Source
from callrec.recorder.folder.reader import FolderReader
from tests.recorder.compose.sounds import opus, placed, tone
from tests.recorder.synthetic import ANNA, BEN, Network, SyntheticRecording, every

OPTIONS = ComposeOptions(640, 360)
OWNERS = {0: "users/a", 1: "users/b", 2: "users/a"}
STARTED_MS = 730
CHUNK_MS = 12_800
CHUNKS = 2


def run(start_ms: int, amplitude: float, duration_ms: int) -> Run:
    sound = tone(duration_ms / 1000, 500, amplitude) * 32_767
    return Run(start_ms * 48, sound.round().astype(np.int16)[None])


def measured(tmp_path: Path, sources: dict[int, Source]) -> Levels:
    levels = Levels(tmp_path, STARTED_MS)
    levels.measure(whole_chunk(0, 25), sources)
    return levels


def test_levels_are_plain_rms_of_the_recordings_time(tmp_path: Path) -> None:
    levels = measured(tmp_path, {0: Source(True, [run(1000, 0.1, 200), run(2000, 0.01, 40)])})
    heard = levels.levels_db(10_000, OWNERS)["users/a"]
    assert len(heard) == 500
    assert heard.dtype == np.float32
    assert heard[50:60] == pytest.approx(-23, abs=0.3)
    assert heard[100:102] == pytest.approx(-43, abs=0.3)
    assert (np.delete(heard, [*range(50, 60), 100, 101]) == -120).all()


def test_the_louder_of_two_microphones_counts(tmp_path: Path) -> None:
    quiet, loud = Source(True, [run(1000, 0.01, 2000)]), Source(True, [run(2000, 0.1, 500)])
    heard = measured(tmp_path, {0: quiet, 2: loud}).levels_db(4000, OWNERS)
    assert set(heard) == {"users/a"}
    assert heard["users/a"][[60, 110, 140]] == pytest.approx([-43, -23, -43], abs=0.3)


def test_a_screen_does_not_speak(tmp_path: Path) -> None:
    assert measured(tmp_path, {1: Source(False, [run(1000, 0.1, 500)])}).levels_db(4000, OWNERS) == {}


@pytest.mark.parametrize(("since_ms", "until_ms"), [(0, 999), (1010, 2000), (0, 1e9), (13_000, 1e9)])
def test_a_part_of_them(tmp_path: Path, since_ms: int, until_ms: float) -> None:
    levels = measured(tmp_path, {0: Source(True, [run(1100, 0.1, 500)])})
    whole = levels.levels_db(1e9, OWNERS)["users/a"]
    assert len(whole) == 14_100 // 20  # 730 ms, a chunk, and 600 ms more: whole tenths of a second
    part = levels.levels_db(until_ms, OWNERS, since_ms=since_ms)["users/a"]
    assert np.array_equal(part, whole[since_ms // 20 : int(until_ms // 20)])


def test_what_is_damaged_is_not_recalled(tmp_path: Path) -> None:
    chunk = whole_chunk(0, 25)
    measured(tmp_path, {0: Source(True, [run(1000, 0.1, 500)])})
    (path,) = tmp_path.iterdir()
    assert Levels(tmp_path, STARTED_MS).recall(chunk) is not None
    assert Levels(tmp_path, STARTED_MS + 1).recall(chunk) is None
    assert Levels(tmp_path, STARTED_MS).recall(Chunk(0, 25, 200)) is None
    whole = path.read_bytes()
    flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(0, len(whole), 97)]
    for damaged in (b"", b"\x00" * 3, b"levels", whole[:-1], whole + b"\x00", *flipped):
        path.write_bytes(damaged)
        assert Levels(tmp_path, STARTED_MS).recall(chunk) is None
    path.write_bytes(whole)
    assert Levels(tmp_path, STARTED_MS).recall(chunk) is not None
    path.unlink()
    assert Levels(tmp_path, STARTED_MS).recall(chunk) is None


def composer(root: Path) -> Composer:
    return Composer(FolderReader.at(root), OPTIONS, root / "film", started_ms=STARTED_MS, coding="sound")


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "film").glob("*.levels")}


def recording(root: Path) -> SyntheticRecording:
    people = [ANNA, replace(BEN, connects_ms=3000)]
    return SyntheticRecording(
        root, people, 22_000, STARTED_MS, video=False, network=Network(every(9), reorder_every=5)
    )


def test_a_second_composer_gets_the_same_numbers(tmp_path: Path) -> None:
    one = recording(tmp_path)
    one.write()
    one.close()
    chunks = [whole_chunk(0, 25), Chunk(1, 25, 160)]
    first = composer(tmp_path)
    for chunk in chunks:
        first.compose(chunk)
    whole = {path: path.read_bytes() for path in (tmp_path / "film").iterdir()}
    assert len(whole) == 2 * CHUNKS
    # It begins with the second chunk: the first one's levels are recalled, or measured anew.
    for kept in (True, False):
        for path in whole:
            if path.name.startswith("000001") or not kept:
                path.unlink()
        composer(tmp_path).compose(chunks[1])
        for path, content in whole.items():
            if path.suffix == ".levels":
                assert path.read_bytes() == content


def test_no_more_of_the_log_is_needed_than_the_look_ahead(tmp_path: Path) -> None:
    for name, until_ms in (("short", STARTED_MS + CHUNK_MS + LOOKAHEAD_MS), ("whole", 1e9)):
        one = recording(tmp_path / name)
        one.write(until_ms)
        one.close()
        composer(tmp_path / name).compose(whole_chunk(0, 25))
    assert files(tmp_path / "short")
    assert files(tmp_path / "short") == files(tmp_path / "whole")


def test_what_was_decoded_before_a_piece_makes_no_difference() -> None:
    sounds = placed(opus(tone(4, 300, 0.2)))
    long, short = (hear(sounds, start, 3 * 48_000, channels=1) for start in (48_000, 96_000))
    ((first, one), (second, other)) = long[0], short[0]
    at = 96_000
    difference = (
        one[:, at - first : 3 * 48_000 - first].astype(int) - other[:, at - second : 144_000 - second]
    )
    assert np.abs(difference).max() <= 2
