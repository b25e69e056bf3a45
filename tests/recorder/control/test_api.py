"""The control API: who gets in, and which answer each request has."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from callrec import __version__
from callrec.errors import StartRefused
from callrec.recorder.control import api
from callrec.recorder.control.api import create_app
from callrec.recorder.control.service import Service
from callrec.recorder.lifecycle import limits
from callrec.settings import BackendSettings
from callrec.wire.checksum import RECORDING_BACKEND, RECORDING_CHECKSUM, RECORDING_RANDOM, signed_headers
from callrec.wire.recording import Actor, Request, Start, Stop, encode_request

SECRETS = {"https://talk.example": "the-first-secret", "https://cloud.example/nc": "the-second-secret"}
ROOMY = "https://roomy.example"
BACKENDS = [
    *(BackendSettings(url=url, secret=SecretStr(secret)) for url, secret in SECRETS.items()),
    BackendSettings(url=ROOMY, secret=SecretStr("the-third-secret"), max_message_bytes=4096),
]
START = Start(1, "mira", Actor("users", "mira"))
TOKEN = "k3x9p2aa"
LIMIT_BYTES = 1024


class FakeService:
    """Notes what reaches it; ``known`` is whether the room has a recording."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Request]] = []
        self.known = True
        self.error: OSError | StartRefused | None = None

    async def start(self, backend: BackendSettings, token: str, request: Start) -> None:
        self._note(backend, token, request)

    async def stop(self, backend: BackendSettings, token: str, request: Stop) -> bool:
        self._note(backend, token, request)
        return self.known

    def _note(self, backend: BackendSettings, token: str, request: Request) -> None:
        if self.error is not None:
            raise self.error
        self.calls.append((backend.url, token, request))


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def client(service: FakeService) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def running() -> AsyncIterator[Service]:
        yield cast(Service, service)

    app = create_app({backend.url: backend for backend in BACKENDS}, LIMIT_BYTES, running)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://recorder") as client:
            client.app = app  # type: ignore[attr-defined]
            yield client


def secret_of(url: str) -> str:
    return next(b.secret.get_secret_value() for b in BACKENDS if b.url == url.rstrip("/"))


def headers(body: bytes, url: str = "https://talk.example", secret: str = "") -> dict[str, str]:
    return {**signed_headers(secret or secret_of(url), body), RECORDING_BACKEND: url}


async def post(
    client: httpx.AsyncClient, request: Request | bytes, url: str = "https://talk.example", token: str = TOKEN
) -> httpx.Response:
    body = request if isinstance(request, bytes) else encode_request(request)
    return await client.post(f"/api/v1/room/{token}", content=body, headers=headers(body, url))


