"""The timeline: what a crash or a full disk tears is one line, never more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.recorder.folder.timeline import Event, TimelineWriter, read_timeline

EVENTS = [
    Event(0, "capture", boot_id="b"),
    Event(5, "joined", participant="users/mira", name="Mira 你"),
    Event(9, "muted", participant="users/mira", media="audio"),
    Event(12, "track", track=3, participant="users/ole"),
    Event(20, "gap", from_ms=9),
    Event(30, "closed", cause="stopped"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "timeline.jsonl"


def write(path: Path, events: list[Event]) -> None:
    writer = TimelineWriter(path)
    for event in events:
        writer.write(event)
    writer.close()


def read(path: Path) -> list[Event]:
    return list(read_timeline(path))


def test_events_are_read_as_written(path: Path) -> None:
    write(path, EVENTS)
    assert read(path) == EVENTS
    assert path.read_bytes().splitlines()[4] == b'{"ms":20,"type":"gap","from_ms":9}'


def test_no_file_is_no_events(path: Path) -> None:
    assert read(path) == []


def test_an_event_is_there_at_once(path: Path) -> None:
    writer = TimelineWriter(path)
    writer.write(EVENTS[0])
    assert read(path) == EVENTS[:1]
    writer.close()


def test_a_second_writer_appends(path: Path) -> None:
    write(path, EVENTS[:3])
    write(path, EVENTS[3:])
    assert read(path) == EVENTS


def test_every_torn_tail_costs_one_event_and_the_next_process_goes_on(path: Path) -> None:
    write(path, EVENTS[:3])
    content = path.read_bytes()
    whole = content.rindex(b"\n", 0, -1) + 1
    for length in range(whole, len(content) - 1):
        path.write_bytes(content[:length])
        write(path, EVENTS[3:])
        assert read(path) == EVENTS[:2] + EVENTS[3:], length


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"null",
        b'{"ms":1}',
        b'{"ms":1,"type":"from_the_future"}',
        b"\x00" * 4096,  # what some file systems leave after a power failure
        b'{"ms":1,"type":"joined","name":"\xff\xfe"}',
        b'{"ms":1,"type":"joined","name":"\xe4\xb8',
        b'{"ms":1,"type":"joined","x":' + b"[" * 100_000,
        b"",
    ],
)
def test_a_torn_or_foreign_line_in_the_middle_is_passed_over(path: Path, line: bytes) -> None:
    write(path, EVENTS[:2])
    with path.open("ab") as file:
        file.write(line + b"\n")
    write(path, EVENTS[2:])
    assert read(path) == EVENTS


@given(st.binary(max_size=100))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.jsonl"
    path.write_bytes(garbage + b"\n")
    assert len(read(path)) <= garbage.count(b"\n") + 1


class NearlyFull:
    """A file on a disk that takes a part of a line, and then nothing until there is room again."""

    def __init__(self, real: object, takes: Iterator[int | None]) -> None:
        self._real, self._takes = real, takes

    def write(self, content: bytes) -> int:
        take = next(self._takes, len(content))
        if take is None:
            raise OSError(28, "No space left on device")
        written: int = self._real.write(content[:take])  # type: ignore[attr-defined]
        return written


@pytest.mark.parametrize("fits", [0, 1, 10, 30])
def test_a_disk_full_within_a_line_costs_that_event_only(path: Path, fits: int) -> None:
    writer = TimelineWriter(path)
    writer.write(EVENTS[0])
    real = writer._file
    writer._file = NearlyFull(real, iter([fits, None, None]))  # type: ignore[assignment]
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            writer.write(EVENTS[1])
    writer.write(EVENTS[2])
    writer._file = real
    writer.close()
    assert read(path) == [EVENTS[0], EVENTS[2]]
