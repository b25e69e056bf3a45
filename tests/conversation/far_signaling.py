"""A standalone signaling server at the far end of a real socket: checks what it gets, and can misbehave."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.waiting import PATIENCE_S

from .far_http import FarHttp, Request, listening

BACKEND = "http://talk.example.net/"


@dataclass
class FarSignaling(FarHttp):
    """Keeps the bodies of well-signed room requests that it has answered with 200."""

    content: bytes = b"{}"
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    """Room and body."""
    problems: list[str] = field(default_factory=list)
    """What was wrong with requests."""

    def take(self) -> list[bytes]:
        """Return the bodies since the last call."""
        taken, self.taken = self.taken, []
        return [body for _, body in taken]

    def take_kinds(self) -> list[str]:
        """Return the kinds of what came since the last call; messages by what they carry."""
        return [kind(json.loads(body)) for body in self.take()]

    async def wait_for_taken(self, count: int) -> None:
        """Wait until *count* requests are here to be taken."""
        async with asyncio.timeout(PATIENCE_S), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken) >= count)

    def hear(self, request: Request, answer: int) -> int:
        """Keep it if it is answered with 200; 403 for what is not as it must be."""
        problem = self._problem(request)
        if problem:
            self.problems.append(problem)
            return 403
        if answer == 200:
            self.taken.append((request.path.rpartition("/")[2], request.body))
        return answer

    def _problem(self, request: Request) -> str:
        headers = request.headers
        random = headers.get("spreed-signaling-random", "")
        signed = hmac.digest(self.secret.encode(), random.encode() + request.body, "sha256").hex()
        if request.method != "POST" or not request.path.startswith("/base/api/v1/room/"):
            return f"{request.method} {request.path}"
        if len(random) != 64 or not hmac.compare_digest(headers.get("spreed-signaling-checksum", ""), signed):
            return "checksum"
        if headers.get("spreed-signaling-backend") != BACKEND:
            return "backend"
        return "" if headers.get("content-type") == "application/json" else "content type"


def kind(request: dict[str, Any]) -> str:
    """Return what a request is about: its type; that of what it carries for messages."""
    if request["type"] != "message":
        return str(request["type"])
    data = request["message"]["data"]
    return f"recording {data['recording']['status']}" if data["type"] == "recording" else str(data["type"])


@asynccontextmanager
async def far_signaling(secret: str, port: int = 0) -> AsyncIterator[FarSignaling]:
    """Run a signaling server on a local port, until the context ends."""
    far = FarSignaling(secret)
    async with listening(far, port) as url:
        far.url = f"{url}/base"
        yield far
