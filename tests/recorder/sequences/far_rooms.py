"""The conversation server as a recorder sees it: a status per room, and an unreliable way to it."""

import asyncio
import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.deliver.backend import Detour
from callrec.recorder.deliver.errand import Errand
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Failed, Report, Started

OFF, FAILED = RecordingStatus.OFF, RecordingStatus.FAILED
STARTING = (RecordingStatus.STARTING_VIDEO, RecordingStatus.STARTING_AUDIO)
RUNNING = (RecordingStatus.VIDEO, RecordingStatus.AUDIO)

LOSS = 0.15
"""How often a request is lost, and how often an answer."""
SLOW = 0.25
"""How often one takes seconds."""

SENDER: ContextVar[str] = ContextVar("SENDER")
"""Which recording a report is about: it does not say so itself."""


@dataclass(frozen=True)
class Heard:
    """A report that arrived, and whether it was acknowledged."""

    token: str
    recording_id: str
    report: Report
    status: int
    answered: str
    """The recording whose start was the last one in the room to have been answered."""


@dataclass
class FarRooms:
    """*tell* takes what the people in a room are told, and says whether a recorder is among them."""

    chunk_bytes = 1 << 20

    rng: random.Random
    tell: Callable[[str, RecordingStatus], bool]
    heard: list[Heard] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)
    away_until_s: float = 0.0
    upon_started: Callable[[str], object] | None = None
    """Is done to the room of the next recording that begins, before that knows it or soon afterwards."""
    answered: dict[str, str] = field(default_factory=dict)
    """The recording of each room whose start was answered last."""
    _status: dict[str, RecordingStatus] = field(default_factory=dict)

    def status(self, token: str) -> RecordingStatus:
        return self._status.get(token, OFF)

    def set_status(self, token: str, status: RecordingStatus) -> None:
        """Change the status of a room; whoever is in it is told."""
        self._status[token] = status
        self.tell(token, status)

    def withdraw(self, token: str) -> None:
        """End the running recording without a word to the recorder: only the room is told.

        Where no recorder hears it this side would send a stop, as it does for every reason of its own.
        """
        before, after = self.status(token), self.rng.choice((OFF, FAILED))
        if before in RUNNING and self.tell(token, after):
            self._status[token] = after

    def get(self, _url: str) -> "FarRooms":
        """Return the client of the one backend."""
        return self

    async def report(self, report: Report) -> None:
        """Take a report: it may be late, or lost, or its answer may be."""
        await asyncio.sleep(self._latency_s())
        if self._is_away() or self.rng.random() < LOSS:
            raise BackendAway("lost on the way")
        status = self._take(report)
        answered = self.answered.get(report.token, "")
        self.heard.append(Heard(report.token, SENDER.get(), report, status, answered))
        await asyncio.sleep(self._latency_s())
        if self.rng.random() < LOSS:
            raise BackendAway("the answer is lost")
        if status != 200:
            raise BackendRefused("not now", status, word="no_such_room" if status == 404 else "")

    async def request_upload(self, _token: str, _owner: str, _file_name: str, _hold: object) -> None:
        """Offer no links."""
        raise Detour("no links", "directly", 404)

    async def store(self, _token: str, _owner: str, film: Path, _file_name: str, _errand: Errand) -> None:
        """Take a film."""
        await asyncio.sleep(self._latency_s())
        if self._is_away() or self.rng.random() < LOSS:
            raise BackendAway("lost on the way")
        self.uploaded.append(film.read_text())

    def _take(self, report: Report) -> int:
        token, status = report.token, self.status(report.token)
        waits = status in (*STARTING, *RUNNING)
        if isinstance(report, Started):
            if status not in STARTING:
                return 404
            self.set_status(token, RecordingStatus(report.status))
            if self.upon_started is not None:
                asyncio.get_running_loop().call_later(self._latency_s(), self.upon_started, token)
                self.upon_started = None
        elif waits:
            self.set_status(token, FAILED if isinstance(report, Failed) else OFF)
        return 200

    def _is_away(self) -> bool:
        return asyncio.get_running_loop().time() < self.away_until_s

    def _latency_s(self) -> float:
        return self.rng.uniform(0, 5.0 if self.rng.random() < SLOW else 0.2)
