"""Keeps the copies of this recorder's folders up to date."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.pool.decisions import is_copied
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.mirror import Mirror

log = structlog.get_logger()


class Copies:
    """Copies below the epoch that the ledger named last; of a recording without one, nothing.

    While the ledger is away it goes on: if another recorder has taken the recording, it reads no more of this
    epoch than it has found.
    """

    def __init__(self, mirror: Mirror, recordings: Recordings) -> None:
        self._mirror = mirror
        self._recordings = recordings
        self._epochs: dict[str, int] = {}
        self._in_use: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Nothing is copied while it is deleted: it would stay for ever."""

    @property
    def storage_is_away(self) -> bool:
        """Whether the last that was asked of the storage failed."""
        return self._mirror.is_away

    def own(self, entries: Iterable[Entry]) -> None:
        """Take note of which owner this recorder is of its recordings."""
        before = self._epochs
        self._epochs = {entry.recording_id: entry.epoch for entry in entries}
        for gone in before.keys() - self._epochs.keys():
            self._mirror.forget(gone)

    def own_one(self, entry: Entry) -> None:
        """Take note of the same of one recording."""
        self._epochs[entry.recording_id] = entry.epoch

    async def copy_all(self, *, captures_ended: bool = False) -> None:
        """Bring all copies up to date; *captures_ended*: nothing grows any more. Raises MirrorAway."""
        if self._mirror.is_away:
            await self._mirror.probe()
        for recording_id in self._recordings.ids():
            try:
                await self.copy(recording_id, capture_ended=captures_ended)
            except OSError as error:  # this folder cannot be read; others can
                log.warning("mirror_not_copied", recording=recording_id, error=str(error))

    async def copy(self, recording_id: str, *, capture_ended: bool = False) -> None:
        """Bring one copy up to date; with the last segments where its capture has ended.

        Raises MirrorAway, OSError.
        """
        async with self._alone(recording_id):
            manifest, epoch = self._recordings.get(recording_id), self._epochs.get(recording_id)
            if manifest is not None and epoch is not None and is_copied(manifest):
                paths = self._recordings.paths(recording_id)
                closed = capture_ended or manifest.closed_at is not None
                await self._mirror.copy(recording_id, epoch, paths, closed=closed)

    async def delete(self, recording_id: str, epoch: int) -> None:
        """Delete what the owner *epoch*, and those before, have copied. Raises MirrorAway."""
        async with self._alone(recording_id):
            await self._mirror.delete(recording_id, epoch)

    async def has(self, recording_id: str) -> bool:
        """Tell whether there is a copy to go on from. Raises MirrorAway."""
        return await self._mirror.has_copy(recording_id)

    async def manifest(self, recording_id: str) -> Manifest | None:
        """Return what the newest copy says; None when there is none. Raises MirrorAway, FolderDamaged."""
        return await self._mirror.manifest(recording_id)

    async def fetch(self, recording_id: str, target: Path) -> bool:
        """Write the newest copy to *target*; False when there is none. Raises MirrorAway, OSError."""
        return await self._mirror.fetch(recording_id, target)

    def _alone(self, recording_id: str) -> asyncio.Lock:
        return self._in_use.setdefault(recording_id, asyncio.Lock())
