"""The embedded signaling server: one ASGI app, and the pushes of the conversation server."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from callrec.signaling import frames
from callrec.signaling.backend import BackendCalls
from callrec.signaling.config import SignalingConfig
from callrec.signaling.connection import Connection
from callrec.signaling.features import FEATURES, FEATURES_HEADER, VERSION
from callrec.signaling.hub import Hub
from callrec.signaling.membership import Membership, now_s
from callrec.signaling.pushes import apply_push, parse_push
from callrec.wire.signaling import SignalingBackend

log = structlog.get_logger()

GOING_AWAY = 1001
"""WebSocket close code (RFC 6455, section 7.4.1)."""


class SignalingServer:
    """Implements :class:`callrec.wire.signaling.SignalingPush`.

    Lives on one event loop. Created before the conversation server, which needs it to push; joined to it by
    :meth:`create_app`.
    """

    def __init__(self, config: SignalingConfig) -> None:
        self._config = config
        self._membership: Membership | None = None
        self._connections: dict[Connection, asyncio.Event] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    def create_app(self, backend: SignalingBackend) -> Starlette:
        """Return the app: ``GET /api/v1/welcome`` and the WebSocket ``/spreed``. Called once.

        The ASGI server must be run with :meth:`SignalingConfig.websocket_options`.
        """
        if self._membership is not None:
            raise RuntimeError("create_app: called before")
        calls = BackendCalls(backend, self._config.backend_timeout_s)
        membership = self._membership = Membership(Hub(), calls)

        async def serve(websocket: WebSocket) -> None:
            await self._serve(websocket, membership)

        routes = [Route("/api/v1/welcome", _welcome), WebSocketRoute("/spreed", serve)]
        return Starlette(routes=routes)

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        """Deliver one room request; nothing waits for any client.

        Raises:
            MalformedPush: *request* is no room request; nothing has been changed.
        """
        push = parse_push(request)
        if self._membership is not None:
            apply_push(self._membership, token, push)

    async def close(self) -> None:
        """Say bye to everybody and end all sockets and tasks. Conversation sessions are left as they are."""
        self._closed = True
        connections = dict(self._connections)
        for connection in connections:
            connection.outbox.finish(frames.bye("server_shutdown"))
        if connections:
            ended = [asyncio.ensure_future(event.wait()) for event in connections.values()]
            _, waiting = await asyncio.wait(ended, timeout=self._config.close_timeout_s)
            for connection in self._connections:
                connection.outbox.break_off()
            await asyncio.gather(*waiting)
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._membership is not None:
            await self._membership.calls.close()

    async def _serve(self, websocket: WebSocket, membership: Membership) -> None:
        if self._closed:
            await websocket.close(GOING_AWAY)
            return
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(membership))
        connection = Connection(websocket, self._config, membership)
        ended = self._connections[connection] = asyncio.Event()
        try:
            await connection.run()
        finally:
            del self._connections[connection]
            ended.set()

    async def _sweep(self, membership: Membership) -> None:
        """End what has lasted too long; say who is alive."""
        next_ping_s = now_s() + self._config.backend_ping_interval_s
        while True:
            await asyncio.sleep(self._config.sweep_interval_s)
            try:
                self._end_overdue(membership)
                if now_s() >= next_ping_s:
                    next_ping_s = now_s() + self._config.backend_ping_interval_s
                    membership.calls.ping_soon(membership.hub.conversation_sessions())
            except Exception:  # without this task every session dies: the next round may do better
                log.exception("signaling_sweep_failed")

    def _end_overdue(self, membership: Membership) -> None:
        for session in membership.hub.expired(self._config, now_s()):
            membership.end(session)
        for session in membership.hub.strayed(self._config, now_s()):
            membership.end(session, frames.bye("room_join_timeout"))


async def _welcome(_: Request) -> JSONResponse:
    content = {"nextcloud-spreed-signaling": "Welcome", "version": VERSION}
    return JSONResponse(content, headers={FEATURES_HEADER: ", ".join(FEATURES)})
