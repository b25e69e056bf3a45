"""Each participant's own sound and pictures: the packets that were sent, at their times."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from callrec.recorder.compose.file_names import unique_names
from callrec.recorder.compose.lanes import Lanes
from callrec.recorder.compose.ogg_opus import OggOpusWriter
from callrec.recorder.compose.people import people_of
from callrec.recorder.compose.tracks_out import write_tracks
from callrec.recorder.folder.reader import FolderReader
from tests.recorder.clips import encoded_clip, encoded_sound
from tests.recorder.compose.watching import level
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, BEN, CEM, Network, SyntheticRecording, every

STARTED_MS, STOP_MS = 1000, 9137
DURATION_MS = STOP_MS - STARTED_MS
SAMPLES = DURATION_MS * 48


def tracks_of(root: Path, people: list[Person], network: Network | None = None) -> Path:
    """Record *people* and return the directory of their tracks."""
    recording = SyntheticRecording(
        root / "recording",
        people,
        STOP_MS,
        STARTED_MS,
        network=network or Network(retransmitted_after_ms=100),
    )
    recording.write()
    recording.close()
    reader = FolderReader.at(recording.root)
    write_tracks(reader, people_of(reader), root / "tracks", STARTED_MS, DURATION_MS, video=True)
    return root / "tracks"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def heard(path: Path) -> npt.NDArray[np.float64]:
    with av.open(path) as container:
        planes = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.asarray(np.concatenate(planes, axis=1)[0], np.float64)


def packets(path: Path) -> list[tuple[int, bytes]]:
    """Return time in ms and content of each packet."""
    with av.open(path) as container:
        return [
            (round(float(packet.pts * packet.time_base) * 1000), bytes(packet))
            for packet in container.demux()
            if packet.size and packet.pts is not None and packet.time_base is not None
        ]


def test_sound_is_what_was_sent_and_exactly_as_long_as_the_film(tmp_path: Path) -> None:
    late = replace(BEN, joins_ms=3000, leaves_ms=6000, camera=False)
    directory = tracks_of(tmp_path, [replace(ANNA, camera=False), late])
    assert names(directory) == ["Anna Åström microphone.ogg", "Ben microphone.ogg"]
    for name, person in (("Anna Åström", ANNA), ("Ben", late)):
        sent = {hashlib.sha256(data).digest() for data in encoded_sound(person.tone_hz)}
        written = [data for _, data in packets(directory / f"{name} microphone.ogg")]
        own = [data for data in written if hashlib.sha256(data).digest() in sent]
        assert (
            len(own)
            > 0.9 * (min(person.leaves_ms or STOP_MS, STOP_MS) - max(person.joins_ms, STARTED_MS)) / 20
        )
        assert all(len(data) == 2 for data in written if data not in own), "the rest has no content"
        assert len(heard(directory / f"{name} microphone.ogg")) == SAMPLES
    loud = level(heard(directory / "Ben microphone.ogg"), BEN.tone_hz) > 0.05
    begin_ms, end_ms = np.flatnonzero(loud)[[0, -1]] * 10
    assert begin_ms == pytest.approx(3000 - STARTED_MS, abs=40)
    assert end_ms == pytest.approx(6000 - STARTED_MS, abs=40)
    assert loud[begin_ms // 10 : end_ms // 10].all()


def test_lost_sound_is_a_hole_of_its_length(tmp_path: Path) -> None:
    whole = tracks_of(tmp_path / "whole", [replace(ANNA, camera=False)])
    holes = tracks_of(tmp_path / "holes", [replace(ANNA, camera=False)], Network(lost=every(10)))
    file = "Anna Åström microphone.ogg"
    sent = [(ms, data) for ms, data in packets(whole / file) if len(data) > 2]
    kept = [(ms, data) for ms, data in packets(holes / file) if len(data) > 2]
    assert len(kept) == pytest.approx(0.9 * len(sent), abs=3)
    for ms, data in kept:  # a tone repeats itself: the same bytes are sent again and again
        assert any(data == known and abs(at_ms - ms) <= 5 for at_ms, known in sent)
    assert len(heard(holes / file)) == SAMPLES


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1"])
def test_pictures_are_what_was_sent_at_their_times(tmp_path: Path, codec: str) -> None:
    directory = tracks_of(tmp_path, [replace(ANNA, codec=codec)])
    with av.open(directory / "Anna Åström camera.mkv") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name.replace("libdav1d", "av1"), stream.width, stream.height) == (
            codec, 320, 240,
        )  # fmt: skip
        frames = [(_ms(frame), frame) for frame in container.decode(video=0)]
    # The clip's first second lies before the film; what the next pictures refer to is at its beginning.
    shown = [(at_ms, frame) for at_ms, frame in frames if at_ms > 100]
    for at_ms, frame in shown[:: len(shown) // 10]:
        assert _number(frame) * 40 == pytest.approx(at_ms + STARTED_MS - 20, abs=25)
    assert shown[-1][0] == pytest.approx(DURATION_MS, abs=60)
    assert [at_ms for at_ms, _ in frames] == sorted({at_ms for at_ms, _ in frames})


def _ms(frame: av.VideoFrame) -> float:
    assert frame.pts is not None and frame.time_base is not None
    return float(frame.pts * frame.time_base) * 1000


def _number(frame: av.VideoFrame) -> int:
    """Read the number of a clip's frame from its row of blocks."""
    y = frame.to_ndarray(format="gray")
    block = y.shape[1] // 16
    return sum(1 << bit for bit in range(16) if y[5:20, bit * block + 5 : (bit + 1) * block - 5].mean() > 120)


