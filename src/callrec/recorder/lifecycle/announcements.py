"""Announces recordings to their backends, and keeps what came of it."""

import asyncio
from collections.abc import Callable

import structlog

from callrec import clock
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.causes import REFUSED
from callrec.recorder.lifecycle.handshake import Handshake, Verdict
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Actor, Started

PRESUMED_WITHIN_MS = 50_000
"""A backend gives up on a start after a minute (docs/wire.md, Recording API), the stock one never. Until then
nothing but a report of ours ends *starting*."""

log = structlog.get_logger()


class Announcements:
    """One handshake per recording that is not acknowledged yet."""

    def __init__(
        self, recordings: Recordings, desk: ReportDesk, begin_composing: Callable[[str], object]
    ) -> None:
        self._recordings = recordings
        self._desk = desk
        self._begin_composing = begin_composing
        self._handshakes: dict[str, Handshake] = {}

    async def announce(self, recording_id: str, *, again: bool = False) -> Verdict:
        """Shake hands with the backend; the verdict is durable before anybody acts on it.

        *again*: *started* may have been sent before, by a capture process that died.
        """
        manifest = self._recordings.get(recording_id)
        room = (manifest.backend, manifest.token) if manifest is not None else ("", "")
        handshake = Handshake(
            lambda: self._send_started(recording_id),
            unclear=again or self._desk.is_doubtful(room, recording_id),
            presumed=again and self._may_be_presumed(manifest),
            on_doubt=lambda: self._note_doubt(recording_id),
        )
        self._handshakes[recording_id] = handshake
        log.info("recording_announced", recording=recording_id)
        try:
            verdict = await handshake.run()
        finally:
            del self._handshakes[recording_id]
        log.info("recording_started", recording=recording_id, verdict=verdict)
        if verdict == "acknowledged":
            self._recordings.update(recording_id, acknowledged_at=clock.wall_s(), state="capturing")
            self._begin_composing(recording_id)
        elif verdict == "refused":
            self._recordings.update(recording_id, cause=REFUSED)
        return verdict

    def _may_be_presumed(self, manifest: Manifest | None) -> bool:
        """Whether a backend that waits for no start any more must have taken the one of before.

        The recorder, or its capture process, died when the answer may have been on its way.
        """
        if manifest is None or manifest.doubted_at is not None:
            return False
        return self._recordings.now_ms(manifest.recording_id) < PRESUMED_WITHIN_MS

    def _note_doubt(self, recording_id: str) -> None:
        """After a crash this must not be taken for an answer that nobody has heard."""
        try:
            self._recordings.update(recording_id, doubted_at=clock.wall_s())
        except OSError as error:
            log.warning("report_doubt_not_written", recording=recording_id, error=str(error))

    async def repeat(self, recording_id: str) -> None:
        """Send *started* once more, because the backend asked again for a recording that runs.

        Whatever is answered for an acknowledged one, it goes on.
        """
        manifest = self._recordings.get(recording_id)
        handshake = self._handshakes.get(recording_id)
        if handshake is not None:
            handshake.send_again()
        elif manifest is not None and manifest.acknowledged_at is not None:
            await Handshake(lambda: self._send_started(recording_id)).run()

    def room_status(self, recording_id: str, status: RecordingStatus) -> bool:
        """Note what the room was told; return whether it withdraws a running recording that was agreed to."""
        handshake = self._handshakes.get(recording_id)
        if handshake is not None:
            handshake.room_status(status)
        manifest = self._recordings.get(recording_id)
        if manifest is None or status not in (RecordingStatus.OFF, RecordingStatus.FAILED):
            return False
        agreed = manifest.acknowledged_at is not None or (handshake is not None and handshake.agreed)
        return agreed and manifest.stop_requested_at is None

    async def _send_started(self, recording_id: str) -> bool:
        manifest = self._recordings.get(recording_id)
        return manifest is not None and await self._desk.send(
            (manifest.backend, manifest.token),
            recording_id,
            _started(manifest),
            is_due=lambda: self._is_captured(recording_id),
        )

    def _is_captured(self, recording_id: str) -> bool:
        """Whether its end has not been reported yet: after that nothing has started."""
        manifest = self._recordings.get(recording_id)
        return manifest is not None and manifest.outcome is None


def _started(manifest: Manifest) -> Started:
    status = RecordingStatus.VIDEO if manifest.video else RecordingStatus.AUDIO
    return Started(manifest.token, status, Actor(manifest.actor.type, manifest.actor.id))


async def settle(announcing: "asyncio.Task[Verdict] | None", seconds: float) -> None:
    """Give an announcement that is on its way *seconds* to end."""
    if announcing is not None:
        await asyncio.wait([announcing], timeout=seconds)
