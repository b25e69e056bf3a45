"""Watches the limits: lets starts in or not, and stops running recordings that reach one."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from callrec import clock
from callrec.observe.disk import FLOOR_BYTES
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle import limits
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.causes import FOLDER_GONE
from callrec.recorder.lifecycle.limits import Limits, Machine, Running, Unfinished
from callrec.recorder.lifecycle.measure import CPU_WINDOW_S, CpuLoad, Size
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.states import LIVE, UNDELIVERED, has_film

LOOK_EVERY_S = 1.0
AWAY_FOR_S = 60.0
"""So long the folder of a running recording may be away: what comes is written to the files that are open."""
_NOTHING = Size(0)

log = structlog.get_logger()


class LimitWatch:
    """Looks every second while it runs. *pixels_of* tells the size of a recording's picture."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        captures: Captures,
        allowed: Limits,
        pixels_of: Callable[[Manifest], int],
        sizes: Sizes,
        cpu: CpuLoad,
        free_bytes: Callable[[Path], int],
        data: Path,
        is_away: Callable[[Path], bool] = lambda _home: False,
    ) -> None:
        """*data* holds the databases; *is_away* tells of a home that its disk is not mounted."""
        self._data = data
        self._is_away = is_away
        self._recordings = recordings
        self._captures = captures
        self._allowed = allowed
        self._pixels_of = pixels_of
        self._sizes = sizes
        self._cpu = cpu
        self._free_bytes = free_bytes
        self._away_since_s: dict[str, float] = {}
        """Of running recordings whose folders are away."""

    def refusal(self, disk: Path) -> str | None:
        """Return why a recording must not be started in the home *disk* now, None when it may.

        Raises OSError.
        """
        if self._is_away(disk):
            return limits.HOME_AWAY
        if self._data.stat().st_dev != disk.stat().st_dev and self._free_bytes(self._data) < FLOOR_BYTES:
            return limits.DISK_LOW
        capturing = [m for m in self._recordings.all() if _is_running(m)]
        young_s = clock.wall_s() - CPU_WINDOW_S
        machine = Machine(
            free_bytes=self._free_bytes(disk),
            needed_bytes=self._needed_bytes(disk),
            recordings=len(capturing),
            cpu_percent=self._cpu.percent,
            unmeasured=sum(m.anchor.wall_s > young_s for m in capturing),
            cores=os.cpu_count() or 1,
        )
        return limits.refusal(self._allowed, machine)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._look()
            except Exception:  # the root of a task: whatever it was, the next look may be better
                log.exception("limits_watch_failed")
            await asyncio.sleep(self._wait_s())

    async def _look(self) -> None:
        self._cpu.sample()
        await self._sizes.look()
        for manifest in self._recordings.all():
            if _is_running(manifest):
                self._look_at(manifest)
            else:
                self._away_since_s.pop(manifest.recording_id, None)
        self._recordings.write_back()

    def _look_at(self, manifest: Manifest) -> None:
        recording_id = manifest.recording_id
        disk = self._recordings.paths(recording_id).root
        try:
            if self._recordings.is_gone(recording_id):
                self._miss(recording_id)
                return
            if self._away_since_s.pop(recording_id, None) is not None:
                log.info("recording_folder_back", recording=recording_id)
            running = Running(
                film_s=self._film_s(manifest),
                size_bytes=(self._sizes.get(recording_id) or _NOTHING).folder_bytes,
                free_bytes=self._free_bytes(disk),
                needed_bytes=self._needed_bytes(disk),
            )
        except OSError as error:
            log.warning("limits_not_measured", recording=recording_id, error=str(error))
            return
        cause = limits.reached(self._allowed, running)
        if cause is not None:
            self._end(recording_id, cause)

    def _miss(self, recording_id: str) -> None:
        """Let a recording go on without its folder, for a time."""
        now_s = clock.monotonic_s()
        if recording_id not in self._away_since_s:
            self._away_since_s[recording_id] = now_s
            log.warning("recording_folder_away", recording=recording_id, waits_s=AWAY_FOR_S)
        if now_s - self._away_since_s[recording_id] >= AWAY_FOR_S:
            self._end(recording_id, FOLDER_GONE)

    def _end(self, recording_id: str, cause: str) -> None:
        log.warning("recording_limit_reached", recording=recording_id, cause=cause)
        try:
            # Durable first: a capture that dies now must not be started again.
            self._recordings.update(recording_id, cause=cause)
        except OSError as error:
            log.warning("limits_not_written", recording=recording_id, error=str(error))
        finally:
            self._captures.stop(recording_id, cause)

    def _film_s(self, manifest: Manifest) -> float:
        if manifest.started_ms is None:
            return 0.0
        end_ms = manifest.stop_ms
        if end_ms is None:
            end_ms = self._recordings.now_ms(manifest.recording_id)
        return max(0.0, (end_ms - manifest.started_ms) / 1000)

    def _needed_bytes(self, disk: Path) -> int:
        device = disk.stat().st_dev
        return limits.needed_bytes(
            self._unfinished(manifest)
            for manifest in self._recordings.all()
            if _becomes_a_film(manifest) and self._lies_on(manifest, device)
        )

    def _lies_on(self, manifest: Manifest, device: int) -> bool:
        paths = self._recordings.paths(manifest.recording_id)
        try:
            return paths.root.stat().st_dev == device and not paths.film(manifest.file_name).exists()
        except FileNotFoundError:
            return False  # delivered and removed

    def _unfinished(self, manifest: Manifest) -> Unfinished:
        size = self._sizes.get(manifest.recording_id) or _NOTHING
        pixels = self._pixels_of(manifest) if manifest.video else 0
        return Unfinished(self._film_s(manifest), size.composed_s, size.composed_bytes, pixels)

    def _wait_s(self) -> float:
        """Return how long to wait until the next look: at most until the next film is as long as allowed."""
        if self._allowed.max_duration_s is None:
            return LOOK_EVERY_S
        films_s = [self._film_s(m) for m in self._recordings.all() if _is_running(m)]
        rest_s = self._allowed.max_duration_s - max(films_s, default=0.0)
        return min(LOOK_EVERY_S, max(0.01, rest_s))


def _is_running(manifest: Manifest) -> bool:
    """Tell whether nothing has asked it to stop yet."""
    return manifest.closed_at is None and manifest.stop_requested_at is None and manifest.cause is None


def _becomes_a_film(manifest: Manifest) -> bool:
    if manifest.state in LIVE:
        return True
    return manifest.state in UNDELIVERED and has_film(manifest)
