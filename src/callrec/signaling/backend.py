"""Calls to the conversation server: bounded in time, and never the end of the signaling server."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import structlog

from callrec.signaling.messages import ProtocolError
from callrec.wire.signaling import RoomAdmission, SignalingBackend, SignalingRefusal, SignalingUser

T = TypeVar("T")

log = structlog.get_logger()


class BackendCalls:
    """The conversation server as the signaling server uses it. Owns the calls nobody waits for."""

    def __init__(self, backend: SignalingBackend, timeout_s: float) -> None:
        self._backend = backend
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._pinging: asyncio.Task[None] | None = None

    async def authenticate(self, params: Mapping[str, Any]) -> SignalingUser:
        """Check the parameters of a client's hello.

        Raises:
            ProtocolError: refused, or ``auth_failed`` when the conversation server has failed.
        """
        return await self._ask(self._backend.authenticate(params), "auth_failed")

    async def authenticate_token(self, token: str) -> SignalingUser:
        """Check the token of a client's hello 2.0.

        Raises:
            ProtocolError: as :meth:`authenticate`.
        """
        return await self._ask(self._backend.authenticate_token(token), "auth_failed")

    async def join_room(self, token: str, user: SignalingUser, conversation_session: str) -> RoomAdmission:
        """Ask for admission to a room.

        Raises:
            ProtocolError: refused, or ``room_join_failed`` when the conversation server has failed.
        """
        call = self._backend.join_room(token, user, conversation_session)
        return await self._ask(call, "room_join_failed")

    async def leave_room(self, token: str, user: SignalingUser, conversation_session: str) -> None:
        """Say that a session is gone. A failure is logged: the conversation server will miss its pings."""
        call = self._backend.leave_room(token, user, conversation_session)
        await self._tell(call, "leave_room", token)

    def leave_room_soon(self, token: str, user: SignalingUser, conversation_session: str) -> None:
        """As :meth:`leave_room`, without waiting."""
        self._spawn(self.leave_room(token, user, conversation_session))

    def ping_soon(self, rooms: Mapping[str, list[str]]) -> None:
        """Say which conversation sessions are alive, by room; left out while the last round still runs."""
        if rooms and (self._pinging is None or self._pinging.done()):
            self._pinging = self._spawn(self._ping(rooms))

    async def close(self) -> None:
        """Cancel the calls nobody waits for."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ping(self, rooms: Mapping[str, list[str]]) -> None:
        async with asyncio.TaskGroup() as group:
            for token, sessions in rooms.items():
                group.create_task(self._ping_room(token, sessions))

    async def _ping_room(self, token: str, sessions: list[str]) -> None:
        await self._tell(self._backend.ping(token, sessions), "ping", token)

    def _spawn(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask(self, call: Coroutine[Any, Any, T], failure: str) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call
        except SignalingRefusal as refusal:
            raise ProtocolError(refusal.code, refusal.message) from refusal
        except Exception as error:  # whatever fails over there must only cost this one request
            log.exception("signaling_backend_failed", answer=failure)
            raise ProtocolError(failure, "the conversation server did not answer") from error

    async def _tell(self, call: Coroutine[Any, Any, None], what: str, token: str) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await call
        except SignalingRefusal as refusal:
            log.info("signaling_backend_refused", call=what, token=token, code=refusal.code)
        except Exception:  # as above; the next ping, or the session's death over there, makes up for it
            log.exception("signaling_backend_failed", call=what, token=token)