def test_vp8_is_copied_byte_by_byte(tmp_path: Path) -> None:
    directory = tracks_of(tmp_path, [ANNA])
    sent = set(encoded_clip(ANNA.size_px, ANNA.colour))
    assert all(data in sent for _, data in packets(directory / "Anna Åström camera.mkv"))


def test_a_new_codec_is_another_file_and_a_restart_is_not(tmp_path: Path) -> None:
    changed = replace(ANNA, changes_codec=(4000, "h264"))
    restarted = replace(CEM, restarts_ms=5000)
    directory = tracks_of(tmp_path, [changed, restarted])
    assert names(directory) == [
        "Anna Åström camera h264.mkv",
        "Anna Åström camera.mkv",
        "Anna Åström microphone.ogg",
        "Çem Yılmaz camera.mkv",
        "Çem Yılmaz microphone.ogg",
    ]
    assert packets(directory / "Anna Åström camera h264.mkv")[0][0] == pytest.approx(3020, abs=60)
    assert len(heard(directory / "Çem Yılmaz microphone.ogg")) == SAMPLES


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    directory = tracks_of(tmp_path, [replace(ANNA, camera=False)])
    before = {path: path.stat().st_mtime_ns for path in directory.iterdir()}
    reader = FolderReader.at(tmp_path / "recording")
    (tmp_path / ".tracks.tmp").mkdir()  # left over from a kill
    write_tracks(reader, people_of(reader), directory, STARTED_MS, DURATION_MS, video=True)
    assert {path: path.stat().st_mtime_ns for path in directory.iterdir()} == before


def test_names_are_safe_and_unique() -> None:
    given = {
        "a": "Mira", "b": "mira", "c": "../../etc/passwd", "d": "con", "e": " . ", "f": "x" * 300,
        "g": "a\u202eb\n\x00c", "h": "名前: 一/二", "i": "MIRA",
    }  # fmt: skip
    found = unique_names(given.items())
    assert found == {
        "a": "Mira", "b": "mira (2)", "c": "etc passwd", "d": "_con", "e": "Guest", "f": "x" * 120,
        "g": "a b c", "h": "名前 一 二", "i": "MIRA (3)",
    }  # fmt: skip


def test_streams_follow_each_other_in_a_file_unless_they_overlap() -> None:
    opened: list[tuple[str, int]] = []

    def open_file(key: str, number: int) -> str:
        opened.append((key, number))
        return f"{key}{number}"

    lanes: Lanes[str, str] = Lanes(open_file)
    assert [lanes.take("a", "s1", 0, 20), lanes.take("a", "s1", 20, 40)] == ["a1", "a1"]
    assert lanes.take("a", "s2", 40, 60) == "a1", "after a reload"
    assert lanes.take("a", "s1", 40, 60) == "a2", "the old one is still there"
    assert [lanes.take("a", "s2", 60, 80), lanes.take("a", "s1", 60, 80)] == ["a1", "a2"]
    assert lanes.take("b", "s3", 0, 20) == "b1"
    assert opened == [("a", 1), ("a", 2), ("b", 1)]
    assert lanes.files == ["a1", "a2", "b1"]


@pytest.mark.parametrize("hole", [0, 60, 119, 120, 1000, 48_000 * 100 + 77])
def test_a_hole_in_ogg_is_kept_to_2_5_ms(tmp_path: Path, hole: int, write: Callable[..., Path]) -> None:
    sound = encoded_sound(440)[:100]
    path = write(tmp_path / "x.ogg", sound, hole)
    whole = heard(path)
    assert len(whole) == 96_000 + hole + 5
    loud = np.flatnonzero(np.abs(whole) > 0.02)
    assert loud[0] < 500
    if hole > 4800:
        begins = loud[np.flatnonzero(np.diff(loud) > 4800)[0] + 1]
        assert begins == pytest.approx(48_000 + hole, abs=130)


@pytest.fixture
def write() -> Callable[..., Path]:
    def write_file(path: Path, sound: list[bytes], hole: int) -> Path:
        with path.open("wb") as file:
            writer = OggOpusWriter(file, "Mira")
            for number, data in enumerate(sound):
                writer.write(number * 960 + (hole if number >= 50 else 0), data)
            writer.close(len(sound) * 960 + hole + 5)
        return path

    return write_file
