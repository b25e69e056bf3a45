"""``manifest.json``: what is recorded, for whom, and between which moments of its time line."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from callrec.errors import FolderDamaged
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.folder.moments import Ms, UnixSeconds
from callrec.recorder.folder.paths import is_file_name
from callrec.recorder.folder.small_file import read_small_file

FORMAT_VERSION = 1


class Anchor(msgspec.Struct, frozen=True):
    """Where the recording's time line (milliseconds from 0) lies in real time.

    ``monotonic_ns`` compares with the machine's monotonic clock only while ``boot_id`` is the same.
    """

    wall_s: UnixSeconds
    monotonic_ns: int
    boot_id: str


class ActorName(msgspec.Struct, frozen=True):
    """Who started or stopped the recording, as in the control API."""

    type: str
    id: str


Outcome = Literal["captured", "withdrawn", "never", "refused", "failed"]
"""captured: to be delivered. withdrawn: the same, but the backend ended it and wants no report.
never: stopped before it began. refused: the backend did not agree. failed: nothing can be saved."""


RoomKey = tuple[str, str]
"""Backend URL and room token."""

State = Literal[
    "accepted",
    "joining",
    "capturing",
    "reporting",
    "finishing",
    "uploading",
    "delivered",
    "retained",
    "parked",
    "failed",
    "discarded",
]
"""Where a recording stands; what follows what says ``lifecycle.states``."""


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The manifest. Times that end in ``_ms`` lie on the recording's time line, ``_at`` is Unix seconds."""

    recording_id: str
    backend: str
    """Base URL of the conversation server that ordered the recording, without trailing slash."""
    token: str
    """Room token."""
    video: bool
    """Record video; otherwise audio only."""
    owner: str
    actor: ActorName
    file_name: str
    """Name of the finished file; the same at every upload attempt."""
    anchor: Anchor
    format_version: int = FORMAT_VERSION
    sequence: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Which one it was of its recorder, from 1; wall time may jump. 0: written before they were counted."""
    started_ms: Ms | None = None
    """Where the film begins: *started* was first sent."""
    acknowledged_at: UnixSeconds | None = None
    """When the backend agreed that it is being recorded. Never acknowledged is never uploaded."""
    doubted_at: UnixSeconds | None = None
    """When a *started* was last answered, but not by agreement, or could not be sent."""
    stop_ms: Ms | None = None
    """Where the film ends: the stop request arrived, or the call ended."""
    stop_requested_at: UnixSeconds | None = None
    stop_actor: ActorName | None = None
    closed_at: UnixSeconds | None = None
    """When capture ended: nothing more will be written to timeline and tracks."""
    outcome: Outcome | None = None
    """What came of the capture; set together with ``closed_at``."""
    cause: str | None = None
    """Why it ended, a stable word."""
    state: State = "accepted"
    state_at: UnixSeconds | None = None
    """Since when."""
    attempts: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How often the work of this state has failed …"""
    tried_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """… and how long that took, with the waits up to the next attempt. Measured, as wall time may jump."""
    next_attempt_at: UnixSeconds | None = None
    """When it is tried again."""
    error: str | None = None
    """What it failed of last: a word or two for the operator."""
    end_reported: bool = False
    """The backend knows that the capture has ended, or does not want to know."""
    end_superseded: bool = False
    """Its end was not told: a newer recording of the room had begun, and only that one speaks for it."""
    parked_from: State | None = None
    """The state whose work was given up, while ``parked``."""
    delivered_at: UnixSeconds | None = None
    """When the backend acknowledged that it has the film."""


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest file durably."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read_manifest(path: Path) -> Manifest:
    """Read a manifest file.

    Raises:
        FolderDamaged: missing, no JSON, a field is wrong, or written by a newer format.
    """
    return decode_manifest(read_small_file(path), path.name)


def decode_manifest(content: bytes, name: str) -> Manifest:
    """Return what the file *name* says. Raises FolderDamaged."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FolderDamaged(f"{name}: {error}") from error
    if manifest.format_version > FORMAT_VERSION:
        raise FolderDamaged(f"{name}: format_version {manifest.format_version} is newer than this callrec")
    if not is_file_name(manifest.file_name):
        raise FolderDamaged(f"{name}: file_name is no plain name")
    return manifest
