"""What is in a recording folder, as an examination tells it. Times in ms lie on the recording's time line."""

from typing import Literal

import msgspec

from callrec.recorder.folder.check.findings import Finding


class Stretch(msgspec.Struct, frozen=True):
    """From one moment to another."""

    from_ms: int
    to_ms: int


class ParticipantReport(msgspec.Struct):
    """A person by the timeline; who never joined by it is known from tracks only."""

    participant: str
    name: str = ""
    """The last one."""
    present: list[Stretch] = []
    """The first hundred; ``present_ms`` counts all."""
    present_ms: int = 0


class TrackReport(msgspec.Struct):
    """One track as composition reads it."""

    number: int
    participant: str
    source: str
    codecs: list[str]
    """Of the media that came; as long as none came, what was agreed on."""
    ssrcs: list[int] = []
    segments: int = 0
    first_ms: int | None = None
    """Arrival of the first record."""
    last_ms: int | None = None
    packets: int = 0
    """Of media, without retransmissions."""
    retransmissions: int = 0
    """RTX packets that carry something."""
    sender_reports: int = 0
    size_bytes: int = 0
    """Of the segments."""
    expected: int = 0
    """Sequence numbers between the first and the last of each stream."""
    missing: int = 0
    """Those of them that came neither at first nor again."""
    unfinished_bytes: int = 0
    """After the last whole record of the newest segment, while capture is not closed."""

    @property
    def seconds(self) -> float:
        """From the first record to the last."""
        if self.first_ms is None or self.last_ms is None:
            return 0.0
        return (self.last_ms - self.first_ms) / 1000

    @property
    def missing_percent(self) -> float:
        """Missing of expected."""
        return 100 * self.missing / self.expected if self.expected else 0.0


class TimelineReport(msgspec.Struct):
    """What the timeline says."""

    events: dict[str, int] = {}
    """How many of each type."""
    participants: list[ParticipantReport] = []
    gaps: list[Stretch] = []
    """Stretches without capture."""
    heartbeats_missing: int = 0
    last_ms: int | None = None
    closed: bool = False
    """The last capture process has ended in order."""


class FileReport(msgspec.Struct, frozen=True):
    """A file."""

    name: str
    size_bytes: int


State = Literal["ordered", "open", "stopping", "closed"]
"""ordered: capture has not begun. open: it runs, or was interrupted. stopping: the end is set, capture is not
closed yet. closed: nothing more is written to timeline and tracks."""


class Report(msgspec.Struct):
    """The folder. What only the manifest tells is None without one that can be read."""

    folder: str
    format_version: int | None = None
    recording_id: str | None = None
    backend: str | None = None
    token: str | None = None
    kind: Literal["video", "audio"] | None = None
    state: State | None = None
    acknowledged: bool = False
    outcome: str | None = None
    cause: str | None = None
    begins_at: float | None = None
    """Unix seconds of the film's beginning, and of its end."""
    ends_at: float | None = None
    film: Stretch | None = None
    """As far as beginning and end are set."""
    timeline: TimelineReport = msgspec.field(default_factory=TimelineReport)
    tracks: list[TrackReport] = []
    chunks: int = 0
    chunk_bytes: int = 0
    output: list[FileReport] = []
    findings: list[Finding] = []
    """At most 20 of a kind."""
    finding_counts: dict[str, int] = {}
    usable: bool = True
    """It can be composed."""
