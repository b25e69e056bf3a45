"""Recordings that are parked at recorders that are gone: an operator sees them, and has them go on, anywhere.

Nobody takes them over by himself: their recorder may come back, and nothing is lost meanwhile.
"""

from collections.abc import Mapping

import structlog

from callrec import clock
from callrec.errors import FolderDamaged, MirrorAway, OperatorRefused, PoolAway
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.elsewhere import Elsewhere
from callrec.recorder.lifecycle.interventions import ELSEWHERE, ON_ITS_WAY, POOL_AWAY
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.taking_up import TakingUp
from callrec.recorder.pool.tasks import Tasks

MOST = 500
ASK_AGAIN_S = 60.0
"""How often the storage is asked for the copy of one that had none."""
FETCH_WAIT_S = 20.0
"""So long an operator's request waits for a copy; a long one comes without him."""

log = structlog.get_logger()


class Parked:
    """What was seen of them when it was looked last."""

    def __init__(
        self, ledger: Ledger, copies: Copies, recordings: Recordings, taking_up: TakingUp, tasks: Tasks
    ) -> None:
        """*tasks*: those of *taking_up*."""
        self._ledger = ledger
        self._copies = copies
        self._recordings = recordings
        self._taking_up = taking_up
        self._tasks = tasks
        self._seen: dict[str, Elsewhere] = {}
        self._asked: dict[str, float] = {}

    async def look(self) -> None:
        """Look once. Raises LedgerAway."""
        orphans = {entry.recording_id: entry for entry in await self._orphans()}
        self._seen = {id_: seen for id_, seen in self._seen.items() if _at(orphans, id_) == seen.at}
        self._asked = {id_: asked for id_, asked in self._asked.items() if id_ in self._seen}
        for recording_id, entry in orphans.items():
            seen = self._seen.get(recording_id)
            if seen is None:
                self._seen[recording_id] = seen = Elsewhere(
                    recording_id, entry.backend, entry.token, entry.file_name, entry.recorder_id, None
                )
            now_s = clock.monotonic_s()
            if seen.manifest is None and now_s - self._asked.get(recording_id, -ASK_AGAIN_S) >= ASK_AGAIN_S:
                self._asked[recording_id] = now_s
                self._seen[recording_id] = seen._replace(manifest=await self._manifest(recording_id))

    def all(self) -> list[Elsewhere]:
        """Return them, newest first."""
        return [self._seen[recording_id] for recording_id in sorted(self._seen, reverse=True)]

    def waiting(self) -> int:
        """Return how many there are."""
        return len(self._seen)

    async def fetch(self, recording_id: str) -> None:
        """Have it here, parked still, unless nobody knows it. Raises OperatorRefused."""
        try:
            mine = {entry.recording_id: entry for entry in await self._ledger.mine()}
            entry = mine.get(recording_id) or await self._take(recording_id)
        except PoolAway as error:
            raise OperatorRefused(POOL_AWAY, f"it cannot be fetched: {error}") from error
        if entry is None:
            return
        self._taking_up.take_up(entry)
        await self._tasks.ended(recording_id, FETCH_WAIT_S)
        if self._recordings.get(recording_id) is None:
            text = "it is being copied here, or that is tried again: ask again when the list has it"
            raise OperatorRefused(ON_ITS_WAY, text)

    async def delete(self, recording_id: str) -> bool:
        """Have its copy deleted, and its folder when its recorder comes back; False when nobody knows it.

        Raises OperatorRefused.
        """
        try:
            entry = await self._take(recording_id)
            if entry is None:
                return False
            await self._ledger.note(recording_id, "discarded", over=True)
        except PoolAway as error:
            raise OperatorRefused(POOL_AWAY, f"others could go on with it: {error}") from error
        return True

    async def _take(self, recording_id: str) -> Entry | None:
        """Take it from the recorder that is gone; None when nobody knows it.

        Raises PoolAway, OperatorRefused.
        """
        known = await self._ledger.entry(recording_id)
        if known is None or known.state == "discarded":
            return None
        orphans = {entry.recording_id: entry for entry in await self._orphans()}
        entry = orphans.get(recording_id)
        if entry is None:
            raise OperatorRefused(ELSEWHERE, f"the recorder {known.recorder_id} has it")
        if not await self._copies.has(recording_id):
            raise OperatorRefused(ELSEWHERE, f"only the disk of the recorder {entry.recorder_id} holds it")
        taken = await self._ledger.take(entry)
        if taken is None:
            raise OperatorRefused(ELSEWHERE, f"the recorder {entry.recorder_id} is back, and has it")
        log.warning("pool_takes_over", recording=recording_id, state=taken.state)
        self._seen.pop(recording_id, None)
        return taken

    async def _orphans(self) -> list[Entry]:
        orphans = await self._ledger.orphans({"parked"}, MOST)
        return [entry for entry in orphans if self._recordings.get(entry.recording_id) is None]

    async def _manifest(self, recording_id: str) -> Manifest | None:
        try:
            return await self._copies.manifest(recording_id)
        except (MirrorAway, FolderDamaged) as error:
            log.info("pool_parked_not_read", recording=recording_id, error=str(error))
            return None


def _at(orphans: Mapping[str, Entry], recording_id: str) -> str | None:
    entry = orphans.get(recording_id)
    return entry.recorder_id if entry is not None else None
