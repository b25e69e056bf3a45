"""Captures one call from join to end."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from callrec import clock
from callrec.errors import BackendAway, BackendRefused, JoinRefused
from callrec.recorder.call import reports
from callrec.recorder.call.backend_settings import CallSettings, encrypts_end_to_end, fetch_settings
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.call.peers import Peers
from callrec.recorder.call.refusals import Refusals
from callrec.recorder.call.roster import Roster
from callrec.recorder.call.signaling import (
    OWN_CALL_FLAGS,
    SignalingConnection,
    SignalingLost,
    connect,
    raise_refusal,
)
from callrec.recorder.capture.log import CaptureLog
from callrec.wire.constants import RecordingStatus

READY_AFTER_S = 2.0
"""A call of muted people is recorded too: this long after the join the film begins without a packet."""
JOIN_TIMEOUT_S = 50.0
"""Below the minute after which conversation servers give up on a start."""
RECONNECT_S = (1, 2, 4, 8, 16)
TICK_S = 1.0
UNTOLD_TIMEOUT_S = 120.0

log = structlog.get_logger()


class Call:
    """One stay in one call. ``emit`` takes what control must know."""

    def __init__(
        self, order: CaptureOrder, capture_log: CaptureLog, emit: Callable[[reports.FromCapture], None]
    ) -> None:
        self._order = order
        self._log = capture_log
        self._emit = emit
        self._roster = Roster(capture_log.present_before)
        self._peers = Peers(capture_log, self._roster, video=order.video)
        self._joined = asyncio.Event()
        self._refusals = Refusals(order.rejoin_window_s)
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(self, cause: str) -> None:
        """End the stay; the first cause counts."""
        if not self._ended.done():
            self._ended.set_result(cause)

    async def run(self) -> str:
        """Join, capture until the end, leave; return the cause."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._log.run()),
                group.create_task(self._tick()),
                group.create_task(self._watch_ready()),
                group.create_task(self._watch_disk()),
                group.create_task(self._stay(group)),
            ]
            cause = await self._ended
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._peers.close()
        return cause

    async def _stay(self, group: asyncio.TaskGroup) -> None:
        attempt = 0
        resume_id: str | None = None
        while True:
            try:
                settings = await fetch_settings(self._order)
                if await encrypts_end_to_end(self._order):
                    log.error("call_end_to_end_encrypted")
                    self.end(reports.ENCRYPTED)
                    return
                async with connect(self._order, settings.signaling_url, resume_id) as connection:
                    attempt, resume_id = 0, connection.resume_id
                    await self._follow(connection, settings, group)
            except (BackendAway, SignalingLost) as error:
                log.warning("call_signaling_lost", error=str(error))
                wait_s: float | None = RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)]
            except (BackendRefused, JoinRefused) as error:
                wait_s = self._wait_after(error)
            if wait_s is None:
                return
            await asyncio.sleep(wait_s)
            attempt += 1

    @property
    def _goes_on(self) -> bool:
        """Whether there is more to lose than a call that could not be joined."""
        return self._joined.is_set() or self._order.goes_on

    def _wait_after(self, refusal: BackendRefused | JoinRefused) -> float | None:
        """Return how long to wait after a refusal; None: it was the end."""
        if not self._goes_on:
            log.error("call_join_refused", error=str(refusal))
            self.end(reports.JOIN_REFUSED)
        elif isinstance(refusal, BackendRefused) and refusal.status == 404:
            log.info("call_room_gone", error=str(refusal))
            self.end(reports.ROOM_GONE)
        elif (wait_s := self._refusals.wait_s(clock.monotonic_s())) is not None:
            log.warning("call_rejoin_refused", error=str(refusal), wait_s=wait_s)
            return wait_s
        else:
            log.error("call_not_rejoined", error=str(refusal))
            self.end(reports.JOIN_REFUSED)
        return None

    async def _follow(
        self, connection: SignalingConnection, settings: CallSettings, group: asyncio.TaskGroup
    ) -> None:
        if connection.resumed:
            self._refusals.end()
        else:
            self._roster.clear_sessions()
        self._peers.use(connection, settings.ice_servers, group)
        async for message in connection.messages():
            kind = message.get("type")
            content = message.get(kind) if isinstance(kind, str) else None
            if not isinstance(content, dict):
                continue
            if kind == "room":
                await self._on_room(connection, content)
            elif kind == "error" and message.get("id") == "room":
                raise_refusal(message)
            elif kind == "error" and not self._peers.refused(str(message.get("id"))):
                log.warning("call_signaling_error", code=content.get("code"))
            elif kind == "event":
                self._on_event(content)
            elif kind == "message":
                self._on_message(content)
            elif kind == "bye":
                raise SignalingLost(f"server says bye: {content.get('reason')}")

    async def _on_room(self, connection: SignalingConnection, content: dict[str, Any]) -> None:
        if content.get("roomid") == "":
            self.end(reports.ROOM_GONE)
        elif not self._joined.is_set() or content.get("roomid") == self._order.token:
            await connection.send("internal", {"type": "incall", "incall": {"incall": OWN_CALL_FLAGS}})
            if not self._joined.is_set():
                log.info("call_joined")
            self._joined.set()
            self._refusals.end()

    def _on_event(self, event: dict[str, Any]) -> None:
        target, kind = event.get("target"), event.get("type")
        content = event.get(kind) if isinstance(kind, str) else None
        if target == "room" and kind == "join" and isinstance(content, list):
            self._roster.joined_room(content)
        elif target == "room" and kind == "leave" and isinstance(content, list):
            self._roster.left_room(content)
        elif target == "room" and kind == "message" and isinstance(content, dict):
            self._on_room_message(content.get("data"))
        elif target == "room" and kind == "delete":
            self.end(reports.ROOM_GONE)
        elif target == "participants" and kind == "update" and isinstance(content, dict):
            if content.get("all") and not content.get("incall"):
                self._roster.all_left_call()
                self.end(reports.CALL_ENDED)
            self._roster.update(u for u in content.get("users") or [] if isinstance(u, dict))
        self._note_changes()

    def _on_room_message(self, data: Any) -> None:
        if not isinstance(data, dict) or data.get("type") != "recording":
            return
        status = (data.get("recording") or {}).get("status")
        if status in set(RecordingStatus):
            self._emit(reports.RoomStatus(RecordingStatus(status)))

    def _on_message(self, content: dict[str, Any]) -> None:
        sender, data = content.get("sender") or {}, content.get("data")
        session_id = sender.get("sessionid")
        if not isinstance(session_id, str) or not isinstance(data, dict):
            return
        self._peers.on_message(session_id, data)
        self._note_changes()

    def _note_changes(self) -> None:
        for change in self._roster.changes(clock.monotonic_s()):
            self._log.event(change.kind, participant=change.participant, name=change.name or None)
            if change.kind == "left":
                self._peers.has_left(change.participant)
        self._peers.drop_absent()

    async def _watch_ready(self) -> None:
        goes_on = self._order.goes_on
        timeout_s = max(JOIN_TIMEOUT_S, self._order.rejoin_window_s if goes_on else 0.0)
        if not await clock.is_set_within(self._joined, timeout_s):
            if goes_on:
                log.error("call_not_rejoined", error="time-out")
            else:
                log.error("call_join_timeout")
            self.end(reports.JOIN_REFUSED)
            return
        if not await clock.is_set_within(self._log.media_seen, READY_AFTER_S):
            log.info("call_no_media_yet")
        self._emit(reports.Ready(self._log.time.now_ms()))

    @property
    def _empty_timeout_s(self) -> float:
        # After the room was joined anew it looks empty until the backend has told who is there.
        shortest = 0.0 if self._roster.told else UNTOLD_TIMEOUT_S
        return max(self._order.empty_timeout_s, shortest)

    async def _watch_disk(self) -> None:
        await self._log.broken.wait()
        self.end(reports.DISK_FAILED)

    async def _tick(self) -> None:
        occupied_ns = clock.monotonic_ns()
        while True:
            await asyncio.sleep(TICK_S)
            self._note_changes()  # those that came too fast
            now_ns = clock.monotonic_ns()
            await self._peers.tick(now_ns // 1_000_000)
            if not self._roster.empty:
                occupied_ns = now_ns
            elif now_ns - occupied_ns > self._empty_timeout_s * 1e9:
                self.end(reports.CALL_EMPTY)