async def test_welcome(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/welcome")
    assert (answer.status_code, answer.json()) == (200, {"version": __version__})


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/api/v1/room", "/api/v2/welcome"])
async def test_there_is_nothing_else(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("request_", [START, Stop(), Stop(Actor("users", "mira"))])
@pytest.mark.parametrize("url", [*SECRETS, "https://talk.example/"])
async def test_a_signed_request_reaches_the_service(
    client: httpx.AsyncClient, service: FakeService, request_: Request, url: str
) -> None:
    answer = await post(client, request_, url)
    assert (answer.status_code, answer.json()) == (200, {})
    assert service.calls == [(url.rstrip("/"), TOKEN, request_)]


async def test_an_upper_case_checksum_is_accepted(client: httpx.AsyncClient, service: FakeService) -> None:
    body = encode_request(START)
    upper = headers(body)
    upper[RECORDING_CHECKSUM] = upper[RECORDING_CHECKSUM].upper()
    assert (await client.post(f"/api/v1/room/{TOKEN}", content=body, headers=upper)).status_code == 200


BODY = encode_request(START)


@pytest.mark.parametrize(
    "changes",
    [
        {RECORDING_RANDOM: None},
        {RECORDING_CHECKSUM: None},
        {RECORDING_BACKEND: None},
        {RECORDING_RANDOM: ""},
        {RECORDING_CHECKSUM: ""},
        {RECORDING_BACKEND: ""},
        {RECORDING_BACKEND: "/"},
        {RECORDING_BACKEND: "https://talk.example.evil"},
        {RECORDING_BACKEND: "https://talk.example/nc"},
        {RECORDING_BACKEND: "http://talk.example"},
        {RECORDING_BACKEND: "https://TALK.example"},
        {RECORDING_BACKEND: "https://cloud.example/nc"},  # another backend's secret
        {RECORDING_RANDOM: "r" * 64},
        {RECORDING_RANDOM: "r" * 31},
        {RECORDING_CHECKSUM: "0" * 64},
        {RECORDING_CHECKSUM: b"\xff" * 64},
    ],
)
async def test_without_a_valid_signature_nobody_gets_in(
    client: httpx.AsyncClient, service: FakeService, changes: dict[str, str | bytes | None]
) -> None:
    sent: dict[Any, Any] = {k: v for k, v in (headers(BODY) | changes).items() if v is not None}
    answer = await client.post(f"/api/v1/room/{TOKEN}", content=BODY, headers=sent)
    assert answer.status_code == 403
    assert set(answer.json()) == {"error"}
    assert service.calls == []


async def test_the_signature_is_over_the_body(client: httpx.AsyncClient, service: FakeService) -> None:
    answer = await client.post(f"/api/v1/room/{TOKEN}", content=BODY + b" ", headers=headers(BODY))
    assert answer.status_code == 403
    assert service.calls == []


async def test_signed_by_whoever_knows_an_empty_secret(client: httpx.AsyncClient) -> None:
    sent = headers(BODY, secret="x") | {RECORDING_CHECKSUM: ""}
    assert (await client.post(f"/api/v1/room/{TOKEN}", content=BODY, headers=sent)).status_code == 403


@pytest.mark.parametrize(
    "body, named",
    [
        (b"", "body"),
        (b"{}", "type"),
        (b"[]", "type"),
        (b'{"type":"start"}', "start"),
        (b'{"type":"record","record":{}}', "type"),
        (b'{"type":"start","start":{"status":3,"owner":"m","actor":{"type":"users","id":"m"}}}', "status"),
        (b'{"type":"start","start":{"status":1,"actor":{"type":"users","id":"m"}}}', "owner"),
    ],
)
async def test_a_malformed_request_is_400_and_names_the_field(
    client: httpx.AsyncClient, service: FakeService, body: bytes, named: str
) -> None:
    answer = await post(client, body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert service.calls == []


@pytest.mark.parametrize(
    "token", ["abc", "a" * 31, "ABCDEF", "abc_def", "abcd%0A", "%2e%2e%2f%2e%2e", "ab%20cd", "x%00xx"]
)
async def test_what_is_no_room_token_is_404(
    client: httpx.AsyncClient, service: FakeService, token: str
) -> None:
    assert (await post(client, START, token=token)).status_code == 404
    assert (await post(client, Stop(), token=token)).status_code == 404
    assert service.calls == []


async def test_an_unknown_token_is_told_only_to_who_may_know(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/room/NO", content=BODY, headers=headers(BODY, secret="wrong"))
    assert answer.status_code == 403


async def test_stopping_what_is_not_recorded_is_404(client: httpx.AsyncClient, service: FakeService) -> None:
    service.known = False
    assert (await post(client, Stop())).status_code == 404


async def test_a_full_disk_is_503_with_a_time_to_try_again(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    service.error = OSError(28, "No space left on device")
    for request in (START, Stop()):
        answer = await post(client, request)
        assert (answer.status_code, answer.json()) == (503, {"error": "disk_failed"})
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("reason", limits.REFUSALS)
async def test_without_room_for_a_recording_the_answer_names_the_reason(
    client: httpx.AsyncClient, service: FakeService, reason: str
) -> None:
    service.error = StartRefused(reason)
    answer = await post(client, START)
    assert (answer.status_code, answer.json()) == (503, {"error": reason})
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_backend_may_have_a_limit_of_its_own(client: httpx.AsyncClient) -> None:
    body = json.dumps({"pad": "x" * LIMIT_BYTES, "type": "stop", "stop": []}).encode()
    assert (await post(client, body, ROOMY)).status_code == 200
    assert (await post(client, body)).status_code == 400


@pytest.mark.parametrize("length", [str(LIMIT_BYTES + 1), "9" * 5000, "-1", "ten", "1e3"])
async def test_a_body_that_says_it_is_too_large_is_not_read(client: httpx.AsyncClient, length: str) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was asked for")

    assert await raw_post(client, headers(b"x") | {"Content-Length": length}, receive) == 400


async def test_a_body_that_does_not_come_is_408(
    client: httpx.AsyncClient, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "READ_TIMEOUT_S", 0.05)
    pieces = iter([b"{"])

    async def receive() -> dict[str, Any]:
        for piece in pieces:
            return {"type": "http.request", "body": piece, "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError("never")

    assert await raw_post(client, headers(b"x"), receive) == 408
    assert service.calls == []


async def test_the_largest_body_is_taken_and_a_larger_one_is_not(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    padded = json.dumps({"pad": "", "type": "stop", "stop": []})
    pad = LIMIT_BYTES - len(padded)
    for extra, status in ((0, 200), (1, 400)):
        body = json.dumps({"pad": "x" * (pad + extra), "type": "stop", "stop": []}).encode()
        assert (await post(client, body)).status_code == status
    assert len(service.calls) == 1


async def test_a_large_body_is_refused_before_it_is_read_whole(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    pieces = iter([b"x" * 512] * 1000)
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    assert await raw_post(client, headers(b"x"), receive) == 400
    assert read == 3
    assert service.calls == []


async def test_nothing_is_read_of_a_request_without_a_known_backend(client: httpx.AsyncClient) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was asked for")

    unknown = headers(b"x") | {RECORDING_BACKEND: "https://stranger.example"}
    assert await raw_post(client, unknown, receive) == 403


async def raw_post(client: httpx.AsyncClient, sent: dict[str, str], receive: Any) -> int:
    """Post with a body that only *receive* knows; return the status."""
    statuses: Iterator[int]
    messages: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        messages.append(message)

    app = cast(Starlette, client.app)  # type: ignore[attr-defined]
    path = f"/api/v1/room/{TOKEN}"
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "app": app,
    }
    await app(scope, receive, send)
    statuses = (m["status"] for m in messages if m["type"] == "http.response.start")
    return next(statuses)
