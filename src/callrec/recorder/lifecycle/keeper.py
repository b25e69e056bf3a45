"""Removes folders of recordings that were delivered, or have failed, when their time or the disk is over."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from callrec import clock
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.recordings import Recordings
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
    """Of all that are kept; None: no limit."""
    min_free_bytes: int
    """With less free disk than this they go at once, oldest first: it is needed for what runs."""


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
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_EVERY_S)

    async def look(self) -> None:
        """Remove what is due now."""
        self._news.clear()
        await asyncio.to_thread(self._sweep_aside)
        resting = [m for m in self._recordings.all() if m.state in KEPT]
        by_disk: dict[int, list[tuple[Manifest, int]]] = {}
        for manifest in resting:
            root = self._recordings.paths(manifest.recording_id).root
            size = await self._sizes.at_rest(manifest)
            try:
                by_disk.setdefault(root.stat().st_dev, []).append((manifest, size.folder_bytes))
            except FileNotFoundError:
                continue  # an operator has deleted it meanwhile
        for sized in by_disk.values():
            await self._look_at(sized)

    def _sweep_aside(self) -> None:
        """Remove what was set aside long ago; on a low disk all of it: another recorder goes on with it."""
        for folder in self._recordings.set_aside():
            age_s = clock.wall_s() - folder.stat().st_ctime
            if age_s >= self._rules.failed_s or self._free_bytes(folder) < self._rules.min_free_bytes:
                shutil.rmtree(folder, ignore_errors=True)

    def _hear(self, change: Change) -> None:
        if change.state in KEPT:
            self._news.set()

    async def _look_at(self, sized: list[tuple[Manifest, int]]) -> None:
        """Remove what is due of recordings, with their sizes in bytes, which lie on one disk."""
        rules = self._rules
        free_bytes = self._free_bytes(self._recordings.paths(sized[0][0].recording_id).root)
        due = overdue(
            (
                Kept(
                    m.recording_id,
                    m.state_at or m.closed_at or 0.0,
                    size_bytes,
                    rules.failed_s if m.state == "failed" else rules.delivered_s,
                )
                for m, size_bytes in sized
            ),
            now_s=clock.wall_s(),
            budget_bytes=rules.delivered_bytes,
            lacking_bytes=max(0, rules.min_free_bytes - free_bytes),
        )
        for recording_id in due:
            try:
                await asyncio.to_thread(self._recordings.remove, recording_id)
            except OSError:  # the others may go all the same
                log.exception("keeper_failed", recording=recording_id)
                continue
            log.info("recording_removed", recording=recording_id)
