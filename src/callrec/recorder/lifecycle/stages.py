"""The work of the states after capture. Each may be repeated: after a crash it is."""

import asyncio
import shutil
from pathlib import Path

import msgspec
import structlog

from callrec.errors import BackendAway, BackendRefused, NeverTaken
from callrec.recorder.call import reports
from callrec.recorder.deliver.backend import ClientsByUrl
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.hold import Hold, always, check
from callrec.recorder.deliver.upload import Film, Uploader
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.paths import SPEAKING_TIMES_SUFFIX, beside
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.course import DONE, SUPERSEDED, Attempt, end_of
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import REMOVED, Gone
from callrec.wire.recording import Actor, Failed, Report, Stopped

ROOM_GONE = 404

log = structlog.get_logger()


class Stages:
    """Reports, composes, uploads, clears up."""

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

    async def attempt(self, manifest: Manifest, errand: Errand) -> Attempt:
        """Do the work of the recording's state; *errand* tells how far it is."""
        match manifest.state:
            case "reporting":
                return await self._report(manifest, errand)
            case "finishing":
                return await self._compose(manifest)
            case "uploading":
                return await self._upload(manifest, errand)
            case "delivered":
                return await self._clear(manifest, errand)
            case _:
                raise ValueError(f"a recording that is {manifest.state} has no work to be done")

    async def report_end(self, manifest: Manifest, hold: Hold = always) -> Attempt:
        """Send stopped or failed, as the outcome demands. Raises HoldLost."""

        def is_due() -> bool:
            check(hold)
            return True

        recording_id = manifest.recording_id
        room = (manifest.backend, manifest.token)
        try:
            was_sent = await self._desk.send(room, recording_id, end_report(manifest), is_due=is_due)
        except BackendAway as error:
            log.warning("report_not_acknowledged", recording=recording_id, error=str(error))
            return Attempt("later", str(error), error.retry_after_s)
        except BackendRefused as error:
            log.error("report_refused", recording=recording_id, error=str(error))
            return DONE if error.status == ROOM_GONE else Attempt("refused", str(error))
        return DONE if was_sent else SUPERSEDED

    async def _report(self, manifest: Manifest, errand: Errand) -> Attempt:
        with errand.asking():
            return await self.report_end(manifest, errand.hold)

    async def _compose(self, manifest: Manifest) -> Attempt:
        """Compose what is left and join the film."""
        if self._film(manifest).exists():
            return DONE
        worker = self._composers.begin(manifest.recording_id)
        await asyncio.wait([worker])  # it goes on when we are cancelled
        if worker.cancelled():
            return Attempt("later", "composing was ended")
        code = worker.result()
        return DONE if code == 0 else Attempt("later", f"composing ended with {code}")

    async def _upload(self, manifest: Manifest, errand: Errand) -> Attempt:
        """Upload the film; done when the backend has acknowledged it.

        A folder that came from another recorder has no film yet, only what it is made of.
        """
        composed = await self._compose(manifest)
        if composed != DONE:
            return composed
        recording_id = manifest.recording_id
        client = self._clients.get(manifest.backend)
        if client is None:
            self._counts.upload_failed(manifest)
            log.error("upload_no_such_backend", recording=recording_id, backend=manifest.backend)
            return Attempt("later", "no such backend")
        if _owes_report(manifest):
            told = await self.report_end(manifest, errand.hold)
            if told in (DONE, SUPERSEDED):
                self._recordings.update(recording_id, **{end_of(told): True})
        film = self._film_of(manifest)
        log.info("upload_begins", recording=recording_id, bytes=film.path.stat().st_size)
        try:
            way = await Uploader(client).upload(film, errand)
        except (BackendAway, BackendRefused) as error:
            self._counts.upload_failed(manifest)
            log.warning("upload_not_acknowledged", recording=recording_id, error=str(error))
            if isinstance(error, NeverTaken):
                return Attempt("over", str(error))
            # Other refusals end when a secret or a quota is mended.
            return Attempt("later", str(error), error.retry_after_s)
        log.info("upload_acknowledged", recording=recording_id, way=way)
        return DONE

    async def _clear(self, manifest: Manifest, errand: Errand) -> Attempt:
        """Do away with what was made of a film that is delivered, and tell the end if that was refused."""
        paths = self._recordings.paths(manifest.recording_id)
        await self._composers.end(manifest.recording_id)
        await asyncio.to_thread(_delete, paths.chunks, paths.output)
        paths.upload.unlink(missing_ok=True)
        if manifest.end_superseded:
            return SUPERSEDED
        if not _owes_report(manifest):
            return DONE
        return await self._report(manifest, errand)

    async def give_up(self, manifest: Manifest, errand: Errand) -> None:
        """Tell the backend, if it can be reached now, that a film will not come; what it has is deleted."""
        if manifest.outcome is None:  # it was captured still, and the room may wait for its end
            await self.report_end(msgspec.structs.replace(manifest, outcome="failed"))
        client = self._clients.get(manifest.backend)
        if client is not None and errand.begun is not None:
            discarded = await Uploader(client).give_up(errand)
            log.info("upload_given_up", recording=manifest.recording_id, discarded=discarded)

    async def remove(self, recording_id: str, why: Gone) -> None:
        """Delete the folder."""
        await self._composers.end(recording_id)
        await asyncio.to_thread(self._recordings.remove, recording_id, why)
        if why == REMOVED:
            log.info("recording_removed", recording=recording_id)

    def _film_of(self, manifest: Manifest) -> Film:
        film = self._film(manifest)
        times = beside(film, SPEAKING_TIMES_SUFFIX)
        return Film(
            recording_id=manifest.recording_id,
            token=manifest.token,
            owner=manifest.owner,
            path=film,
            file_name=manifest.file_name,
            times=times if times.exists() else None,
        )

    def _film(self, manifest: Manifest) -> Path:
        return self._recordings.paths(manifest.recording_id).film(manifest.file_name)


def _owes_report(manifest: Manifest) -> bool:
    """Whether the report of the end was given up for the film's sake."""
    return manifest.outcome == "captured" and not (manifest.end_reported or manifest.end_superseded)


def _delete(*directories: Path) -> None:
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def end_report(manifest: Manifest) -> Report:
    """Return the report that tells the backend how the capture ended."""
    if manifest.outcome == "failed":
        return Failed(manifest.token)
    actor = manifest.stop_actor if manifest.cause == reports.STOPPED else None
    return Stopped(manifest.token, Actor(actor.type, actor.id) if actor else None)
