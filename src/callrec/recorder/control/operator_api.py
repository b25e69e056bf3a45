"""What an operator sees and does, over HTTP (docs/api.md, The recorder's operator)."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from callrec import clock
from callrec.errors import OperatorRefused
from callrec.observe.endpoints import AllowedNetworks
from callrec.recorder.control.tickets import Tickets
from callrec.recorder.lifecycle.interventions import DISK_FAILED, NO_SUCH_RECORDING, POOL_AWAY
from callrec.recorder.lifecycle.operator import Operator

PAGE = Path(__file__).parent / "page"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

NOT_ALLOWED_HERE = "network_refused"
WRONG_TOKEN = "token_refused"  # noqa: S105 - an error word
NO_SUCH_TICKET = "no_such_ticket"
_STATUSES = {
    NO_SUCH_RECORDING: 404,
    NO_SUCH_TICKET: 404,
    NOT_ALLOWED_HERE: 403,
    WRONG_TOKEN: 401,
    DISK_FAILED: 503,
    POOL_AWAY: 503,
}
"""Of error words; others are 409: it cannot be done as things stand."""

log = structlog.get_logger()

_Endpoint = Callable[[Request], Awaitable[Response]]


class OperatorApi:
    """The routes below ``/operator``. Requests need the token in a header, so no other site can send them."""

    def __init__(self, token: str, networks: Sequence[str]) -> None:
        """*networks* (CIDR) may come in beside loopback."""
        if not token:
            raise ValueError("an operator's API without a token would be open to everybody")
        self.operator: Operator | None = None
        """Set while the recorder runs."""
        self._token = token.encode()
        self._allowed = AllowedNetworks(networks)
        self._tickets = Tickets()

    @property
    def routes(self) -> list[BaseRoute]:
        """Page, its files, and the API."""
        one = "/operator/api/recordings/{recording_id}"
        return [
            Route("/operator/", self._here(self._page), methods=["GET"]),
            Route("/operator/api/recordings", self._signed(self._list), methods=["GET"]),
            Route(one, self._signed(self._show), methods=["GET"]),
            Route(one, self._signed(self._delete), methods=["DELETE"]),
            Route(f"{one}/retry", self._signed(self._retry), methods=["POST"]),
            Route(f"{one}/park", self._signed(self._park), methods=["POST"]),
            Route(f"{one}/film", self._signed(self._ticket), methods=["POST"]),
            Route("/operator/films/{ticket}", self._here(self._film), methods=["GET"]),
            Mount("/operator/page", _PageFiles(directory=PAGE)),
        ]

    def _here(self, endpoint: _Endpoint) -> _Endpoint:
        """Serve allowed networks only, and tell refusals by their words."""

        async def guarded(request: Request) -> Response:
            client = request.client.host if request.client else None
            try:
                own = (request.scope.get("server") or (None,))[0]  # who comes from there is this machine, too
                if not (self._allowed.allow(client) or (client is not None and client == own)):
                    raise OperatorRefused(
                        NOT_ALLOWED_HERE, "recorder.operator_networks does not hold this client"
                    )
                answer = await endpoint(request)
            except OperatorRefused as refusal:
                if refusal.word in (NOT_ALLOWED_HERE, WRONG_TOKEN):
                    log.warning("operator_refused", reason=refusal.word, client=client)
                status = _STATUSES.get(refusal.word, 409)
                answer = JSONResponse({"error": refusal.word, "text": refusal.text}, status)
            answer.headers.update(HEADERS)
            return answer

        return guarded

    def _signed(self, endpoint: _Endpoint) -> _Endpoint:
        """Serve whoever has the token."""

        async def known(request: Request) -> Response:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._token)
            if scheme.lower() != "bearer" or not right:
                raise OperatorRefused(WRONG_TOKEN, "the header Authorization must be: Bearer, and the token")
            return await endpoint(request)

        return self._here(known)

    def _present(self) -> Operator:
        assert self.operator is not None, "requests come within the app's lifespan"
        return self.operator

    async def _page(self, _request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def _list(self, _request: Request) -> Response:
        entries = await self._present().list()
        return _json({"now": clock.wall_s(), "recordings": entries})

    async def _show(self, request: Request) -> Response:
        return _json(await self._present().show(_id(request)))

    async def _retry(self, request: Request) -> Response:
        return _json({"recording": await self._present().retry(_id(request))})

    async def _park(self, request: Request) -> Response:
        return _json({"recording": await self._present().park(_id(request))})

    async def _delete(self, request: Request) -> Response:
        return _json(await self._present().delete(_id(request)))

    async def _ticket(self, request: Request) -> Response:
        """A browser saves to the disk only what it opens by itself, without a header: by a ticket, once."""
        recording_id = _id(request)
        film = self._present().film(recording_id)
        ticket = self._tickets.give(recording_id)
        return _json({"path": f"/operator/films/{ticket}", "name": film.name, "bytes": film.stat().st_size})

    async def _film(self, request: Request) -> Response:
        recording_id = self._tickets.take(request.path_params["ticket"])
        if recording_id is None:
            raise OperatorRefused(NO_SUCH_TICKET, "it is used up, or too old")
        film = self._present().film(recording_id)
        log.info("operator_took_film", recording=recording_id)
        return FileResponse(film, media_type="application/octet-stream", filename=film.name)


class _PageFiles(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed on unseen
        response.headers.update(HEADERS)
        return response


def _id(request: Request) -> str:
    recording_id: str = request.path_params["recording_id"]
    return recording_id


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
