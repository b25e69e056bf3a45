"""``timeline.jsonl``: what happened in the call, one JSON object a line, append-only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from callrec.recorder.folder.moments import Ms
from callrec.recorder.folder.plain_file import open_plain
from callrec.recorder.folder.track import Source

EventType = Literal[
    "capture",  # a capture process begins: boot_id
    "anchor",  # on another boot than the manifest's the time line goes on so: boot_id, monotonic_ns
    "joined",  # a participant came into the call: participant, name
    "left",  # … left the call: what he said of himself, but muting, has ended with it
    "name",  # … is called so from now on: participant, name
    "muted",  # … sends no more of media (audio or video)
    "unmuted",
    "speaking",  # … says that he speaks
    "stopped_speaking",
    "hand_raised",
    "hand_lowered",
    "screen_started",  # … shares his screen
    "screen_stopped",
    "track_started",  # media of a track can come from now on: track, participant, source
    "track_ended",  # no more comes: track
    "track",  # late facts about a track: track, participant
    "gap",  # nothing could be captured from from_ms until now: another capture process had died
    "heartbeat",  # the capture process is alive
    "closed",  # a capture process ended in order: cause
]

MAX_LINE_BYTES = 1 << 16


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event at ``ms`` of the recording's time line. Which fields are set depends on the type."""

    ms: Ms
    type: EventType
    participant: str | None = None
    name: str | None = None
    media: Literal["audio", "video"] | None = None
    track: int | None = None
    source: Source | None = None
    from_ms: Ms | None = None
    boot_id: str | None = None
    monotonic_ns: int | None = None
    cause: str | None = None


class TimelineWriter:
    """Appends events; each is handed to the kernel at once, ``sync`` makes them survive power loss."""

    def __init__(self, path: Path) -> None:
        """Open *path*; a line that an earlier process left torn is ended before the first event."""
        self._file = path.open("ab", buffering=0)
        self._torn = self._file.tell() > 0 and not _ends_with_newline(path)

    def write(self, event: Event) -> None:
        """Append *event*. Raises OSError when the disk is full."""
        line = msgspec.json.encode(event) + b"\n"
        if self._torn:
            line = b"\n" + line
        self._torn = True
        while line:  # a disk that is nearly full takes a part
            line = line[self._file.write(line) or 0 :]
        self._torn = False

    def sync(self) -> None:
        """Make everything written so far durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Make durable and close."""
        self.sync()
        self._file.close()


class Line(NamedTuple):
    """One line of a timeline: an event, or what is wrong with it."""

    number: int
    """From 1."""
    event: Event | None
    problem: str
    whole: bool
    """It ends with a newline: the last one may still be written."""


def read_lines(path: Path) -> Iterator[Line]:
    """Yield every line, holding only one at a time. Raises OSError."""
    with open_plain(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            too_long = len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")
            if too_long:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield Line(number, None, f"longer than {MAX_LINE_BYTES} bytes", line.endswith(b"\n"))
                continue
            event, problem = _decode(line)
            yield Line(number, event, problem, line.endswith(b"\n"))


def read_timeline(path: Path) -> Iterator[Event]:
    """Yield the events in file order. A torn or foreign line is passed over: the next one still counts."""
    try:
        for line in read_lines(path):
            if line.event is not None:
                yield line.event
    except FileNotFoundError:
        return


def _decode(line: bytes) -> tuple[Event | None, str]:
    try:
        return msgspec.json.decode(line, type=Event), ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, str(error)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
