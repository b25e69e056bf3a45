"""What is wrong with a film the judge names, whether the film or the folder was tampered with."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from callrec.recorder.folder.rtpdump import Record, SegmentWriter, read_records
from callrec.recorder.folder.track import read_track
from tests.recorder.compose.truth.calls import ASTRID, BOB, film_of, truth_of, write
from tests.recorder.compose.truth.judging import Truth, grid, judge
from tests.recorder.compose.watching import Film
from tests.recorder.synthetic import SyntheticRecording

STARTED_MS, STOP_MS = 700, 16_500
CHUNK_MS = 12_800
MUTED_MS = (6000, 9000)
PEOPLE = [replace(ASTRID, mutes_ms=MUTED_MS), replace(BOB, joins_ms=300)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SyntheticRecording:
    """Two people; one is muted for a while."""
    return write(tmp_path_factory.mktemp("call"), PEOPLE, 17_000, started_ms=STARTED_MS, stop_ms=STOP_MS)


@pytest.fixture(scope="module")
def truth(recording: SyntheticRecording) -> Truth:
    return truth_of(recording, grid(STARTED_MS, STOP_MS, *PEOPLE))


@pytest.fixture(scope="module")
def film(recording: SyntheticRecording) -> Film:
    return film_of(recording)


def kinds(faults: list[str]) -> set[str]:
    """Return the kinds of faults."""
    return {fault.split(":")[0] for fault in faults}


def shifted_by(ms: int) -> Callable[[Film], Film]:
    """Sound comes later (or sooner) than the pictures by so much."""
    return lambda film: replace(film, sound=np.roll(film.sound, ms * 48))


def with_tiles_exchanged(film: Film) -> Film:
    """The left half of every picture is at the right, and the other way round."""

    def exchanged(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.roll(plane, plane.shape[1] // 2, axis=1)

    return replace(film, pictures=[tuple(map(exchanged, picture)) for picture in film.pictures])


def without(film: Film, from_ms: float, to_ms: float, *, pictures: bool = True) -> Film:
    """Cut a stretch out; what follows moves up."""
    sound = np.delete(film.sound, np.arange(round(from_ms * 48), round(to_ms * 48)))
    if not pictures:
        return replace(film, sound=sound)
    kept = [number for number, at_ms in enumerate(film.times_ms) if not from_ms <= at_ms < to_ms]
    return Film([number * 40.0 for number in range(len(kept))], [film.pictures[n] for n in kept], sound)


def test_nothing_is_wrong_with_the_film(film: Film, truth: Truth) -> None:
    assert judge(film, truth) == []


@pytest.mark.parametrize(
    ("doctored", "named"),
    [
        (shifted_by(80), {"sync"}),
        (shifted_by(-80), {"sync"}),
        (with_tiles_exchanged, {"place"}),
        (lambda film: without(film, 0, CHUNK_MS), {"duration", "time"}),
        (lambda film: without(film, CHUNK_MS, film.times_ms[-1] + 40), {"duration"}),
        # The pause of one who was muted, and what the other said meanwhile.
        (lambda film: without(film, 5500, 8000, pictures=False), {"duration", "sync"}),
        (lambda film: without(film, 5500, 5700), {"duration", "time"}),
        (lambda film: replace(film, times_ms=[t * 1.02 for t in film.times_ms]), {"time", "sync"}),
    ],
    ids=["later", "sooner", "swapped", "first-chunk", "last-chunk", "gap-closed", "200-ms", "slow"],
)
def test_what_is_wrong_with_a_film_is_named(
    film: Film, truth: Truth, doctored: Callable[[Film], Film], named: set[str]
) -> None:
    assert named <= kinds(judge(doctored(film), truth))


def rewrite_segments(recording: SyntheticRecording, number: int, change: Callable[[Record], Record]) -> None:
    """Change all records of a track."""
    for path in recording.paths.track(number).glob("*.rtpdump"):
        records = [change(record) for record, _ in read_records(path)]
        path.unlink()
        writer = SegmentWriter(path, 1.7e9)
        for offset_ms, rtcp, packet in records:
            writer.add(offset_ms, packet, rtcp=rtcp)
        writer.close()


def copy_of(recording: SyntheticRecording, root: Path) -> SyntheticRecording:
    """Return a recording that may be tampered with, not composed yet."""
    for directory in ("tracks", "manifest.json", "timeline.jsonl"):
        source = recording.root / directory
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / directory)
    copy = object.__new__(SyntheticRecording)
    copy.__dict__.update(recording.__dict__, root=root, paths=replace(recording.paths, root=root))
    copy.paths.create()
    return copy


def test_cameras_that_were_exchanged_are_named(
    recording: SyntheticRecording, truth: Truth, tmp_path: Path
) -> None:
    swapped = copy_of(recording, tmp_path)
    for number, person in ((1, PEOPLE[1]), (3, PEOPLE[0])):
        path = swapped.paths.track(number) / "track.json"
        track = msgspec.structs.replace(read_track(path.parent), participant=person.key)
        path.write_bytes(msgspec.json.encode(track))
    faults = judge(film_of(swapped), truth)
    assert {f"place: {person.name}" for person in PEOPLE} <= {fault.split(" is")[0] for fault in faults}


def test_pictures_whose_reports_are_80_ms_off_are_named(
    recording: SyntheticRecording, truth: Truth, tmp_path: Path
) -> None:
    late = copy_of(recording, tmp_path)

    def later(record: Record) -> Record:
        if not record.rtcp:
            return record
        ntp = int.from_bytes(record.packet[8:16], "big") + (80 << 32) // 1000
        return record._replace(packet=record.packet[:8] + ntp.to_bytes(8, "big") + record.packet[16:])

    rewrite_segments(late, 1, later)
    faults = judge(film_of(late), truth)
    assert [fault for fault in faults if fault.startswith(f"sync: {PEOPLE[0].name}")]
    assert not [fault for fault in faults if PEOPLE[1].name in fault]
