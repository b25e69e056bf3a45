"""Which captures have come into their calls."""

import asyncio
import contextlib


class InCalls:
    """Of each recording whose capture was begun and is not over: whether media flows."""

    def __init__(self) -> None:
        self._once: dict[str, asyncio.Event] = {}
        """Set when one of its processes has come in, or it is over."""
        self._now: set[str] = set()
        """Of which the newest process has."""

    def begin(self, recording_id: str) -> None:
        """A capture begins."""
        self._once[recording_id] = asyncio.Event()

    def begin_process(self, recording_id: str) -> None:
        """Another process of it begins."""
        self._now.discard(recording_id)

    def come(self, recording_id: str) -> None:
        """The process has come in."""
        self._once[recording_id].set()
        self._now.add(recording_id)

    def is_in(self, recording_id: str) -> bool:
        """Tell whether the newest process has come in."""
        return recording_id in self._now

    def end(self, recording_id: str) -> None:
        """The capture is over."""
        self._now.discard(recording_id)
        self._once.pop(recording_id).set()

    async def all(self, timeout_s: float) -> None:
        """Wait until media flows in all that were begun, or they are over; not longer than *timeout_s*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for once in list(self._once.values()):
                    await once.wait()
