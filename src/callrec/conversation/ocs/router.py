"""Declaring OCS routes: each is served under both dialects, in the contract's order of checks."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callrec.conversation.db.engine import Database
from callrec.conversation.ocs import envelope
from callrec.conversation.ocs.authentication import Authenticator, Caller, has_api_header
from callrec.conversation.ocs.body import MAX_BODY_BYTES, body_parameters, form_parameters, read_body
from callrec.conversation.ocs.described import Body, Schema, Signature
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import NOT_LOGGED_IN, OcsError, not_logged_in
from callrec.conversation.ocs.formats import format_by_parameter, note_format, wanted_format
from callrec.conversation.ocs.headers import header
from callrec.conversation.ocs.parameters import INT_MAX, convert
from callrec.conversation.ocs.throttle import Throttle
from callrec.wire.constants import ROOM_TOKEN

log = structlog.get_logger()

C = TypeVar("C")
S = TypeVar("S", bound=msgspec.Struct)


class _RoomTokenConvertor(Convertor[str]):
    """``{token:room_token}`` in a path: what is no room token is an unknown route."""

    regex = ROOM_TOKEN.pattern

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _IdConvertor(Convertor[int]):
    """``{id:int}`` in a path: a number; beyond 64 bits it is the largest, which nothing has."""

    regex = "[0-9]{1,40}"

    def convert(self, value: str) -> int:
        return min(int(value), INT_MAX)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("room_token", _RoomTokenConvertor())
register_url_convertor("int", _IdConvertor())


class Access(Enum):
    """Who may call a route."""

    PUBLIC = "public"
    USER = "user"
    ADMIN = "admin"


@dataclass
class OcsRequest:
    """One OCS request, its caller known."""

    http: Request
    caller: Caller
    throttle: Throttle
    max_body_bytes: int
    too_long: Callable[[], OcsError] | None = None
    """Makes the answer to a longer body, where it is not the usual 413."""
    new_cookie: str | None = None
    """Set by a handler: the client gets this session cookie with the answer."""
    _body: bytes | None = field(default=None, repr=False)

    @property
    def token(self) -> str:
        """The room token in the path."""
        return str(self.http.path_params["token"])

    @property
    def user_id(self) -> str:
        """The caller's user id, on routes that only users reach."""
        if self.caller.user_id is None:
            raise not_logged_in()
        return self.caller.user_id

    def path(self, name: str) -> str:
        """Return a variable of the path."""
        return str(self.http.path_params[name])

    def header(self, name: str) -> str | None:
        """Return a header; ``_`` and ``-`` are alike, in any case."""
        return header(self.http.headers, name)

    async def body(self) -> bytes:
        """Return the raw body as it was sent, for checksums."""
        if self._body is None:
            try:
                self._body = await read_body(self.http, self.max_body_bytes)
            except OcsError as error:
                if error.status == 413 and self.too_long is not None:
                    raise self.too_long() from error
                raise
        return self._body

    async def read(self, struct: type[S]) -> S:
        """Return the merged parameters (path over body over query) as *struct*.

        Raises:
            OcsError: 400 naming the parameter that is missing or unreadable, 413 for too long a body.
        """
        body = body_parameters(self.http.headers.get("content-type"), await self.body())
        note_format(self.http, body)
        return convert({**form_parameters(self.http.url.query), **body, **self.http.path_params}, struct)

    async def fail(self, action: str, about: str = "") -> None:
        """Count a bad attempt of the client; *about* is what a later success forgives, such as a room token.

        Raises:
            OcsError: 429 when there were too many.
        """
        await self.throttle.fail(action, self.caller.network, about)


_NOTHING: Mapping[int, tuple[str, ...]] = MappingProxyType({})

Handler = Callable[[C, OcsRequest], Awaitable[Answer]]
Guard = Callable[[C, AsyncSession, OcsRequest], Awaitable[object]]
"""Who may use a route; raises ``OcsError``. The handler asks again in the transaction of its change."""


@dataclass(frozen=True)
class OcsRoute(Generic[C]):
    """What a route is declared to be; ``path`` is below the dialect."""

    method: str
    path: str
    access: Access
    handler: Handler[C]
    max_body_bytes: int
    reads: type[msgspec.Struct] | None
    """The parameters."""
    answers: tuple[int, ...]
    """The HTTP statuses of success."""
    refuses: Mapping[int, tuple[str, ...]]
    """The error words that the route is known for, by HTTP status; what all routes refuse goes without."""
    guard: Guard[C] | None
    """Asked before the body is read: who may not is told so, whatever he sends."""
    data: Schema | None
    """The data of a success."""
    takes: Body | None
    """The body, where it is not just the parameters."""
    signed: Signature | None
    too_long: Callable[[], OcsError] | None
    """Makes the answer to a body above ``max_body_bytes``; None: 413."""


