"""Every HTTP request: its id, a line in the access log, count and duration, an answer when it fails."""

import re
import secrets
import time
from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "X-Request-Id"
UNROUTED = "unrouted"
"""Route of a request that no route took: its path may be anything."""
BROKEN_OFF = 499
"""Status, for log and metrics alone, of a request whose client went away before it was answered."""
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: logged at debug."""
BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 35, 300)
"""35 s holds a long poll, 300 s an upload."""

_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "MOVE"})

log = structlog.get_logger()


class RequestMetrics:
    """Requests by route, method and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "callrec_http_requests",
            "HTTP requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self._durations = Histogram(
            "callrec_http_request_duration_seconds",
            "Time from a request's head to the end of its answer",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=registry,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._durations.labels(method, route).observe(seconds)


class RequestLog:
    """ASGI middleware, the root of each request.

    A client's ``X-Request-Id`` is taken over where it is harmless, else one is made. It stands in every log
    line of the request and in the answer. The access log names routes, never raw paths: those hold names.
    """

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; others than HTTP requests are passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(10)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._serve(scope, receive, send, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        began_s = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:  # the root of the request: the log gets the cause, the client no traceback
            log.exception("request_failed", route=route_of(scope), method=scope["method"])
            if status:
                raise  # half an answer is out: only a broken connection tells the client
            await PlainTextResponse("Internal Server Error", 500)(scope, receive, answer)
        finally:
            self._note(scope, status, time.perf_counter() - began_s)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        status = status or BROKEN_OFF
        self._metrics.note(scope["method"], route, status, seconds)
        (log.debug if route in QUIET else log.info)(
            "request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1)
        )


def route_of(scope: Scope) -> str:
    """Return the template of the route that took the request, such as ``/room/{token}``."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return UNROUTED
    return _template(scope["router"].routes, endpoint, scope["path"]) or UNROUTED


def _template(routes: Sequence[BaseRoute], endpoint: object, path: str) -> str | None:
    # What took a request leaves only its endpoint behind, and one may serve several routes.
    for route in routes:
        if isinstance(route, Route) and route.endpoint is endpoint and route.path_regex.match(path):
            return route.path_format
        if isinstance(route, Mount) and path.startswith(f"{route.path}/"):
            below = _template(route.routes, endpoint, path.removeprefix(route.path))
            if below is not None or route.app is endpoint:
                return f"{route.path}{below or ''}"
    return None
