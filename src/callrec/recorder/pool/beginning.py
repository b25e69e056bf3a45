"""Goes on with a recording that was given to this recorder: from its copy, or from the beginning."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import structlog

from callrec import clock
from callrec.errors import MirrorAway
from callrec.recorder.folder.durable import sync_directory
from callrec.recorder.folder.paths import is_file_name
from callrec.recorder.lifecycle.causes import COPY_LOST
from callrec.recorder.lifecycle.orders import Orders
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import ELSEWHERE, LIVE
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.decisions import can_have_begun, needs_copy
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.settings import BackendSettings
from callrec.wire.recording import decode_start

CameTo = Literal["begun", "gone", "missing"]
"""gone: it is not this recorder's any more, or nothing is owed. missing: there is nothing to go on from."""

ASK_FOR_COPY_S = 3.0
"""An order that nobody is known to have begun waits no longer for what the storage says."""

log = structlog.get_logger()


class Beginning:
    """Puts a folder among the recordings of this recorder."""

    def __init__(
        self,
        ledger: Ledger,
        copies: Copies,
        recordings: Recordings,
        orders: Orders,
        backend_of: Callable[[str], BackendSettings | None],
    ) -> None:
        self._ledger = ledger
        self._copies = copies
        self._recordings = recordings
        self._orders = orders
        self._backend_of = backend_of

    async def begin(self, entry: Entry) -> CameTo:
        """Make the folder of *entry*; its workflow is still to be begun.

        Raises:
            PoolAway: it is still to be done.
            OSError: the disk does not take it.
            LookupError: the settings do not know its backend.
            ValueError: the ledger holds what it must not.
        """
        recording_id = entry.recording_id
        if not is_file_name(recording_id) or not is_file_name(entry.file_name):
            raise ValueError("the ledger holds a name that leads out of the recordings")
        home = self._recordings.home(entry.backend)
        target, new = home / recording_id, home / f".new-{recording_id}"
        if target.exists():
            raise FileExistsError(f"{target} is there already")
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        try:
            found = await self._fetch(entry, new)
            now = await self._ledger.entry(recording_id)  # what was fetched may have taken long
            if now is None or now.state == "discarded" or not _is_same(now, entry):
                return "gone"
            if found:
                await asyncio.to_thread(_appear, new, target)
                self._recordings.adopt(home, recording_id)
                return "begun"
        finally:
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        if entry.state == "delivered":  # nothing is owed any more
            await self._ledger.end(recording_id)
            return "gone"
        if needs_copy(entry):
            return "missing"
        await self._begin_anew(entry)
        return "begun"

    async def _fetch(self, entry: Entry, new: Path) -> bool:
        if not can_have_begun(entry):
            return False
        if entry.state != "accepted":
            return await self._copies.fetch(entry.recording_id, new)
        try:
            async with asyncio.timeout(ASK_FOR_COPY_S):
                return await self._copies.fetch(entry.recording_id, new)
        except (MirrorAway, TimeoutError):
            return False  # the order is in the ledger: it can be carried out without the storage

    async def _begin_anew(self, entry: Entry) -> None:
        backend = self._backend_of(entry.backend)
        if backend is None:
            raise LookupError(f"no backend {entry.backend}")
        named = entry.recording_id, entry.file_name
        await self._orders.create(backend, entry.token, decode_start(entry.request), named)
        try:
            self._come_to_state(entry)
        except OSError:
            self._recordings.copied.add(entry.recording_id)  # there is nothing in it
            self._recordings.remove(entry.recording_id, ELSEWHERE)
            raise

    def _come_to_state(self, entry: Entry) -> None:
        """Let what begins anew stand where the ledger says. Raises OSError."""
        if entry.state not in LIVE:
            # What was captured is nowhere. It is over, and must not begin again: nobody would know of it.
            log.error("pool_copy_lost", recording=entry.recording_id, state=entry.state)
            self._recordings.update(
                entry.recording_id,
                state="reporting",
                started_ms=0,
                stop_ms=0,
                closed_at=clock.wall_s(),
                outcome="failed",
                cause=COPY_LOST,
            )
            return
        if entry.state != "accepted":
            # Who had it is gone before anything was copied. The room may show that it is recorded.
            self._recordings.update(entry.recording_id, state="joining", started_ms=0)
        if entry.state == "capturing":
            self._recordings.update(entry.recording_id, state="capturing", acknowledged_at=clock.wall_s())


def _is_same(now: Entry, then: Entry) -> bool:
    return (now.recorder_id, now.epoch) == (then.recorder_id, then.epoch)


def _appear(new: Path, target: Path) -> None:
    new.rename(target)
    sync_directory(target.parent)
