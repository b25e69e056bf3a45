"""The stock recording server's part: its HTTP wire, and what it does with a browser.

It drives the page of docs/wire.md, Recording page. In place of what it would capture from its screen it
uploads a film that it is given.
"""

import asyncio
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MAX_MESSAGE_BYTES = 1024
JOIN_TIMEOUT_S = 30
"""A WebDriver script's."""
START_TIMEOUT_S = 20
OCS_HEADERS = {"OCS-ApiRequest": "true", "User-Agent": "recording server of the tests"}
API = "ocs/v2.php/apps/spreed/api/v1/recording"


def sign(secret: str, message: bytes) -> tuple[str, str]:
    """Return a fresh random, and the checksum of it and *message*."""
    random = secrets.token_urlsafe(64)
    return random, hmac.new(secret.encode(), random.encode() + message, "sha256").hexdigest()


async def open_page(page: Page, backend: str, token: str) -> int:
    """Open the recording page; returns the HTTP status."""
    answer = await page.goto(f"{backend.rstrip('/')}/index.php/call/{token}/recording")
    assert answer is not None
    return answer.status


async def get_settings(page: Page, token: str, secret: str) -> dict[str, Any]:
    """Have the page ask for the signaling settings."""
    settings: dict[str, Any] = await page.evaluate(
        "([token, random, checksum]) => OCA.Talk.signalingGetSettingsForRecording(token, random, checksum)",
        [token, *sign(secret, b"")],
    )
    return settings


async def join_call(
    page: Page, backend: str, token: str, settings: dict[str, Any], internal_secret: str
) -> None:
    """Have the page join the call; returns when it has."""
    random, checksum = sign(internal_secret, b"")
    internal = {"random": random, "token": checksum, "backend": backend.rstrip("/")}
    async with asyncio.timeout(JOIN_TIMEOUT_S):
        await page.evaluate(
            "([token, settings, internal]) =>"
            " OCA.Talk.signalingJoinCallForRecording(token, settings, internal)",
            [token, settings, internal],
        )


async def leave_call(page: Page) -> None:
    """Have the page leave."""
    await page.evaluate("() => OCA.Talk.signalingKill()")


@dataclass(eq=False)
class Recording:
    """One recording, from its request to its upload."""

    backend: str
    token: str
    status: int
    owner: str
    actor: dict[str, str]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stop: dict[str, Any] = field(default_factory=dict)


@dataclass
class StockRecorder:
    """Keyed by backend header and room token; keeps what it was asked and what it was answered."""

    secret: str
    internal_secrets: dict[str, str]
    """By the address of the signaling server, word for word as the settings name it."""
    new_page: Callable[[], Awaitable[Page]]
    film: Path
    takes_part: bool = True
    """Otherwise it only accepts requests: the test plays the rest."""
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    answers: list[tuple[str, int]] = field(default_factory=list)
    page: Page | None = None
    """What it records now."""
    _current: dict[tuple[str, str], Recording] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def app(self) -> Starlette:
        """Return its HTTP API."""
        return Starlette(
            routes=[
                Route("/api/v1/welcome", lambda _: JSONResponse({"version": "0.3.0"})),
                Route("/api/v1/room/{token}", self._room, methods=["POST"]),
            ]
        )

    async def finished(self) -> None:
        """Wait for the recordings that have begun; raises what has gone wrong in them."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Cancel what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _room(self, request: Request) -> Response:
        body = await request.body()
        random = request.headers.get("Talk-Recording-Random", "")
        backend = request.headers.get("Talk-Recording-Backend", "")
        expected = hmac.new(self.secret.encode(), random.encode() + body, "sha256").hexdigest()
        if not random or not backend or request.headers.get("Talk-Recording-Checksum") != expected:
            return Response(status_code=403)
        if not 0 < len(body) <= MAX_MESSAGE_BYTES:
            return Response(status_code=400)
        self.bodies.append(body)
        message = json.loads(body)
        key = backend, request.path_params["token"]
        if message["type"] == "start":
            return self._start(key, message["start"])
        if message["type"] == "stop":
            return self._stop(key, message["stop"])
        return Response(status_code=400)

    def _start(self, key: tuple[str, str], start: dict[str, Any]) -> Response:
        recording = Recording(*key, start["status"], start["owner"], start["actor"])
        if self.takes_part and key not in self._current:
            self._current[key] = recording
            self._tasks.append(asyncio.create_task(self._record(recording)))
        return JSONResponse({})

    def _stop(self, key: tuple[str, str], stop: dict[str, Any]) -> Response:
        recording = self._current.get(key)
        if recording is None:
            return Response(status_code=404)
        recording.stop = dict(stop)  # without an actor it is an empty list
        recording.stopping.set()
        return JSONResponse({})

    async def _record(self, recording: Recording) -> None:
        key, token = (recording.backend, recording.token), recording.token
        try:
            self.page = page = await self.new_page()
            assert await open_page(page, recording.backend, token) == 200
            settings = await get_settings(page, token, self.secret)
            secret = self.internal_secrets[settings["server"]]
            await join_call(page, recording.backend, token, settings, secret)
            await self._report(
                recording, "started", {"token": token, "status": recording.status, "actor": recording.actor}
            )
            await recording.stopping.wait()
            await leave_call(page)
            await page.close()
        except Exception:
            await self._report(recording, "failed", {"token": token})
            del self._current[key]
            raise
        await self._report(recording, "stopped", {"token": token, **recording.stop})
        await self._upload(recording)
        del self._current[key]

    async def _report(self, recording: Recording, kind: str, content: dict[str, Any]) -> None:
        body = json.dumps({"type": kind, kind: content}).encode()
        headers = {"Content-Type": "application/json"}
        await self._post(recording, "backend", kind, body, headers=headers, content=body)

    async def _upload(self, recording: Recording) -> None:
        with self.film.open("rb") as film:
            await self._post(
                recording,
                f"{recording.token}/store",
                "store",
                recording.token.encode(),
                data={"owner": recording.owner},
                files={"file": (self.film.name, film)},
            )

    async def _post(
        self,
        recording: Recording,
        path: str,
        what: str,
        signed: bytes,
        *,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> None:
        """Send a signed request; as the stock server does, without ``Accept``, minding only the status."""
        random, checksum = sign(self.secret, signed)
        signature = {"Talk-Recording-Random": random, "Talk-Recording-Checksum": checksum}
        async with httpx.AsyncClient(headers=OCS_HEADERS, timeout=30) as http:
            del http.headers["Accept"]
            url = f"{recording.backend}{API}/{path}"
            answer = await http.post(url, headers={**signature, **(headers or {})}, **content)
        self.answers.append((what, answer.status_code))
        answer.raise_for_status()


@asynccontextmanager
async def serving(recorder: StockRecorder) -> AsyncIterator[None]:
    """Run the recorder's HTTP API on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        recorder.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        config = uvicorn.Config(recorder.app(), log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not server.started:
                    await asyncio.sleep(0.01)
            yield
        finally:
            server.should_exit = True
            await recorder.close()
            await running
