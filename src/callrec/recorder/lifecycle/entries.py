"""What an operator sees of a recording."""

from pathlib import Path
from typing import Literal

import msgspec

from callrec.recorder.compose.film import CHUNK_MS
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle.attempts import Attempting
from callrec.recorder.lifecycle.elsewhere import Elsewhere
from callrec.recorder.lifecycle.found import Damaged
from callrec.recorder.lifecycle.interventions import Action, possible
from callrec.recorder.lifecycle.measure import Size
from callrec.recorder.lifecycle.states import LIVE, UNDELIVERED, has_film


class Entry(msgspec.Struct, frozen=True):
    """One line of the list. ``…_at`` is Unix seconds; None: not yet, not known, or it does not apply."""

    id: str
    backend: str
    token: str
    """Room token."""
    kind: str
    """video or audio."""
    owner: str
    file_name: str
    state: State | Literal["damaged"]
    """damaged: its manifest cannot be read, and nothing but id, size and error is known."""
    state_at: float | None
    accepted_at: float
    closed_at: float | None
    """When capture ended."""
    delivered_at: float | None
    outcome: str | None
    cause: str | None
    """Why capture ended."""
    error: str | None
    """What the last attempt failed of."""
    attempts: int
    next_attempt_at: float | None
    """When the next one is due; past while that runs."""
    attempt_since: float | None
    """When the attempt began that runs now."""
    parked_from: State | None
    film_s: float
    """Length of the film, so far while it is captured."""
    chunks: int | None
    """Of the film, so far while it is captured; None where none is to be composed (any more)."""
    chunks_composed: int | None
    composed_s: float | None
    """How many seconds of the film are composed; None as above, or not measured yet."""
    sent_bytes: int | None
    """Of the film, to the backend: by the upload that runs."""
    sent_of_bytes: int | None
    folder_bytes: int | None
    film_bytes: int | None
    may: list[Action]
    """What an operator may do with it now."""
    at: str | None = None
    """The recorder of the pool that has it, and is gone; None: it is here."""


def entry_of(
    manifest: Manifest,
    size: Size | None,
    now_s: float,
    attempting: Attempting | None = None,
    *,
    overdue: bool = False,
) -> Entry:
    """Return the line of a recording; *size* None: not measured yet; *attempting*: the attempt that runs.

    *overdue*: it should have ended long ago.
    """
    film_s = _film_s(manifest, now_s)
    chunks = composed = composed_s = None
    if film_s > 0 and (manifest.state in LIVE or (manifest.state in UNDELIVERED and has_film(manifest))):
        chunks = _chunks(film_s)
        if size is not None:
            composed_s = film_s if size.film_bytes is not None else min(film_s, size.composed_s)
            composed = _chunks(composed_s)
    sent = attempting.errand if attempting is not None else None
    return Entry(
        id=manifest.recording_id,
        backend=manifest.backend,
        token=manifest.token,
        kind="video" if manifest.video else "audio",
        owner=manifest.owner,
        file_name=manifest.file_name,
        state=manifest.state,
        state_at=manifest.state_at,
        accepted_at=manifest.anchor.wall_s,
        closed_at=manifest.closed_at,
        delivered_at=manifest.delivered_at,
        outcome=manifest.outcome,
        cause=manifest.cause,
        error=manifest.error,
        attempts=manifest.attempts,
        next_attempt_at=manifest.next_attempt_at,
        attempt_since=attempting.since_s if attempting is not None else None,
        parked_from=manifest.parked_from,
        film_s=round(film_s, 1),
        chunks=chunks,
        chunks_composed=composed,
        composed_s=None if composed_s is None else round(composed_s, 1),
        sent_bytes=sent.sent_bytes if sent is not None and sent.total_bytes is not None else None,
        sent_of_bytes=sent.total_bytes if sent is not None else None,
        folder_bytes=size.folder_bytes if size is not None else None,
        film_bytes=size.film_bytes if size is not None else None,
        may=possible(manifest, is_tried=attempting is not None, overdue=overdue),
    )


def damaged_entry(damaged: Damaged, size: Size | None) -> Entry:
    """Return the line of a recording whose manifest cannot be read; *size* None: not measured yet."""
    name, changed_at = damaged.folder.name, _changed_at(damaged.folder)
    entry = _bare(name, "damaged", file_name=name, accepted_at=changed_at, error=damaged.error)
    folder_bytes = size.folder_bytes if size is not None else None
    return msgspec.structs.replace(entry, folder_bytes=folder_bytes, may=["delete"])


def elsewhere_entry(elsewhere: Elsewhere, now_s: float) -> Entry:
    """Return the line of a recording that is parked at another recorder, which is gone."""
    if elsewhere.manifest is None:
        return _bare(
            elsewhere.recording_id,
            "parked",
            file_name=elsewhere.file_name,
            accepted_at=now_s,
            error="there is no copy that can be read",
            backend=elsewhere.backend,
            token=elsewhere.token,
            at=elsewhere.at,
        )
    entry = entry_of(elsewhere.manifest, None, now_s)
    return msgspec.structs.replace(entry, state="parked", may=["retry", "delete"], at=elsewhere.at)


def _bare(
    recording_id: str,
    state: State | Literal["damaged"],
    *,
    file_name: str,
    accepted_at: float,
    error: str,
    backend: str = "",
    token: str = "",
    at: str | None = None,
) -> Entry:
    return Entry(
        id=recording_id,
        backend=backend,
        token=token,
        kind="",
        owner="",
        file_name=file_name,
        state=state,
        state_at=None,
        accepted_at=accepted_at,
        closed_at=None,
        delivered_at=None,
        outcome=None,
        cause=None,
        error=error,
        attempts=0,
        next_attempt_at=None,
        attempt_since=None,
        parked_from=None,
        film_s=0.0,
        chunks=None,
        chunks_composed=None,
        composed_s=None,
        sent_bytes=None,
        sent_of_bytes=None,
        folder_bytes=None,
        film_bytes=None,
        may=[],
        at=at,
    )


def _changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _film_s(manifest: Manifest, now_s: float) -> float:
    if manifest.started_ms is None:
        return 0.0
    if manifest.stop_ms is not None:
        end_s = manifest.stop_ms / 1000
    elif manifest.closed_at is None:
        end_s = now_s - manifest.anchor.wall_s  # wall time is exact enough for a look
    else:
        return 0.0
    return max(0.0, end_s - manifest.started_ms / 1000)


def _chunks(film_s: float) -> int:
    return -int(-film_s * 1000 // CHUNK_MS)
