"""Watches over recordings whose recorder does not report: starts never confirmed, stops whose end was lost.

What is due is decided from the database, so a restart changes nothing, and all server processes agree.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from callrec import clock
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound.stop_queue import GIVE_UP_AFTER, StopQueue
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_state import RUNNING, STARTING, Event

RETRY_S = 5.0
"""Pause after a failure of the database."""

_STARTS = Room.call_recording.in_(STARTING)
_STOPS = and_(Room.call_recording.in_(RUNNING), RecordingStart.stop_due_at.is_not(None))
_WITHOUT_CALL = and_(
    Room.call_recording.in_(RUNNING), Room.active_since.is_(None), RecordingStart.stop_due_at.is_(None)
)
"""Recorded after the call, and nobody has asked the recorder to stop."""

log = structlog.get_logger()


class RecordingWatch:
    """Run :meth:`run` as a task; :meth:`hear` of each start and stop, whichever server process took it."""

    def __init__(
        self,
        db: Database,
        changes: RecordingChanges,
        stops: StopQueue,
        *,
        start_timeout_s: float,
        stop_timeout_s: float,
    ) -> None:
        self._db = db
        self._changes = changes
        self._stops = stops
        self._start_timeout = timedelta(seconds=start_timeout_s)
        self._stop_timeout = timedelta(seconds=stop_timeout_s)
        self._woken = asyncio.Event()

    def hear(self, _key: str | None) -> None:
        """Look again: there is a new start or stop."""
        self._woken.set()

    async def run(self) -> None:
        """Do what is due when its time has come, until cancelled."""
        while True:
            self._woken.clear()
            try:
                wait_s = await self._look()
            except Exception:  # the root of the task: the next look finds what this one missed
                log.exception("recording_watch_failed")
                wait_s = RETRY_S
            await clock.is_set_within(self._woken, wait_s)

    async def _look(self) -> float:
        """Do what is due; return the seconds until the next look."""
        async with self._db.read() as session:
            started_at = await _first(session, RecordingStart.requested_at, _STARTS)
            stop_due_at = await _first(session, RecordingStart.stop_due_at, _STOPS)
            without_call = await _first(session, RecordingStart.requested_at, _WITHOUT_CALL)
        due_at = utc_now() + self._stop_timeout  # nobody tells of a recording without a call
        if started_at is not None:
            due_at = min(due_at, started_at + self._start_timeout)
        if stop_due_at is not None:
            due_at = min(due_at, stop_due_at)
        if without_call is None and due_at > utc_now():
            return (due_at - utc_now()).total_seconds()
        async with self._db.write() as tx:
            await self._expire_starts(tx)
            await self._repeat_stops(tx)
            for room, start in await _found(tx, _WITHOUT_CALL):
                log.warning("recording_without_call", room=room.token)
                self._stops.asked(tx, start)  # by the next look somebody may have
        return 0.0

    async def _expire_starts(self, tx: WriteSession) -> None:
        overdue = RecordingStart.requested_at <= utc_now() - self._start_timeout
        for room, _ in await _found(tx, and_(_STARTS, overdue)):
            log.error(
                "recording_start_expired",
                room=room.token,
                cause="the recorder did not confirm the start",
                waited_s=self._start_timeout.total_seconds(),
            )
            await self._changes.apply(tx, room, Event.START_EXPIRED)
            # If it does record after all, it must not go on unseen.
            await self._stops.add(tx, room.token)

    async def _repeat_stops(self, tx: WriteSession) -> None:
        for room, start in await _found(tx, and_(_STOPS, RecordingStart.stop_due_at <= utc_now())):
            waited = utc_now() - (start.stop_asked_at or utc_now())
            waited_s = round(waited.total_seconds())
            if waited >= GIVE_UP_AFTER:
                cause = "the recorder did not report the end"
                log.error("recording_stop_expired", room=room.token, cause=cause, waited_s=waited_s)
                await self._stops.forget(tx, room.token)
                await self._changes.apply(tx, room, Event.RECORDER_LOST)
            elif await self._stops.is_queued(tx, room.token):  # it has not heard of it yet
                self._stops.asked(tx, start)
            else:
                log.warning("recording_stop_unconfirmed", room=room.token, waited_s=waited_s)
                await self._stops.add(tx, room.token)


async def _first(
    session: AsyncSession, moment: InstrumentedAttribute[Any], which: ColumnElement[bool]
) -> datetime | None:
    query = select(moment).join(Room, Room.id == RecordingStart.room_id).where(which)
    found: datetime | None = await session.scalar(query.order_by(moment).limit(1))
    return found


async def _found(tx: WriteSession, which: ColumnElement[bool]) -> list[tuple[Room, RecordingStart]]:
    query = select(Room, RecordingStart).join(RecordingStart, RecordingStart.room_id == Room.id)
    return [(room, start) for room, start in await tx.execute(query.where(which))]