class OcsRouter(Generic[C]):
    """The routes below one prefix, such as ``/apps/spreed/api/v4``.

    Handlers are ``async def handler(context: C, ocs: OcsRequest) -> Answer``; the context is given when the
    router is installed. Earlier declared routes win.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._routes: list[OcsRoute[C]] = []

    def route(
        self,
        method: str,
        path: str,
        *,
        access: Access = Access.USER,
        max_body_bytes: int = MAX_BODY_BYTES,
        reads: type[msgspec.Struct] | None = None,
        answers: tuple[int, ...] = (200,),
        refuses: Mapping[int, tuple[str, ...]] = _NOTHING,
        guard: Guard[C] | None = None,
        data: Schema | None = None,
        takes: Body | None = None,
        signed: Signature | None = None,
        too_long: Callable[[], OcsError] | None = None,
    ) -> Callable[[Handler[C]], Handler[C]]:
        """Declare a route. In *path*, ``{token:room_token}`` stands for a room's token.

        *reads*, *answers*, *refuses*, *data*, *takes* and *signed* describe it to clients (``ocs.openapi``).
        *guard* is asked before anything is read.
        """

        def declare(handler: Handler[C]) -> Handler[C]:
            self._routes.append(
                OcsRoute(
                    method=method,
                    path=self._prefix + path,
                    access=access,
                    handler=handler,
                    max_body_bytes=max_body_bytes,
                    reads=reads,
                    answers=answers,
                    refuses=refuses,
                    guard=guard,
                    data=data,
                    takes=takes,
                    signed=signed,
                    too_long=too_long,
                )
            )
            return handler

        return declare

    def install(self, app: Starlette, context: C, gate: "Gate") -> None:
        """Add the routes to *app* under both dialects."""
        declared(app).extend(self._routes)
        for route in self._routes:
            for dialect in (envelope.V1, envelope.V2):
                endpoint = gate.endpoint(dialect, route, context)
                app.add_route(dialect + route.path, endpoint, methods=[route.method])


def declared(app: Starlette) -> list[OcsRoute[Any]]:
    """Return the list of the OCS routes of *app*, in the order in which they win."""
    state = app.state
    if not hasattr(state, "ocs_routes"):
        state.ocs_routes = []
    routes: list[OcsRoute[Any]] = state.ocs_routes
    return routes


@dataclass(frozen=True)
class Gate:
    """What every OCS request passes before its handler: who is it, may he, and what went wrong."""

    authenticator: Authenticator
    throttle: Throttle
    db: Database

    def endpoint(
        self, dialect: str, route: OcsRoute[C], context: C
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint function of *route* in *dialect*."""

        async def endpoint(request: Request) -> Response:
            try:
                return await self._serve(request, dialect, route, context)
            except OcsError as error:
                return envelope.render_error(dialect, wanted_format(request), error)
            except (
                Exception
            ):  # the root of the request: the client gets the contract's 996, the log the cause
                log.exception("request_failed", route=route.path, method=route.method)
                failure = OcsError(500, [], message="Internal Server Error\n", code=996)
                return envelope.render_error(dialect, wanted_format(request), failure)

        return endpoint

    async def _serve(self, request: Request, dialect: str, route: OcsRoute[C], context: C) -> Response:
        caller = await self.authenticator.identify(request)
        if route.access is not Access.PUBLIC:
            _demand_user(request, caller, route.access)
        if not has_api_header(request) and not caller.bearer:
            return JSONResponse({"message": "CSRF check failed"}, 412)
        ocs = OcsRequest(request, caller, self.throttle, route.max_body_bytes, route.too_long)
        if route.guard is not None:
            async with self.db.read() as session:
                await route.guard(context, session, ocs)
        answer = await route.handler(context, ocs)
        response = envelope.render(dialect, wanted_format(request), answer)
        if ocs.new_cookie is not None:
            self.authenticator.set_cookie(response, ocs.new_cookie)
        return response


def _demand_user(request: Request, caller: Caller, access: Access) -> None:
    if caller.rejected:
        dummy = header(request.headers, "X-Requested-With") == "XMLHttpRequest"
        challenge = f'{"DummyBasic" if dummy else "Basic"} realm="callrec"'
        headers = {"WWW-Authenticate": challenge}
        raise OcsError(401, [], message="Unauthorised", code=NOT_LOGGED_IN, headers=headers)
    if caller.user_id is None:
        raise not_logged_in()
    if access is Access.ADMIN and not caller.is_admin:
        raise OcsError(403, [], message="Logged in account must be an admin")


_OCS_PATH = re.compile(r"/ocs/v[12]\.php(?=/|$)")


async def unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route took: 998 below the OCS roots, else the plain status."""
    assert isinstance(error, HTTPException)
    dialect: Any = _OCS_PATH.match(request.url.path)
    if dialect and error.status_code == 404:
        return envelope.unknown_route(dialect[0], format_by_parameter(request))
    return Response(status_code=error.status_code, headers=error.headers)
