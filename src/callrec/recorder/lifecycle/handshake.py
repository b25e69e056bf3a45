"""Whether the backend agrees that it is being recorded: the answer to *started*, or what the room is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

from callrec.errors import BackendAway, BackendRefused
from callrec.wire.constants import RecordingStatus

MESSAGE_WAIT_S = 5.0
"""After a refusal: our first request may have worked and only its answer was lost."""
RETRY_S = (0.5, 1, 2, 4, 8)
RUNNING = frozenset({RecordingStatus.VIDEO, RecordingStatus.AUDIO})

Verdict = Literal["acknowledged", "refused", "unknown"]

log = structlog.get_logger()


class Handshake:
    """Sends *started* until the outcome is clear."""

    def __init__(self, send: Callable[[], Awaitable[bool]]) -> None:
        """*send* delivers one *started*; it may raise BackendAway or BackendRefused."""
        self._send = send
        self._room_says_recording = asyncio.Event()

    def room_status(self, status: RecordingStatus) -> None:
        """Note what the backend told the room. Others than 1 and 2 belong to an older recording."""
        if status in RUNNING:
            self._room_says_recording.set()

    async def run(self) -> Verdict:
        """Return the verdict."""
        for wait_s in (*RETRY_S, None):
            try:
                sent = await self._send()
            except BackendRefused as error:
                return await self._after_refusal(error)
            except BackendAway as error:
                log.warning("report_started_not_acknowledged", error=str(error))
            else:
                return "acknowledged" if sent else "refused"
            if await self._told_within(wait_s if wait_s is not None else MESSAGE_WAIT_S):
                return "acknowledged"
        return "unknown"

    async def _after_refusal(self, error: BackendRefused) -> Verdict:
        if await self._told_within(MESSAGE_WAIT_S):
            return "acknowledged"
        log.warning("report_started_refused", error=str(error))
        return "refused"

    async def _told_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._room_says_recording.wait()
        except TimeoutError:
            return False
        return True
