"""Whether the backend agrees that it is being recorded: the answer to *started*, or what the room is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

from callrec import clock
from callrec.errors import BackendAway, BackendRefused
from callrec.wire.constants import RecordingStatus

MESSAGE_WAIT_S = 5.0
"""After a refusal: our first request may have worked and only its answer was lost."""
RETRY_S = (0.5, 1, 2, 4, 8)
NO_SUCH_ROOM = "no_such_room"
"""How a backend refuses *started* for a room that waits for none (docs/wire.md, Recording requests)."""
RUNNING = frozenset({RecordingStatus.VIDEO, RecordingStatus.AUDIO})
ENDED = frozenset({RecordingStatus.OFF, RecordingStatus.FAILED})

Verdict = Literal["acknowledged", "refused", "unknown"]

log = structlog.get_logger()


class Handshake:
    """Sends *started* until the outcome is clear."""

    def __init__(
        self,
        send: Callable[[], Awaitable[bool]],
        *,
        unclear: bool = False,
        presumed: bool = False,
        on_doubt: Callable[[], object] = lambda: None,
    ) -> None:
        """*send* delivers one *started*; it may raise BackendAway or BackendRefused.

        *unclear*: what came of an earlier one is not known. *presumed*: if the room waits for none any more,
        nothing but that one can have changed it. *on_doubt* hears of each answer that is no agreement.
        """
        self._send = send
        self._unclear = unclear
        self._presumed = presumed
        self._on_doubt = on_doubt
        self._room_says_recording = asyncio.Event()
        self._news = asyncio.Event()
        self._again = False

    @property
    def agreed(self) -> bool:
        """Whether the room has been told that it is recorded."""
        return self._room_says_recording.is_set()

    def room_status(self, status: RecordingStatus) -> None:
        """Note what the backend told the room. Others than 1 and 2 belong to an older recording."""
        if status in RUNNING:
            self._room_says_recording.set()
            self._news.set()
        elif status in ENDED:
            self._presumed = False

    def send_again(self) -> None:
        """Send once more: the backend has asked for the same recording again."""
        self._again = True
        self._news.set()

    async def run(self) -> Verdict:
        """Return the verdict.

        A refusal says nothing once the outcome of an earlier request is unknown: what the backend has agreed
        to, it refuses when it is asked again.
        """
        attempt = 0
        while True:
            self._again = False
            self._news.clear()
            refusal: BackendRefused | None = None
            wait_s = RETRY_S[attempt] if attempt < len(RETRY_S) else MESSAGE_WAIT_S
            try:
                sent = await self._send()
            except BackendRefused as error:
                # Our first request may have worked and only its answer was lost: then the room is told.
                refusal, wait_s = error, MESSAGE_WAIT_S
                self._on_doubt()
            except BackendAway as error:
                self._unclear, self._presumed = True, False
                self._on_doubt()
                log.warning("report_started_not_acknowledged", error=str(error))
            except Exception:  # whatever it was, the backend may have agreed
                self._unclear, self._presumed = True, False
                self._on_doubt()
                log.exception("report_started_raised")
            else:
                return "acknowledged" if sent else "refused"
            await self._news_within(wait_s)
            if self._room_says_recording.is_set():
                return "acknowledged"
            if self._again:
                attempt = 0
            elif refusal is not None and self._presumed and refusal.word == NO_SUCH_ROOM:
                log.warning("report_started_presumed", error=str(refusal))
                return "acknowledged"
            elif refusal is not None:
                log.warning("report_started_refused", error=str(refusal))
                return "unknown" if self._unclear else "refused"
            elif attempt >= len(RETRY_S):
                return "unknown"
            else:
                attempt += 1

    async def _news_within(self, seconds: float) -> None:
        if not self._room_says_recording.is_set():
            await clock.is_set_within(self._news, seconds)
