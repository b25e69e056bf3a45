"""Tells a room that a recording is over which no recorder could begin, so that no folder speaks for it."""

from collections.abc import Awaitable, Callable

import structlog

from callrec.errors import BackendRefused
from callrec.recorder.folder.manifest import RoomKey
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.newest import Newest
from callrec.wire.recording import Failed, Report, Stopped, decode_stop

log = structlog.get_logger()

Send = Callable[[RoomKey, str, Report], Awaitable[object]]
"""Sends a report of a recording about a room. Raises BackendAway, BackendRefused."""


class LastWords:
    """Reports, and lets the ledger forget the recording."""

    def __init__(
        self, ledger: Ledger, newest: Newest, send: Send, on_failed: Callable[[str, str], None]
    ) -> None:
        """*on_failed* counts a recording that has failed: backend, cause."""
        self._ledger = ledger
        self._newest = newest
        self._send = send
        self._on_failed = on_failed

    async def say(self, entry: Entry, cause: str) -> None:
        """Report *stopped* where that was asked for, else *failed* for *cause*.

        Raises:
            BackendAway: it is still to be said.
            LedgerAway: the same.
        """
        await self._newest.refresh()
        report: Report = Failed(entry.token)
        if entry.stop is not None:
            report = Stopped(entry.token, decode_stop(entry.stop).actor)
        try:
            await self._send((entry.backend, entry.token), entry.recording_id, report)
        except BackendRefused as error:  # it does not want to know
            log.error("report_refused", recording=entry.recording_id, error=str(error))
        await self._ledger.end(entry.recording_id)
        if entry.stop is not None:
            log.info("pool_stopped_unbegun", recording=entry.recording_id, cause=cause)
            return
        log.error("pool_start_failed", recording=entry.recording_id, cause=cause)
        self._on_failed(entry.backend, cause)
