"""Carries out what came by whichever recorder for a recording that lies here: stops, and its start again."""

from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.orders import Orders, stop_means
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.newest import Newest
from callrec.recorder.pool.tasks import Tasks
from callrec.wire.recording import decode_stop


class Following:
    """Knows how much of what the ledger counts has been carried out."""

    def __init__(
        self, orders: Orders, announcements: Announcements, stages: Stages, newest: Newest, tasks: Tasks
    ) -> None:
        """*tasks*: of its own, for what is told."""
        self._orders = orders
        self._announcements = announcements
        self._stages = stages
        self._newest = newest
        self._tasks = tasks
        self._repeats: dict[str, int] = {}
        self._stops: dict[str, int] = {}

    def begins(self, entry: Entry) -> None:
        """A recording goes on here: what has come for it before needs no telling. Raises OSError."""
        self._repeats[entry.recording_id] = entry.repeats
        self._stops[entry.recording_id] = entry.stops

    def follow(self, entry: Entry, manifest: Manifest) -> None:
        """Do what has come. Raises OSError: a stop could not be written, and is carried out all the same."""
        recording_id = entry.recording_id
        if entry.stop is not None and manifest.state in LIVE and manifest.stop_requested_at is None:
            self._stops[recording_id] = entry.stops
            self._orders.stop(manifest, decode_stop(entry.stop))
        if entry.repeats > self._repeats.setdefault(recording_id, entry.repeats) and self._tasks.start(
            recording_id, lambda: self._announcements.repeat(recording_id)
        ):
            self._repeats[recording_id] = entry.repeats
        if entry.stops > self._stops.setdefault(recording_id, entry.stops):
            again = stop_means(manifest) == "tell_again"
            if not again or self._tasks.start(recording_id, lambda: self._tell_end(manifest)):
                self._stops[recording_id] = entry.stops

    async def _tell_end(self, manifest: Manifest) -> None:
        await self._newest.refresh()  # it must not hit a start that was just placed
        await self._stages.report_end(manifest)

    def forget(self, recording_id: str) -> None:
        """It does not lie here any more."""
        self._repeats.pop(recording_id, None)
        self._stops.pop(recording_id, None)
