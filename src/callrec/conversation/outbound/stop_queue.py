"""Stops that the recorder must hear of, kept in the database until it has answered.

One task per room sends them. A stop ends with an answer of 2xx or 404, when the recorder reports by itself
that it has stopped, or when a new recording is started in the room.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import RECORDING_SERVERS, TALK, Configuration
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_recordings import RecorderStop
from callrec.conversation.outbound.recording_server import (
    RecorderAway,
    RecordingServerClient,
    recording_server,
)
from callrec.conversation.participants import find_room
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_state import Event
from callrec.wire.recording import Actor, Stop

FIRST_TRY_S = 1.5
"""How long the request that queued a stop waits for the first try."""
ATTEMPT_S = 10.0
RETRY_FIRST_S = 1.0
RETRY_MAX_S = 30.0
GIVE_UP_AFTER = timedelta(hours=1)
"""A recorder that cannot be reached for so long has lost the recording: the room may start another."""

log = structlog.get_logger()


@dataclass
class _Job:
    """The delivery to one room. ``tried`` are set after the next try."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tried: list[asyncio.Event] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class StopQueue:
    """Use as an async context manager: entering goes on with what an earlier process left undelivered."""

    def __init__(
        self,
        db: Database,
        configuration: Configuration,
        client: RecordingServerClient,
        changes: RecordingChanges,
    ) -> None:
        self._db = db
        self._configuration = configuration
        self._client = client
        self._changes = changes
        self._jobs: dict[str, _Job] = {}

    async def __aenter__(self) -> "StopQueue":
        async with self._db.read() as session:
            tokens = list(await session.scalars(select(RecorderStop.token)))
        for token in tokens:
            self._wake(token)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(self.abandon(token) for token in tuple(self._jobs)))

    async def add(self, tx: WriteSession, token: str, actor: Actor | None = None) -> None:
        """Queue a stop for the room *token* in place of an older one.

        After the commit the end of the transaction waits for the first try, up to 1.5 s.
        """
        await self.forget(tx, token)
        tx.add(
            RecorderStop(
                token=token,
                actor_type=actor.type if actor else None,
                actor_id=actor.id if actor else None,
            )
        )
        tx.after_commit(lambda: _first_try(self._wake(token)))

    async def forget(self, tx: WriteSession, token: str) -> bool:
        """Drop the stop of a room; False when none is queued."""
        gone = await tx.scalar(
            delete(RecorderStop).where(RecorderStop.token == token).returning(RecorderStop.id)
        )
        return gone is not None

    async def abandon(self, token: str) -> None:
        """End the delivery to a room, one in flight included."""
        job = self._jobs.pop(token, None)
        if job and job.task:
            job.task.cancel()
            await asyncio.gather(job.task, return_exceptions=True)

    def _wake(self, token: str) -> asyncio.Event:
        """Have the room's stop sent now; returns what is set after that try."""
        job = self._jobs.get(token)
        if job is None:
            job = self._jobs[token] = _Job()
            job.task = asyncio.create_task(self._deliver(token, job), name=f"recorder stop {token}")
        tried = asyncio.Event()
        job.tried.append(tried)
        job.wake.set()
        return tried

    async def _deliver(self, token: str, job: _Job) -> None:
        delay_s = RETRY_FIRST_S
        while True:
            job.wake.clear()
            waiting, job.tried = job.tried, []
            try:
                finished = await self._try(token)
            except Exception:  # the root of the room's task: the stop stays queued and is tried again
                log.exception("recorder_stop_failed", room=token)
                finished = False
            finally:
                for tried in waiting:
                    tried.set()
            if job.wake.is_set():  # another stop was queued meanwhile
                delay_s = RETRY_FIRST_S
            elif finished:
                self._jobs.pop(token, None)
                return
            else:
                try:
                    async with asyncio.timeout(delay_s):
                        await job.wake.wait()
                except TimeoutError:
                    delay_s = min(2 * delay_s, RETRY_MAX_S)

    async def _try(self, token: str) -> bool:
        """Send the room's stop once. True when nothing is left to do."""
        async with self._db.read() as session:
            row = await session.scalar(select(RecorderStop).where(RecorderStop.token == token))
            server = recording_server(await self._configuration.get(session, TALK, RECORDING_SERVERS))
        if row is None:
            return True
        answer: int | None = None
        if server is not None:
            actor = Actor(row.actor_type, row.actor_id) if row.actor_type and row.actor_id else None
            try:
                answer = await self._client.send(server, token, Stop(actor), attempts=1, total_s=ATTEMPT_S)
            except RecorderAway as away:
                log.info("recorder_stop_pending", room=token, cause=away.cause)
        if answer is not None and 200 <= answer < 300:
            async with self._db.write() as tx:
                await _delete(tx, row.id)
            log.info("recorder_stop_delivered", room=token)
            return True
        if answer == 404 or row.queued_at < utc_now() - GIVE_UP_AFTER:
            log.warning("recording_lost", room=token, answer=answer)
            await self._lost(token, row.id)
            return True
        log.warning("recorder_stop_not_taken", room=token, answer=answer)
        return False

    async def _lost(self, token: str, row_id: int) -> None:
        """The recorder knows no recording of this room. Not said of one that was started meanwhile."""
        async with self._db.write() as tx:
            room = await find_room(tx, token)
            if await _delete(tx, row_id) and room is not None:
                await self._changes.apply(tx, room, Event.RECORDER_LOST)


async def _delete(session: AsyncSession, row_id: int) -> bool:
    gone = await session.scalar(
        delete(RecorderStop).where(RecorderStop.id == row_id).returning(RecorderStop.id)
    )
    return gone is not None


def _first_try(tried: asyncio.Event) -> Awaitable[None]:
    async def wait() -> None:
        try:
            async with asyncio.timeout(FIRST_TRY_S):
                await tried.wait()
        except TimeoutError:
            log.info("recorder_stop_slow")

    return wait()
