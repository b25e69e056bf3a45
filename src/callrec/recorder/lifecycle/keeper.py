"""Removes folders of recordings that were delivered, or have failed, when their time or the disk is over."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from callrec import clock
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.removal import SET_ASIDE
from callrec.recorder.lifecycle.retention import Kept, overdue
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.states import KEPT, Change

LOOK_EVERY_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True)
class KeepRules:
    """How long folders are kept when nobody waits for them."""

    delivered_s: float
    failed_s: float
    delivered_bytes: int | None
    """Of all delivered ones that are kept; None: no limit."""
    min_free_bytes: int
    """With less free disk than this those that are delivered go at once, oldest first: others need it."""


class Keeper:
    """Looks every half a minute while it runs, and when there is one more to keep."""

    def __init__(
        self, recordings: Recordings, sizes: Sizes, rules: KeepRules, free_bytes: Callable[[Path], int]
    ) -> None:
        self._recordings = recordings
        self._rules = rules
        self._free_bytes = free_bytes
        self._news = asyncio.Event()
        recordings.listeners.append(self._hear)
        self._sizes = sizes

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # the root of a task: whatever it was, the next look may be better
                log.exception("keeper_failed")
            await clock.is_set_within(self._news, LOOK_EVERY_S)

    async def look(self) -> None:
        """Remove what is due now."""
        self._news.clear()
        await asyncio.to_thread(self._sweep_aside)
        by_disk: dict[int, list[Kept]] = {}
        for manifest in self._recordings.all():
            root = self._recordings.paths(manifest.recording_id).root
            if not _may_go(manifest) or not root.exists():  # an operator has deleted it meanwhile
                continue
            size = await self._sizes.at_rest(manifest)
            kept = Kept(
                manifest.recording_id,
                manifest.state_at or manifest.closed_at or 0.0,
                size.folder_bytes,
                self._rules.failed_s if manifest.state == "failed" else self._rules.delivered_s,
                is_delivered=manifest.state != "failed",
            )
            with _apart(manifest.recording_id):
                by_disk.setdefault(root.parent.stat().st_dev, []).append(kept)
        for on_one_disk in by_disk.values():
            with _apart(on_one_disk[0].recording_id):
                await self._look_at(on_one_disk)

    def _sweep_aside(self) -> None:
        """Remove what was set aside long ago; on a low disk all of it: another recorder goes on with it."""
        for folder in self._recordings.set_aside():
            with _apart(folder.name.removeprefix(SET_ASIDE)):
                age_s = clock.wall_s() - folder.stat().st_ctime
                if age_s >= self._rules.failed_s or self._free_bytes(folder) < self._rules.min_free_bytes:
                    shutil.rmtree(folder, ignore_errors=True)

    def _hear(self, change: Change) -> None:
        if change.state in KEPT:
            self._news.set()

    async def _look_at(self, kept: list[Kept]) -> None:
        """Remove what is due of recordings that lie on one disk. Raises OSError."""
        home = self._recordings.paths(kept[0].recording_id).root.parent
        lacking_bytes = max(0, self._rules.min_free_bytes - self._free_bytes(home))
        while True:
            due = overdue(
                kept,
                now_s=clock.wall_s(),
                budget_bytes=self._rules.delivered_bytes,
                lacking_bytes=lacking_bytes,
            )
            gone = {recording_id for recording_id in due if await self._remove(recording_id)}
            if len(gone) == len(due):
                return
            # What could not be removed has made no room: others must.
            lacking_bytes -= sum(k.size_bytes for k in kept if k.recording_id in gone)
            kept = [k for k in kept if k.recording_id not in due]

    async def _remove(self, recording_id: str) -> bool:
        """Remove one; return whether all of it is gone."""
        try:
            is_gone = await asyncio.to_thread(self._recordings.remove, recording_id)
        except OSError:  # the others may go all the same
            log.exception("keeper_failed", recording=recording_id)
            return False
        log.info("recording_removed", recording=recording_id)
        return is_gone


def _may_go(manifest: Manifest) -> bool:
    """Tell whether nobody waits for it: what was acknowledged is owed until it is delivered."""
    return manifest.state in KEPT and (manifest.state != "failed" or manifest.acknowledged_at is None)


@contextlib.contextmanager
def _apart(recording_id: str) -> Iterator[None]:
    """Let what goes wrong with one folder hold up no other."""
    try:
        yield
    except OSError as error:
        log.error("keeper_failed", recording=recording_id, error=str(error))
