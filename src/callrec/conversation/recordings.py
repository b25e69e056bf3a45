"""Starting and stopping recordings, and what the recorder reports (docs/wire.md, Recording API).

A start is written to the database before it is sent, so exactly one of two at the same moment wins and a very
fast report finds the right state; when the recorder refuses it is put back and nobody hears of it.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.notices import RECORDING
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.outbound.recording_server import RecorderAway, RecordingServerClient, deadline_s
from callrec.conversation.outbound.stop_queue import StopQueue
from callrec.conversation.participants import (
    ActorRef,
    actor_of,
    find_attendee,
    find_room,
    require_user_moderator,
)
from callrec.conversation.recording_changes import RecordingChanges, compare_and_set
from callrec.conversation.recording_servers import RecordingServer
from callrec.conversation.recording_state import (
    OFF,
    RUNNING,
    STARTING,
    Event,
    asks_recorder_to_stop,
    start_event,
    started_event,
    transition,
)
from callrec.conversation.signaling_push import RoomSignals
from callrec.wire.recording import Actor, Failed, Report, Start, Started, Stop

log = structlog.get_logger()


class NoSuchRoom(Exception):
    """A report speaks of a room that is not there, or that waits for no start."""


@dataclass(frozen=True)
class _Begun:
    """A start that was written down: what to send, and what to put back if it is refused."""

    room_id: int
    token: str
    server: RecordingServer
    request: Start
    status: int
    requested_at: datetime
    owed_a_stop: bool
    """An older start may still run over there: if this one is refused, the stop is due again."""
    previous_status: int
    previous_owner: str | None
    previous_requested_at: datetime | None


class Recordings:
    """Decides about recordings and talks with the recorder."""

    def __init__(
        self,
        *,
        db: Database,
        configuration: Configuration,
        signals: RoomSignals,
        changes: RecordingChanges,
        client: RecordingServerClient,
        stops: StopQueue,
    ) -> None:
        self._db = db
        self._configuration = configuration
        self._signals = signals
        self._changes = changes
        self._client = client
        self._stops = stops

    async def start(self, token: str, caller: Caller, kind: int) -> None:
        """Start a recording of *kind* 1 (video) or 2 (audio) for *caller*.

        Raises:
            OcsError: 404 or 403 by the guards; 400 ``status``, ``recording``, ``call``, ``config``; 500
                when the recorder does not take it within 10 s, all waiting included.
        """
        until_s = deadline_s()
        begun = await self._begin(token, caller, kind)
        # A stop of an earlier recording that is still on its way must not hit this one.
        await self._stops.abandon(token)
        try:
            answer = await self._client.send(begun.server, token, begun.request, until_s=until_s)
        except RecorderAway as away:
            await self._refused(begun, away.cause, unknown=away.unknown, until_s=until_s)
        else:
            if 200 <= answer < 300:
                await self._accepted(begun, until_s)
            else:
                await self._refused(begun, f"answered {answer}", unknown=False, until_s=until_s)

    async def stop(self, token: str, caller: Caller) -> None:
        """Ask the recorder to stop, for *caller*. The status changes when it reports the end.

        Raises:
            OcsError: 404 or 403 by the guards; 500 when the recorder cannot be asked now: then the stop is
                queued.
        """
        until_s = deadline_s()
        async with self._db.read() as session:
            participant = await require_user_moderator(session, token, caller)
            if participant.room.call_recording == OFF:
                return
            server = await self._server(session)
            start = await session.get(RecordingStart, participant.room.id)
        begun_at = start.requested_at if start else None
        actor = participant.actor
        cause = "no recording server is configured"
        answer: int | None = None
        if server is not None:
            try:
                stop = Stop(Actor(actor.type, actor.id))
                answer = await self._client.send(server, token, stop, until_s=until_s)
                cause = f"answered {answer}"
            except RecorderAway as away:
                cause = away.cause
        if answer == 404:
            await self._lost(token, actor, begun_at, until_s)
        elif answer is not None and 200 <= answer < 300:
            await self._stop_taken(token, begun_at)
        else:
            await self._queue_stop(token, actor, begun_at, until_s)
            raise _recorder_failed("stop", token, cause)

    async def report(self, report: Report) -> None:
        """Take what the recorder reports.

        Raises:
            NoSuchRoom: the room is unknown, or *started* for a room that is not starting.
        """
        waits = True
        async with self._db.write() as tx:
            room = await find_room(tx, report.token)
            if room is None:
                raise NoSuchRoom("there is no such room")
            if isinstance(report, Failed):
                await self._changes.apply(tx, room, Event.FAILED)
            elif isinstance(report, Started):
                if not await self._configuration.recording_enabled(tx):
                    raise NoSuchRoom("recording is not enabled")
                actor = await _participant(tx, room, report.actor)
                waits = await self._changes.apply(tx, room, started_event(report.status), actor)
                if not waits and room.call_recording in RUNNING:
                    # The recorder may not know that it was agreed to before: it died meanwhile.
                    await self._signals.recording_status_again(tx, room)
            else:
                actor = await _participant(tx, room, report.actor)
                event = Event.STOPPED_BY if actor else Event.STOPPED
                await self._changes.apply(tx, room, event, actor)
        if not waits:
            raise NoSuchRoom("the room waits for no recording to start")
        log.info("recording_reported", room=report.token, report=type(report).__name__.lower())

    async def stop_for_ended_call(self, tx: WriteSession, room: Room) -> None:
        """Queue a stop without actor because the room's call ended, or the room is deleted, in *tx*."""
        if asks_recorder_to_stop(room.call_recording):
            await self._stops.add(tx, room.token)

    async def _begin(self, token: str, caller: Caller, kind: int) -> _Begun:
        async with self._db.write() as tx:
            participant = await require_user_moderator(tx, token, caller)
            room = participant.room
            event = start_event(kind)
            if event is None:
                raise refusal("status")
            change = transition(event, room.call_recording)
            if change is None:
                raise refusal("recording")
            if room.active_since is None:
                raise refusal("call")
            server = await self._server(tx)
            if server is None or not await self._configuration.recording_enabled(tx):
                raise refusal("config")
            start = await tx.get(RecordingStart, room.id)
            actor = participant.actor
            begun = _Begun(
                room_id=room.id,
                token=token,
                server=server,
                request=Start(kind, actor.id, Actor(actor.type, actor.id)),
                status=change.to,
                requested_at=utc_now(),
                owed_a_stop=await self._stops.forget(tx, token),
                previous_status=room.call_recording,
                previous_owner=start.pending_owner if start else None,
                previous_requested_at=start.requested_at if start else None,
            )
            if not await compare_and_set(tx, room, change.to):
                raise refusal("recording")  # another one was faster
            if start is None:
                start = RecordingStart(room_id=room.id)
                tx.add(start)
            start.pending_owner, start.requested_at = actor.id, begun.requested_at
            start.stop_asked_at = start.stop_due_at = None
            tx.notice(RECORDING)
        return begun

    async def _accepted(self, begun: _Begun, until_s: float) -> None:
        async with self._db.write(until_s=until_s) as tx:
            room = await tx.get(Room, begun.room_id)
            if room is None or room.call_recording not in (*STARTING, *RUNNING):
                # It was stopped, given up or deleted while the request was on its way.
                await self._stops.add(tx, begun.token)
            elif room.call_recording == begun.status:
                await self._signals.recording_status(tx, room)
        log.info("recording_ordered", room=begun.token, kind=begun.request.status)

    async def _refused(self, begun: _Begun, cause: str, *, unknown: bool, until_s: float) -> None:
        """Put everything back as if nothing had been asked, unless a report says that it runs.

        Raises:
            OcsError: 500.
        """
        async with self._db.write(until_s=until_s) as tx:
            room = await tx.get(Room, begun.room_id)
            start = await tx.get(RecordingStart, begun.room_id)
            if room is not None and room.call_recording in RUNNING:
                return
            mine = start is not None and start.requested_at == begun.requested_at
            if (unknown or begun.owed_a_stop) and (mine or start is None):
                await self._stops.add(tx, begun.token)
            as_begun = mine and room is not None and room.call_recording == begun.status
            if room and start and as_begun and await compare_and_set(tx, room, begun.previous_status):
                if begun.previous_requested_at is None:
                    await tx.delete(start)
                else:
                    start.pending_owner = begun.previous_owner
                    start.requested_at = begun.previous_requested_at
        raise _recorder_failed("start", begun.token, cause)

    async def _lost(self, token: str, actor: ActorRef, begun_at: datetime | None, until_s: float) -> None:
        """The recorder knows no such recording."""
        async with self._db.write(until_s=until_s) as tx:
            room, _ = await _still(tx, token, begun_at)
            if room is not None:
                await self._changes.apply(tx, room, Event.RECORDER_LOST, actor)
                await self._stops.forget(tx, token)
        log.warning("recording_lost", room=token, answer=404)

    async def _stop_taken(self, token: str, begun_at: datetime | None) -> None:
        async with self._db.write() as tx:
            room, start = await _still(tx, token, begun_at)
            if room is not None:
                await self._stops.forget(tx, token)
            if start is not None:
                self._stops.asked(tx, start)

    async def _queue_stop(
        self, token: str, actor: ActorRef, begun_at: datetime | None, until_s: float
    ) -> None:
        async with self._db.write(until_s=until_s) as tx:
            room, _ = await _still(tx, token, begun_at)
            if room is not None and room.call_recording != OFF:
                await self._stops.add(tx, token, Actor(actor.type, actor.id))

    async def _server(self, session: AsyncSession) -> RecordingServer | None:
        return (await self._configuration.recording_servers(session)).used


async def _still(
    session: AsyncSession, token: str, begun_at: datetime | None
) -> tuple[Room | None, RecordingStart | None]:
    """Return the room and its start, unless another recording was started there since *begun_at*."""
    room = await find_room(session, token)
    if room is None:
        return None, None
    start = await session.get(RecordingStart, room.id)
    return (room, start) if (start.requested_at if start else None) == begun_at else (None, None)


async def _participant(session: AsyncSession, room: Room, actor: Actor | None) -> ActorRef | None:
    attendee = await find_attendee(session, room.id, actor.type, actor.id) if actor else None
    return actor_of(attendee) if attendee else None


def _recorder_failed(request: str, token: str, cause: str) -> OcsError:
    log.error("recorder_failed", request=request, room=token, cause=cause)
    return OcsError(500, [], message="Internal Server Error\n", code=996)
