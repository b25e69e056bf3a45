"""How large recording folders are, measured no more often than need be, for all who want to know."""

import asyncio
from typing import Literal

import structlog

from callrec import clock
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.measure import Size, measure
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import AT_REST

LOOK_EVERY_S = 5.0
SHARE = 0.02
"""Adding up large folders takes time; not more than this share of it."""
FIRST_WAIT_S = 0.5
"""So long a look waits for folders that were never measured."""

log = structlog.get_logger()


class Sizes:
    """Remembers sizes. A folder at rest does not grow: it is measured once."""

    def __init__(self, recordings: Recordings, fps: int) -> None:
        self._recordings = recordings
        self._fps = fps
        self._known: dict[str, tuple[State | Literal["damaged"], Size]] = {}
        """With the state in which it was measured."""
        self._due_s = 0.0
        self._measuring: asyncio.Task[None] | None = None

    def get(self, recording_id: str) -> Size | None:
        """Return what is known."""
        known = self._known.get(recording_id)
        return known[1] if known else None

    async def look(self) -> None:
        """Begin to measure what is due, and wait a moment for what nothing is known of."""
        due = clock.monotonic_s() >= self._due_s or self._unknown()
        if self._measuring is None and due:
            self._measuring = asyncio.create_task(self._measure(), name="sizes")
        if self._measuring is not None and self._unknown():
            await asyncio.wait([self._measuring], timeout=FIRST_WAIT_S)

    async def at_rest(self, manifest: Manifest) -> Size:
        """Return the size of a folder that does not grow any more."""
        known = self._known.get(manifest.recording_id)
        return known[1] if known and known[0] == manifest.state else await self._size(manifest)

    async def close(self) -> None:
        """Measure no more."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)

    def _unknown(self) -> bool:
        return any(recording_id not in self._known for recording_id in self._ids())

    def _ids(self) -> list[str]:
        return self._recordings.ids() + [damaged.folder.name for damaged in self._recordings.damaged()]

    async def _measure(self) -> None:
        begun_s = clock.monotonic_s()
        try:
            # Those that grow first: somebody may wait to know whether they have reached a limit.
            for manifest in sorted(self._recordings.all(), key=lambda m: m.state in AT_REST):
                if manifest.state in AT_REST:
                    await self.at_rest(manifest)
                else:
                    await self._size(manifest)
            for damaged in self._recordings.damaged():
                if damaged.folder.name not in self._known:
                    await self._measure_one(damaged.folder.name, FolderPaths(damaged.folder), "", "damaged")
            for gone in self._known.keys() - set(self._ids()):
                del self._known[gone]
        finally:
            now_s = clock.monotonic_s()
            self._due_s = now_s + max(LOOK_EVERY_S, (now_s - begun_s) / SHARE)
            self._measuring = None

    async def _size(self, manifest: Manifest) -> Size:
        paths = self._recordings.paths(manifest.recording_id)
        return await self._measure_one(manifest.recording_id, paths, manifest.file_name, manifest.state)

    async def _measure_one(
        self, recording_id: str, paths: FolderPaths, file_name: str, state: State | Literal["damaged"]
    ) -> Size:
        try:
            size = await asyncio.to_thread(measure, paths, file_name, self._fps)
        except OSError as error:
            log.warning("limits_not_measured", recording=recording_id, error=str(error))
            size = self.get(recording_id) or Size(0)
        self._known[recording_id] = state, size
        return size
