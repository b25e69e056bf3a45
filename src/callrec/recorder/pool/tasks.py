"""Work on single recordings, beside each other: one task for each at most."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from callrec.errors import PoolAway

log = structlog.get_logger()


class Tasks:
    """Owns the tasks: ``close`` cancels and awaits them. None of them fails unseen."""

    def __init__(self, on_away: Callable[[PoolAway], None]) -> None:
        self._on_away = on_away
        self._running: dict[str, asyncio.Task[None]] = {}

    def is_busy(self, recording_id: str) -> bool:
        """Tell whether there is a task for the recording."""
        return recording_id in self._running

    def start(self, recording_id: str, work: Callable[[], Coroutine[Any, Any, object]]) -> bool:
        """Begin *work* on a recording; False, and nothing is begun, while other work on it runs."""
        if recording_id in self._running:
            return False
        task = asyncio.create_task(self._run(recording_id, work), name=f"pool {recording_id}")
        self._running[recording_id] = task
        return True

    async def ended(self, recording_id: str, within_s: float) -> bool:
        """Wait until the work on a recording is over; False when that takes longer than *within_s*."""
        task = self._running.get(recording_id)
        if task is not None:
            await asyncio.wait([task], timeout=within_s)
        return task is None or task.done()

    async def _run(self, recording_id: str, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await work()
        except PoolAway as error:
            self._on_away(error)
        except Exception:  # the root of a task: whatever it was, it is looked at again
            log.exception("pool_failed", recording=recording_id)
        finally:
            del self._running[recording_id]

    async def close(self) -> None:
        """End all tasks."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
