"""Decides whether a recording that lies here is this recorder's, and gives away what others can do sooner."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from callrec.errors import OperatorRefused
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.interventions import ELSEWHERE
from callrec.recorder.lifecycle.orders import is_over
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.newest import Newest
from callrec.recorder.pool.pick import composes_instead, without_leaving
from callrec.recorder.pool.standing import Condition

log = structlog.get_logger()


class Keeping:
    """Asks the ledger before anything is done that others would notice."""

    def __init__(
        self,
        ledger: Ledger,
        newest: Newest,
        copies: Copies,
        recordings: Recordings,
        condition: Condition,
    ) -> None:
        self._ledger = ledger
        self._newest = newest
        self._copies = copies
        self._recordings = recordings
        self._condition = condition
        self._leaving: Counter[str] = Counter()
        """How many recordings are on their way to each recorder now: copying takes its time."""

    async def keeps(self, manifest: Manifest) -> bool:
        """Tell whether this recorder does the next work of a recording; False: another one has it.

        The ledger knows the state when this returns: what is delivered, or discarded, never comes back.

        Raises:
            PoolAway: nobody can tell now, so nothing may be reported or uploaded.
        """
        recording_id = manifest.recording_id
        await self._ledger.note(recording_id, manifest.state, over=is_over(manifest))
        entry = await self._ledger.entry(recording_id)
        if entry is not None and entry.recorder_id != self._ledger.recorder_id:
            return False
        if manifest.state in ("reporting", "delivered"):  # a report must not hit a start that was just placed
            await self._newest.refresh()
        if manifest.state != "finishing" or entry is None:
            return True
        members = await self._ledger.members()
        me = self._condition()
        me = replace(me, composing=me.composing - len(self._recordings.copied))  # those go in this moment
        other = composes_instead(*without_leaving(me, members, self._leaving))
        if other is None:
            return True
        self._leaving[other.recorder_id] += 1
        try:
            return not await self._hand_over(entry, other.recorder_id)
        finally:
            self._leaving[other.recorder_id] -= 1

    async def _hand_over(self, entry: Entry, to: str) -> bool:
        """Give it away with a copy. True: it is not this recorder's any more. Raises PoolAway."""
        self._copies.own_one(entry)
        await self._copies.copy(entry.recording_id)
        if await self._ledger.hand_over(entry.recording_id, to):
            self._recordings.copied.add(entry.recording_id)
            log.info("pool_handed_over", recording=entry.recording_id, to=to)
        return True

    @asynccontextmanager
    async def removing_unread(self, recording_id: str) -> AsyncIterator[None]:
        """The same where the manifest cannot be read; another recorder that has it goes on with it.

        Raises PoolAway.
        """
        before = await self._ledger.entry(recording_id)
        await self._ledger.note(recording_id, "discarded", over=True)
        try:
            yield
        except OSError:
            if before is not None:
                await self._ledger.bring_back(recording_id, before.state, over=before.over)
            raise

    @asynccontextmanager
    async def removing(self, manifest: Manifest) -> AsyncIterator[None]:
        """Let an operator delete a recording within this: from now on it comes back from no copy.

        Raises:
            OperatorRefused: another recorder has it.
            PoolAway: that cannot be written down now.
        """
        recording_id = manifest.recording_id
        before = await self._ledger.entry(recording_id)
        if before is not None and before.recorder_id != self._ledger.recorder_id:
            raise OperatorRefused(ELSEWHERE, f"the recorder {before.recorder_id} has it now")
        await self._ledger.note(recording_id, "discarded", over=True)
        try:
            yield
        except OSError:
            await self._ledger.bring_back(recording_id, manifest.state, over=is_over(manifest))
            raise
