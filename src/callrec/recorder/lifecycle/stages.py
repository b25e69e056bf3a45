"""The stages of a recording's life after capture. Each may be repeated: after a crash it is."""

import asyncio
from pathlib import Path
from typing import Literal

import structlog

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.call import reports
from callrec.recorder.deliver.backend import ClientsByUrl
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.wire.recording import Actor, Failed, Report, Stopped

ROOM_GONE = 404

log = structlog.get_logger()


Attempt = Literal["done", "later", "refused"]
"""What an attempt at a stage came to; *refused*: the far side understood and said no, which may change."""


class Stages:
    """Reports, composes, uploads and removes."""

    def __init__(
        self,
        recordings: Recordings,
        desk: ReportDesk,
        composers: Composers,
        clients: ClientsByUrl,
        counts: RecordingCounts,
    ) -> None:
        self._recordings = recordings
        self._desk = desk
        self._composers = composers
        self._clients = clients
        self._counts = counts

    async def report_end(self, recording_id: str) -> Attempt:
        """Send stopped or failed, as the outcome demands."""
        manifest = self._recordings.get(recording_id)
        if manifest is None:
            return "done"
        room = (manifest.backend, manifest.token)
        try:
            await self._desk.send(room, recording_id, end_report(manifest))
        except BackendAway as error:
            log.warning("report_not_acknowledged", recording=recording_id, error=str(error))
            return "later"
        except BackendRefused as error:
            log.error("report_refused", recording=recording_id, error=str(error))
            return "done" if error.status == ROOM_GONE else "refused"
        return "done"

    async def compose(self, recording_id: str) -> Attempt:
        """Compose what is left and join the film."""
        manifest = self._recordings.get(recording_id)
        if manifest is None or self._film(manifest).exists():
            return "done"
        return "done" if await asyncio.shield(self._composers.begin(recording_id)) == 0 else "later"

    async def upload(self, recording_id: str) -> Attempt:
        """Upload the film; done when the backend has acknowledged it."""
        manifest = self._recordings.get(recording_id)
        if manifest is None:
            return "done"
        client = self._clients.get(manifest.backend)
        if client is None:
            self._counts.upload_failed(manifest)
            log.error("upload_no_such_backend", recording=recording_id, backend=manifest.backend)
            return "later"
        film = self._film(manifest)
        log.info("upload_begins", recording=recording_id, bytes=film.stat().st_size)
        try:
            await client.store(manifest.token, manifest.owner, film, manifest.file_name)
        except (BackendAway, BackendRefused) as error:
            self._counts.upload_failed(manifest)
            log.warning("upload_not_acknowledged", recording=recording_id, error=str(error))
            return "later"  # whatever was said: refusals too end when a secret or a quota is mended
        log.info("upload_acknowledged", recording=recording_id)
        return "done"

    async def remove(self, recording_id: str) -> Attempt:
        """Delete the folder."""
        await self._composers.end(recording_id)
        await asyncio.to_thread(self._recordings.remove, recording_id)
        log.info("recording_removed", recording=recording_id)
        return "done"

    def _film(self, manifest: Manifest) -> Path:
        return self._recordings.paths(manifest.recording_id).output / manifest.file_name


def end_report(manifest: Manifest) -> Report:
    """Return the report that tells the backend how the capture ended."""
    if manifest.outcome == "failed":
        return Failed(manifest.token)
    actor = manifest.stop_actor if manifest.cause == reports.STOPPED else None
    return Stopped(manifest.token, Actor(actor.type, actor.id) if actor else None)


def has_film(manifest: Manifest) -> bool:
    """Tell whether there is any time to compose."""
    return (
        manifest.outcome in ("captured", "withdrawn")
        and manifest.started_ms is not None
        and manifest.stop_ms is not None
        and manifest.stop_ms > manifest.started_ms
    )
