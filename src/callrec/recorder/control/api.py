"""``GET /api/v1/welcome`` and ``POST /api/v1/room/{token}`` (docs/wire.md, Recording requests)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callrec import __version__
from callrec.errors import PoolAway, StartRefused
from callrec.settings import BackendSettings
from callrec.wire.checksum import RECORDING_BACKEND, RECORDING_CHECKSUM, RECORDING_RANDOM, verify
from callrec.wire.constants import ROOM_TOKEN
from callrec.wire.recording import MalformedMessage, Start, Stop, decode_request

log = structlog.get_logger()

READ_TIMEOUT_S = 10.0
"""A body, a kilobyte by rights, that has not come within this time never will."""
RETRY_AFTER_S = 30
MAX_LENGTH_DIGITS = 18


class Recorder(Protocol):
    """Carries out requests; each is durable before it is answered."""

    async def start(self, backend: BackendSettings, token: str, request: Start) -> None:
        """Start a recording. Raises StartRefused, PoolAway, OSError."""
        ...

    async def stop(self, backend: BackendSettings, token: str, request: Stop) -> bool:
        """Stop the room's recording; False when there is none. Raises PoolAway, OSError."""
        ...


ServiceLifespan = Callable[[], AbstractAsyncContextManager[Recorder]]


class BodyTooLarge(Exception):
    """The body exceeds the limit; nothing of it was used."""


class BackendsByUrl(Protocol):
    """Knows the backends that may order recordings."""

    def get(self, url: str, /) -> BackendSettings | None:
        """Return the backend at exactly *url*, None for a stranger."""
        ...


def create_app(backends: BackendsByUrl, max_message_bytes: int, running: ServiceLifespan) -> Starlette:
    """Return the control API of a recorder whose service lives within *running*.

    *max_message_bytes* counts for backends that have no limit of their own.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running() as service:
            app.state.service = service
            yield

    async def welcome(_request: Request) -> Response:
        return JSONResponse({"version": __version__})

    async def room(request: Request) -> Response:
        service: Recorder = request.app.state.service
        token: str = request.path_params["token"]
        backend = backends.get(request.headers.get(RECORDING_BACKEND, "").rstrip("/"))
        random, given = request.headers.get(RECORDING_RANDOM), request.headers.get(RECORDING_CHECKSUM)
        if backend is None or not random or not given:
            log.warning(
                "control_refused", reason="backend unknown, or headers missing", client=_client(request)
            )
            return _error(403, "unknown backend, or signature headers missing")
        limit_bytes = backend.max_message_bytes or max_message_bytes
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                body = await _read(request, limit_bytes)
        except BodyTooLarge:
            text = f"body: larger than {limit_bytes} bytes"
            return JSONResponse({"error": text}, 400, headers={"Connection": "close"})
        except TimeoutError:
            log.warning("control_refused", reason="body too slow", client=_client(request))
            return JSONResponse({"error": "body: too slow"}, 408, headers={"Connection": "close"})
        if not verify(backend.secret.get_secret_value(), random, given, body):
            log.warning("control_refused", reason="checksum", client=_client(request))
            return _error(403, "checksum does not match")
        if not ROOM_TOKEN.fullmatch(token):
            return _error(404, "no such room token")
        try:
            message = decode_request(body)
        except MalformedMessage as error:
            return _error(400, str(error))
        try:
            if isinstance(message, Start):
                await service.start(backend, token, message)
            elif not await service.stop(backend, token, message):
                return _error(404, "no recording of this room")
        except StartRefused as error:
            log.warning("control_start_refused", backend=backend.url, reason=error.cause)
            return _no_room(error.cause)
        except PoolAway as error:
            log.error("control_pool_away", error=str(error))
            return _no_room("pool_away")
        except OSError as error:
            log.error("control_disk_failed", error=str(error))
            return _no_room("disk_failed")
        return JSONResponse({})

    routes = [
        Route("/api/v1/welcome", welcome, methods=["GET"]),
        Route("/api/v1/room/{token}", room, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _read(request: Request, limit_bytes: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if len(length) > MAX_LENGTH_DIGITS or not length.isdecimal() or int(length) > limit_bytes:
        raise BodyTooLarge
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit_bytes:
            raise BodyTooLarge
    return bytes(body)


def _no_room(name: str) -> JSONResponse:
    """Return the answer by which a balancer knows to ask the next recorder."""
    return JSONResponse({"error": name}, 503, headers={"Retry-After": str(RETRY_AFTER_S)})


def _client(request: Request) -> str | None:
    return request.client.host if request.client else None


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)
