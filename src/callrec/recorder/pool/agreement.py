"""Brings ledger and folders into agreement."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog

from callrec.errors import PoolAway
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.causes import TAKEN_OVER
from callrec.recorder.lifecycle.orders import is_over
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.states import AT_REST, ELSEWHERE, KEPT, LIVE
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.decisions import is_no_more
from callrec.recorder.pool.entries import Entry, entry_of
from callrec.recorder.pool.following import Following
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.newest import Newest
from callrec.recorder.pool.taking_up import TakingUp
from callrec.recorder.pool.tasks import Tasks

log = structlog.get_logger()


class Agreement:
    """Looks at all recordings of this recorder. Asks nothing of the storage: stops must not wait for it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        newest: Newest,
        copies: Copies,
        recordings: Recordings,
        captures: Captures,
        stages: Stages,
        alarms: Alarms,
        following: Following,
        taking_up: TakingUp,
        tasks: Tasks,
    ) -> None:
        """*tasks*: those of *taking_up*, so that only one thing is done with a recording at a time."""
        self._ledger = ledger
        self._newest = newest
        self._copies = copies
        self._recordings = recordings
        self._captures = captures
        self._stages = stages
        self._alarms = alarms
        self._following = following
        self._taking_up = taking_up
        self._tasks = tasks
        self.removed: set[str] = set()
        """Removed here, and perhaps still in the ledger."""

    async def look(self) -> None:
        """Look once. Raises LedgerAway."""
        await self._newest.refresh()
        removed = set(self.removed)
        mine = {entry.recording_id: entry for entry in await self._ledger.mine()}
        self._copies.own(mine.values())
        self._taking_up.forget_all_but(mine)
        for entry in mine.values():
            manifest = self._recordings.get(entry.recording_id)
            if manifest is not None:
                await self._alone(self._agree(entry, manifest))
            elif entry.recording_id in removed or is_no_more(entry):
                self._tasks.start(entry.recording_id, partial(self._forget, entry))
            else:
                self._taking_up.take_up(entry)
        self.removed -= removed - set(mine)
        for manifest in self._recordings.all():
            if manifest.recording_id not in mine:
                await self._alone(self._look_for(manifest))

    async def _alone(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what concerns one recording; where it fails, the others go on. Raises PoolAway."""
        try:
            await work
        except PoolAway:
            raise
        except Exception:  # whatever it was with this one, it is looked at again
            log.exception("pool_failed")

    async def _agree(self, entry: Entry, manifest: Manifest) -> None:
        """Tell the ledger where a recording stands, and do what has come for it."""
        known = (entry.state, entry.over, entry.missing_s)
        if entry.state != "discarded" and known != (manifest.state, is_over(manifest), None):
            if manifest.state in KEPT:  # it is kept here, and nowhere else
                self._tasks.start(entry.recording_id, lambda: self._keep(entry))
            else:
                await self._ledger.note(entry.recording_id, manifest.state, over=is_over(manifest))
        self._following.follow(entry, manifest)

    async def _keep(self, entry: Entry) -> None:
        await self._copies.delete(entry.recording_id, entry.epoch)
        manifest = self._recordings.get(entry.recording_id)
        if manifest is not None:
            await self._ledger.note(entry.recording_id, manifest.state, over=is_over(manifest))

    async def _forget(self, entry: Entry) -> None:
        await self._copies.delete(entry.recording_id, entry.epoch)
        await self._ledger.end(entry.recording_id)
        self._following.forget(entry.recording_id)

    async def _look_for(self, manifest: Manifest) -> None:
        """Somebody else may have a recording that lies here; if nobody has, it is this recorder's."""
        recording_id = manifest.recording_id
        entry = await self._ledger.entry(recording_id)
        if entry is None:
            async with self._ledger.room(manifest.backend, manifest.token) as room:
                await room.add(entry_of(manifest, self._ledger.recorder_id))
            return
        if entry.recorder_id == self._ledger.recorder_id:
            return
        if manifest.state in LIVE:
            # Its end leads to a step of its life, which lets go of it.
            if not self._captures.is_ending(recording_id):
                log.warning("pool_taken_over", recording=recording_id, by=entry.recorder_id)
                self._captures.stop(recording_id, TAKEN_OVER)
        elif manifest.state in AT_REST:
            await self._stages.remove(recording_id, ELSEWHERE)
        else:
            self._alarms.ring(recording_id)  # its life need not wait for the next attempt to let go
