"""Stops that the recorder must hear of, kept in the outbox until it has answered.

A stop ends with an answer of 2xx or 404, when the recorder reports by itself that it has stopped, or when a
new recording is started in the room. A stop that was taken is not yet an end: the report may be lost, so
``stop_due_at`` of the start says when the recorder is asked again (``recording_watch``).
"""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import select

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.notices import RECORDING
from callrec.conversation.db.tables_outbox import RECORDER, OutboxEntry
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound.courier import Outcome
from callrec.conversation.outbound.outbox import Outbox, forget, queued
from callrec.conversation.outbound.recording_server import RecorderAway, RecordingServerClient
from callrec.conversation.participants import find_room
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_state import Event
from callrec.wire.recording import Actor, Stop, decode_request, encode_request

ATTEMPT_S = 10.0
GIVE_UP_AFTER = timedelta(hours=1)
"""A recorder that cannot be reached for so long has lost the recording: the room may start another."""

log = structlog.get_logger()


class StopQueue:
    """The stops of all rooms: queues them, and is the courier that carries them."""

    expires_after = GIVE_UP_AFTER
    retry_max_s = 30.0

    def __init__(
        self,
        db: Database,
        configuration: Configuration,
        client: RecordingServerClient,
        changes: RecordingChanges,
        outbox: Outbox,
        *,
        timeout_s: float,
    ) -> None:
        self._db = db
        self._configuration = configuration
        self._client = client
        self._changes = changes
        self._outbox = outbox
        self._timeout = timedelta(seconds=timeout_s)
        outbox.use(self, RECORDER)

    async def add(self, tx: WriteSession, token: str, actor: Actor | None = None) -> None:
        """Queue a stop for the room *token* in place of an older one.

        After the commit the end of the transaction waits for the first try, up to 1.5 s.
        """
        await forget(tx, token, RECORDER)
        await self._outbox.add(tx, token, RECORDER, encode_request(Stop(actor)).decode())
        start = await tx.scalar(select(RecordingStart).join(Room).where(Room.token == token))
        if start is not None:
            self.asked(tx, start)

    def asked(self, tx: WriteSession, start: RecordingStart) -> None:
        """Note that the recorder was asked to stop what was started by *start*."""
        start.stop_asked_at = start.stop_asked_at or utc_now()
        start.stop_due_at = utc_now() + self._timeout
        tx.notice(RECORDING)

    async def is_queued(self, tx: WriteSession, token: str) -> bool:
        """Tell whether the recorder has still to hear of the stop of a room."""
        return await queued(tx, token, RECORDER)

    async def forget(self, tx: WriteSession, token: str) -> bool:
        """Drop the stop of a room; False when none is queued."""
        return await forget(tx, token, RECORDER)

    async def abandon(self, token: str) -> None:
        """End the delivery to a room, one in flight included."""
        await self._outbox.abandon(token, RECORDER)

    async def carry(self, entry: OutboxEntry) -> Outcome:
        """Send a stop once."""
        async with self._db.read() as session:
            server = (await self._configuration.recording_servers(session)).used
        if server is None:
            log.warning("recorder_stop_pending", room=entry.token, cause="no recording server is configured")
            return Outcome.AWAY
        request = decode_request(entry.body.encode())
        try:
            until_s = asyncio.get_running_loop().time() + ATTEMPT_S
            answer = await self._client.send(server, entry.token, request, attempts=1, until_s=until_s)
        except RecorderAway as away:
            log.info("recorder_stop_pending", room=entry.token, cause=away.cause)
            return Outcome.AWAY
        if 200 <= answer < 300:
            log.info("recorder_stop_delivered", room=entry.token)
            return Outcome.TAKEN
        if answer == 404:
            return Outcome.UNKNOWN_THERE
        log.warning("recorder_stop_not_taken", room=entry.token, answer=answer)
        return Outcome.AWAY

    async def settle(self, tx: WriteSession, entry: OutboxEntry, outcome: Outcome) -> bool:
        """The recorder knows no recording of this room, or is away for good: the recording is lost."""
        room = await find_room(tx, entry.token)
        if room is not None and await self._changes.apply(tx, room, Event.RECORDER_LOST):
            log.warning("recording_lost", room=entry.token, cause=outcome.value)
        else:  # it was over already
            log.info("recorder_stop_needless", room=entry.token, cause=outcome.value)
        return False

    async def catch_up(self, token: str, target: str) -> bool:
        """Nothing: each stop stands for itself."""
        return True
