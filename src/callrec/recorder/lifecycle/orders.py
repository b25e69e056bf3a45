"""What a start and a stop do to the recordings of this recorder; each is durable before it returns."""

from typing import Literal

import structlog

from callrec import clock
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import ActorName, Manifest
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.settings import BackendSettings
from callrec.wire.recording import Start, Stop

log = structlog.get_logger()


class Orders:
    """Creates recordings, and asks them to stop."""

    def __init__(self, recordings: Recordings, captures: Captures, desk: ReportDesk) -> None:
        self._recordings = recordings
        self._captures = captures
        self._desk = desk

    async def create(
        self, backend: BackendSettings, token: str, start: Start, named: tuple[str, str] | None = None
    ) -> Manifest:
        """Write down a new recording; *named*: its id and its film's name, if they are given already.

        Afterwards no report of an older recording of the room is on its way. Raises OSError.
        """
        manifest = self._recordings.create(backend, token, start, named)
        log.info("recording_accepted", recording=manifest.recording_id, video=manifest.video)
        await self._desk.supersede((backend.url, token), manifest.recording_id)
        return manifest

    def stop(self, manifest: Manifest, request: Stop) -> None:
        """Ask a recording to stop. Raises OSError: then it ends all the same."""
        actor = ActorName(request.actor.type, request.actor.id) if request.actor else None
        try:
            self._recordings.update(
                manifest.recording_id,
                stop_requested_at=clock.wall_s(),
                stop_ms=self._recordings.now_ms(manifest.recording_id),
                stop_actor=actor,
            )
        finally:
            # Also with a full disk: nobody is recorded on because a stop could not be written.
            self._captures.stop(manifest.recording_id)
        log.info("recording_stop_requested", recording=manifest.recording_id)


def is_same(running: Manifest, request: Start) -> bool:
    """Tell whether *request* asks for what *running* is already."""
    return (running.video, running.owner) == (request.is_video, request.owner)


def stop_means(manifest: Manifest) -> Literal["stop", "tell_again", "nothing"]:
    """Return what a stop does to the newest recording of a room; nothing: there is none to be stopped.

    Where capture has ended the room still waits, so *stopped* was lost or refused: it is told again.
    """
    if is_over(manifest):
        return "nothing"
    if manifest.outcome is not None:
        return "tell_again"
    return "stop"


def is_over(manifest: Manifest) -> bool:
    """Tell whether nothing is owed to the backend any more."""
    if manifest.outcome in ("never", "refused", "failed"):
        return True
    # What was withdrawn was ended by the backend itself.
    is_told = manifest.end_reported or manifest.end_superseded or manifest.outcome == "withdrawn"
    return is_told and manifest.state in ("delivered", "retained")
