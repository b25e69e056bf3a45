"""Reports to backends, in order: one at a time per room, and only those of the room's newest recording.

A report names only the room, so a late one of an older recording would hit the newer one.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

import structlog

from callrec.errors import BackendAway
from callrec.recorder.deliver.backend import ClientsByUrl
from callrec.recorder.folder.manifest import RoomKey
from callrec.wire.recording import Report

SUPERSEDE_WAIT_S = 2.0
"""How long a new recording waits for a report of an older one that is on its way."""


log = structlog.get_logger()


class ReportDesk:
    """Sends reports. ``newest`` tells the id of a room's newest recording."""

    def __init__(self, clients: ClientsByUrl, newest: Callable[[RoomKey], str | None]) -> None:
        self._clients = clients
        self._newest = newest
        self._in_turn: WeakValueDictionary[RoomKey, asyncio.Lock] = WeakValueDictionary()
        self._sending: dict[RoomKey, asyncio.Task[None]] = {}
        self._doubtful: dict[RoomKey, str] = {}

    async def send(
        self, room: RoomKey, recording_id: str, report: Report, *, is_due: Callable[[], bool] = lambda: True
    ) -> bool:
        """Send *report*; return False when it was dropped because a newer recording of the room exists.

        *is_due* is asked when its turn has come: dropped as well when it has become untrue.

        Raises:
            BackendAway: send it again later.
            BackendRefused: the backend does not want it.
        """
        async with self._in_turn.setdefault(room, asyncio.Lock()):
            if self._newest(room) != recording_id or not is_due():
                log.info("report_dropped", recording=recording_id, report=type(report).__name__)
                return False
            client = self._clients.get(room[0])
            if client is None:
                raise BackendAway(f"report: {room[0]} is no configured backend")
            sending = asyncio.create_task(client.report(report))
            self._sending[room] = sending
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                if not sending.cancelled():
                    sending.cancel()
                    await asyncio.wait([sending])  # nothing is on its way any more
                    raise
                # supersede() cancelled the request, not our caller us.
                log.info("report_cancelled", recording=recording_id, report=type(report).__name__)
                return False
            finally:
                self._sending.pop(room, None)
        return True

    def is_doubtful(self, room: RoomKey, recording_id: str) -> bool:
        """Whether a report of an older recording may have been taken for one of this."""
        return self._doubtful.get(room) == recording_id

    async def supersede(self, room: RoomKey, newer: str) -> None:
        """Let no report of an older recording be on its way: wait for it a moment, then cancel it."""
        sending = self._sending.get(room)
        if sending is None:
            self._doubtful.pop(room, None)
            return
        self._doubtful[room] = newer
        await asyncio.wait([sending], timeout=SUPERSEDE_WAIT_S)
        sending.cancel()
