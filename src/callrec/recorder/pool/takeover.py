"""Takes over what recorders had that are gone."""

import asyncio
from collections import Counter

import structlog

from callrec import clock
from callrec.errors import MirrorAway
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.decisions import GIVE_UP_AFTER_S, needs_copy, takeable
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.pick import share
from callrec.recorder.pool.standing import Condition
from callrec.recorder.pool.taking_up import Reason, TakingUp

ASK_AGAIN_S = 60.0
"""How often it is asked whether there is a copy of what had none."""
ASK_WITHIN_S = 2.5
"""A storage that stands still must not keep calls waiting that need none."""

log = structlog.get_logger()


class TakeOver:
    """Looks for recordings that nobody goes on with."""

    def __init__(
        self,
        ledger: Ledger,
        copies: Copies,
        recordings: Recordings,
        taking_up: TakingUp,
        condition: Condition,
    ) -> None:
        self._ledger = ledger
        self._copies = copies
        self._recordings = recordings
        self._taking_up = taking_up
        self._condition = condition
        self._missing: dict[str, float] = {}
        """When it was last asked for a copy of those that have none."""
        self._refused: dict[str, float] = {}
        """Since when there has been no room here for those that are to be captured."""

    def waiting(self) -> Counter[str]:
        """Return how many recordings of recorders that are gone wait, by reason."""
        waits: dict[Reason, int] = {"copy_missing": len(self._missing), "no_room": len(self._refused)}
        return Counter(waits)

    async def look(self) -> None:
        """Take this recorder's share of what there is. Raises PoolAway."""
        orphans = await self._ledger.orphans(takeable(storage_is_away=self._copies.storage_is_away))
        present = {entry.recording_id for entry in orphans}
        for known in (self._missing, self._refused):
            for gone in known.keys() - present:
                del known[gone]
        if not orphans:
            return
        refusal = self._condition().refuses
        able = [member for member in await self._ledger.members() if member.refuses is None]
        rest = share(len(orphans), len(able))
        for entry in sorted(orphans, key=lambda entry: entry.state not in LIVE):
            if self._recordings.get(entry.recording_id) is not None:
                continue  # first it lets go of what it has of it itself
            if refusal is not None and entry.state in LIVE and not self._nobody_takes(entry):
                continue
            if needs_copy(entry) and not await self._has_copy(entry):
                continue
            taken = await self._ledger.take(entry)
            if taken is not None:
                log.warning("pool_takes_over", recording=taken.recording_id, state=taken.state)
                self._taking_up.take_up(taken, refusal if taken.state in LIVE else None)
                rest -= 1
            if not rest:
                return

    def _nobody_takes(self, entry: Entry) -> bool:
        """Tell whether all recorders have refused to go on with it for long enough: somebody must end it."""
        now_s = clock.monotonic_s()
        return now_s - self._refused.setdefault(entry.recording_id, now_s) >= GIVE_UP_AFTER_S

    async def _has_copy(self, entry: Entry) -> bool:
        """Tell whether there is a copy; without one it stays its recorder's, whose disk has it."""
        recording_id, now_s = entry.recording_id, clock.monotonic_s()
        asked_s = self._missing.get(recording_id)
        if asked_s is not None and now_s - asked_s < ASK_AGAIN_S:
            return False
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                if await self._copies.has(recording_id):
                    return True
        except TimeoutError as error:
            raise MirrorAway("mirror: TimeoutError") from error
        if await self._ledger.note_missing(entry):
            log.error("pool_copy_missing", recording=recording_id, state=entry.state, at=entry.recorder_id)
        self._missing[recording_id] = now_s
        return False
