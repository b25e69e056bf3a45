"""``GET /api/v1/welcome`` and ``POST /api/v1/room/{token}`` (docs/wire.md, Recording requests)."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callrec import __version__
from callrec.recorder.control.service import Service
from callrec.settings import BackendSettings
from callrec.wire.checksum import RECORDING_BACKEND, RECORDING_CHECKSUM, RECORDING_RANDOM, verify
from callrec.wire.constants import ROOM_TOKEN
from callrec.wire.recording import MalformedMessage, Start, decode_request

log = structlog.get_logger()

ServiceLifespan = Callable[[], AbstractAsyncContextManager[Service]]


class BodyTooLarge(Exception):
    """The body exceeds the limit; nothing of it was used."""


def create_app(
    backends: Sequence[BackendSettings], max_message_bytes: int, running: ServiceLifespan
) -> Starlette:
    """Return the control API of a recorder whose service lives within *running*."""
    by_url = {backend.url: backend for backend in backends}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running() as service:
            app.state.service = service
            yield

    async def welcome(_request: Request) -> Response:
        return JSONResponse({"version": __version__})

    async def room(request: Request) -> Response:
        service: Service = request.app.state.service
        token: str = request.path_params["token"]
        backend = by_url.get(request.headers.get(RECORDING_BACKEND, "").rstrip("/"))
        random, given = request.headers.get(RECORDING_RANDOM), request.headers.get(RECORDING_CHECKSUM)
        if backend is None or not random or not given:
            log.warning("control_refused", reason="backend unknown, or headers missing")
            return _error(403, "unknown backend, or signature headers missing")
        try:
            body = await _read(request, max_message_bytes)
        except BodyTooLarge:
            return _error(400, f"body: larger than {max_message_bytes} bytes")
        if not verify(backend.secret.get_secret_value(), random, given, body):
            log.warning("control_refused", reason="checksum")
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
        except OSError as error:
            log.error("control_disk_failed", error=str(error))
            return JSONResponse({"error": "disk_failed"}, 503, headers={"Retry-After": "30"})
        return JSONResponse({})

    routes = [
        Route("/api/v1/welcome", welcome, methods=["GET"]),
        Route("/api/v1/room/{token}", room, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _read(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit_bytes:
            raise BodyTooLarge
    return bytes(body)


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)
