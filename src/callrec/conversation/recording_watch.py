"""Gives up starts that the recorder accepted but never confirmed.

What has expired is decided from the database, so a restart changes nothing.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound.stop_queue import StopQueue
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_state import STARTING, Event

RETRY_S = 5.0
"""Pause after a failure of the database."""

log = structlog.get_logger()


class StartWatch:
    """Run :meth:`run` as a task; :meth:`hear` of each start, whichever server process took it."""

    def __init__(
        self, db: Database, changes: RecordingChanges, stops: StopQueue, *, start_timeout_s: float
    ) -> None:
        self._db = db
        self._changes = changes
        self._stops = stops
        self._timeout = timedelta(seconds=start_timeout_s)
        self._woken = asyncio.Event()

    def hear(self, _key: str | None) -> None:
        """Look again: there is a new start."""
        self._woken.set()

    async def run(self) -> None:
        """Expire starts when their time has come, until cancelled."""
        while True:
            self._woken.clear()
            try:
                wait_s = await self._expire()
            except Exception:  # the root of the task: the next look finds what this one missed
                log.exception("recording_watch_failed")
                wait_s = RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _expire(self) -> float | None:
        """Expire what is due; return the seconds until the next is, None when nothing is starting."""
        async with self._db.read() as session:
            due_at = await self._next_due(session)
        if due_at is None:
            return None
        if due_at > utc_now():
            return (due_at - utc_now()).total_seconds()
        async with self._db.write() as tx:
            rooms = await tx.scalars(
                select(Room)
                .join(RecordingStart, RecordingStart.room_id == Room.id)
                .where(Room.call_recording.in_(STARTING))
                .where(RecordingStart.requested_at <= utc_now() - self._timeout)
            )
            for room in rooms.all():
                log.error(
                    "recording_start_expired",
                    room=room.token,
                    cause="the recorder did not confirm the start",
                    waited_s=self._timeout.total_seconds(),
                )
                await self._changes.apply(tx, room, Event.START_EXPIRED)
                # If it does record after all, it must not go on unseen.
                await self._stops.add(tx, room.token)
        return 0.0

    async def _next_due(self, session: AsyncSession) -> datetime | None:
        first = await session.scalar(
            select(RecordingStart.requested_at)
            .join(Room, Room.id == RecordingStart.room_id)
            .where(Room.call_recording.in_(STARTING))
            .order_by(RecordingStart.requested_at)
            .limit(1)
        )
        return first + self._timeout if first else None
