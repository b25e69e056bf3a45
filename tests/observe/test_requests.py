"""Request ids, the access log, request metrics, and the answer to a request that fails."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from callrec import logs
from callrec.observe import failures
from callrec.observe.requests import REQUEST_ID, RequestLog, RequestMetrics, route_of


@pytest.fixture(autouse=True)
def logged() -> Iterator[io.StringIO]:
    """What the program under test writes to its log, as JSON lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("info", as_json=True, on_failure=failures.count)
    text = io.StringIO()
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(text)
    yield text
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> httpx.AsyncClient:
    async def greet(request: Request) -> Response:
        structlog.get_logger().info("greeted")
        return PlainTextResponse(request.path_params["name"])

    async def fall(_request: Request) -> Response:
        raise RuntimeError("the secret reason")

    async def fall_late(_request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("the secret reason")

        return StreamingResponse(pieces())

    app = Starlette()
    app.add_route("/api/{name:path}", greet, methods=["GET"])
    app.add_route("/plain/{name}", greet, methods=["GET"])
    app.add_route("/fall", fall)
    app.add_route("/fall-late", fall_late)
    app.mount("/below", Starlette(routes=[Route("/{name}", greet)]))
    app.add_middleware(RequestLog, metrics=RequestMetrics(registry))
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://server")


def lines(logged: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in logged.getvalue().splitlines()]


async def test_a_request_is_one_line_with_its_id_and_no_path(
    client: httpx.AsyncClient, logged: io.StringIO
) -> None:
    answer = await client.get("/api/mira/secret", headers={REQUEST_ID: "from-the-proxy.1"})
    assert answer.headers[REQUEST_ID] == "from-the-proxy.1"
    assert "mira" not in logged.getvalue()
    greeted, request = lines(logged)
    assert greeted["request_id"] == request["request_id"] == "from-the-proxy.1"
    ms = request.pop("ms")
    assert isinstance(ms, float) and 0 <= ms < 5000
    assert request.items() >= {
        ("event", "request"),
        ("level", "info"),
        ("method", "GET"),
        ("route", "/api/{name}"),
        ("status", 200),
    }


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "line\tbreak", "ü"])
async def test_an_id_that_could_do_harm_is_replaced(client: httpx.AsyncClient, given: str | None) -> None:
    headers = {} if given is None else {REQUEST_ID.encode(): given.encode()}
    made = (await client.get("/api/x", headers=headers)).headers[REQUEST_ID]
    assert len(made) == 20 and made != given


async def test_ids_of_simultaneous_requests_do_not_mix(
    client: httpx.AsyncClient, logged: io.StringIO
) -> None:
    ids = [f"id-{number}" for number in range(20)]
    answers = await asyncio.gather(*(client.get("/api/x", headers={REQUEST_ID: i}) for i in ids))
    assert [answer.headers[REQUEST_ID] for answer in answers] == ids
    assert sorted(str(line["request_id"]) for line in lines(logged)) == sorted(ids * 2)
    structlog.get_logger().info("outside")
    assert "request_id" not in lines(logged)[-1]


@pytest.mark.parametrize(
    "path, route, status",
    [
        ("/api/a/b", "/api/{name}", 200),
        ("/plain/a", "/plain/{name}", 200),
        ("/below/a", "/below/{name}", 200),
        ("/nothing/of/mira", "unrouted", 404),
        ("/fall", "/fall", 500),
    ],
)
async def test_requests_are_counted_by_route(
    client: httpx.AsyncClient, registry: CollectorRegistry, path: str, route: str, status: int
) -> None:
    assert (await client.get(path)).status_code == status
    labels = {"method": "GET", "route": route}
    assert registry.get_sample_value("callrec_http_requests_total", {**labels, "status": str(status)}) == 1
    assert registry.get_sample_value("callrec_http_request_duration_seconds_count", labels) == 1


async def test_an_unknown_method_makes_no_series_of_its_own(
    client: httpx.AsyncClient, registry: CollectorRegistry
) -> None:
    await client.request("BREW", "/api/x")
    labels = {"method": "other", "route": "/api/{name}", "status": "405"}
    assert registry.get_sample_value("callrec_http_requests_total", labels) == 1


async def test_a_request_that_fails_is_logged_with_its_cause_and_answered_without(
    client: httpx.AsyncClient, logged: io.StringIO
) -> None:
    answer = await client.get("/fall")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    failed, request = lines(logged)
    assert failed["event"] == "request_failed" and "the secret reason" in str(failed["exception"])
    assert failed["request_id"] == request["request_id"] == answer.headers[REQUEST_ID]
    assert request["status"] == 500


async def test_half_an_answer_is_broken_off(client: httpx.AsyncClient) -> None:
    with pytest.raises(RuntimeError):
        await client.get("/fall-late")


def test_a_scope_that_nothing_took_has_no_route() -> None:
    assert route_of({"type": "http"}) == "unrouted"
    mount = Mount("/static", app=Starlette())
    router = Starlette(routes=[mount]).router
    assert (
        route_of({"type": "http", "endpoint": mount.app, "router": router, "path": "/static/a"}) == "/static"
    )
