"""What a capture process and its control say to each other over their pipe."""

from dataclasses import dataclass

from callrec.wire.constants import RecordingStatus


@dataclass(frozen=True)
class Ready:
    """In the call, and media flows or two seconds have passed: the film begins at ``ms``."""

    ms: int


@dataclass(frozen=True)
class RoomStatus:
    """The backend told the room that its recording status is now ``status``."""

    status: RecordingStatus


@dataclass(frozen=True)
class Failure:
    """Something was logged as a warning or an error; control counts it."""

    level: str
    event: str


@dataclass(frozen=True)
class Alive:
    """Nothing is new. Sent every ``ALIVE_EVERY_S``: a process that is silent for long has hung."""


@dataclass(frozen=True)
class Ended:
    """Capture is closed by ``cause``, a stable word; ``ms`` is its last moment (None: the folder tells)."""

    cause: str
    ms: int | None


@dataclass(frozen=True)
class StopCapture:
    """Control asks the capture process to end."""

    cause: str


News = Ready | RoomStatus | Failure | Ended
FromCapture = News | Alive

ALIVE_EVERY_S = 5.0

STOPPED = "stopped"
CALL_ENDED = "call_ended"
CALL_EMPTY = "call_empty"
"""Nobody has been in the call for a while."""
ROOM_GONE = "room_gone"
DISK_FAILED = "disk_failed"
JOIN_REFUSED = "join_refused"
ENCRYPTED = "end_to_end_encrypted"
CRASHED = "capture_crashed"
