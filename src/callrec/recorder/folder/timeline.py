"""``timeline.jsonl``: what happened in the call, one JSON object a line, append-only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

EventType = Literal[
    "capture",  # a capture process begins: boot_id
    "joined",  # a participant came into the call: participant, name
    "left",  # … left the call
    "name",  # … is called so from now on: participant, name
    "muted",  # … sends no more of media (audio or video)
    "unmuted",
    "track",  # late facts about a track: track, participant
    "gap",  # nothing could be captured from from_ms until now: another capture process had died
    "heartbeat",  # the capture process is alive
    "closed",  # a capture process ended in order: cause
]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event at ``ms`` of the recording's time line. Which fields are set depends on the type."""

    ms: int
    type: EventType
    participant: str | None = None
    name: str | None = None
    media: Literal["audio", "video"] | None = None
    track: int | None = None
    from_ms: int | None = None
    boot_id: str | None = None
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


def read_timeline(path: Path) -> Iterator[Event]:
    """Yield the events in file order. A torn or foreign line is passed over: the next one still counts."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Event)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
