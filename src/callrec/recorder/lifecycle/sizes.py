"""How large recording folders are, measured while somebody looks, and no more often than need be."""

import asyncio

import structlog

from callrec import clock
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.entries import Size
from callrec.recorder.lifecycle.measure import folder_size
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import AT_REST

LOOK_EVERY_S = 5.0
SHARE = 0.05
"""Adding up large folders takes time; not more than this share of it."""
FIRST_WAIT_S = 0.5
"""So long a look waits for folders that were never measured."""

log = structlog.get_logger()


def measure(paths: FolderPaths, file_name: str, fps: int) -> Size:
    """Add up a recording folder. Files that go meanwhile count as gone. Raises OSError."""
    folder = folder_size(paths, fps)
    try:
        film_bytes: int | None = paths.film(file_name).stat().st_size
    except FileNotFoundError:
        film_bytes = None
    return Size(folder.size_bytes, film_bytes, folder.composed_s)


class Sizes:
    """Remembers sizes. A folder at rest does not grow: it is measured once."""

    def __init__(self, recordings: Recordings, fps: int) -> None:
        self._recordings = recordings
        self._fps = fps
        self._known: dict[str, tuple[State, Size]] = {}
        """With the state in which it was measured."""
        self._due_s = 0.0
        self._measuring: asyncio.Task[None] | None = None

    def get(self, recording_id: str) -> Size | None:
        """Return what is known."""
        known = self._known.get(recording_id)
        return known[1] if known else None

    async def look(self) -> None:
        """Begin to measure what is due, and wait a moment for what nothing is known of."""
        due = clock.monotonic_ns() / 1e9 >= self._due_s or self._unknown()
        if self._measuring is None and due:
            self._measuring = asyncio.create_task(self._measure(), name="sizes")
        if self._measuring is not None and self._unknown():
            await asyncio.wait([self._measuring], timeout=FIRST_WAIT_S)

    async def close(self) -> None:
        """Measure no more."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)

    def _unknown(self) -> bool:
        return any(recording_id not in self._known for recording_id in self._recordings.ids())

    async def _measure(self) -> None:
        begun_s = clock.monotonic_ns() / 1e9
        try:
            for manifest in self._recordings.all():
                known = self._known.get(manifest.recording_id)
                if known is None or known[0] != manifest.state or manifest.state not in AT_REST:
                    self._known[manifest.recording_id] = (manifest.state, await self._size(manifest))
            for gone in self._known.keys() - set(self._recordings.ids()):
                del self._known[gone]
        finally:
            now_s = clock.monotonic_ns() / 1e9
            self._due_s = now_s + max(LOOK_EVERY_S, (now_s - begun_s) / SHARE)
            self._measuring = None

    async def _size(self, manifest: Manifest) -> Size:
        paths = self._recordings.paths(manifest.recording_id)
        try:
            return await asyncio.to_thread(measure, paths, manifest.file_name, self._fps)
        except OSError as error:
            log.warning("limits_not_measured", recording=manifest.recording_id, error=str(error))
            return Size(0)
