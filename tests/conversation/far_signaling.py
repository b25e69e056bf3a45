"""A standalone signaling server at the far end of a real socket: checks what it gets, and can misbehave."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HANG, BREAK = -1, 0
BACKEND = "http://talk.example.net/"


@dataclass
class FarSignaling:
    """Keeps the bodies of well-signed room requests that it has answered with 200.

    ``answers`` are used up first, then ``answer`` counts: a status, ``BREAK`` to close the connection without
    an answer, ``HANG`` to keep it open without one.
    """

    secret: str
    url: str = ""
    answer: int = 200
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    """Room and body."""
    attempts: int = 0
    content: bytes = b"{}"
    """Body of every answer."""
    problems: list[str] = field(default_factory=list)
    """What was wrong with requests."""
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def take(self) -> list[bytes]:
        """Return the bodies since the last call."""
        taken, self.taken = self.taken, []
        return [body for _, body in taken]

    def take_kinds(self) -> list[str]:
        """Return the kinds of what came since the last call; messages by what they carry."""
        return [kind(json.loads(body)) for body in self.take()]

    async def wait_for(self, count: int) -> None:
        """Wait until *count* requests have been tried in all."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: self.attempts >= count)

    async def wait_for_taken(self, count: int) -> None:
        """Wait until *count* requests are here to be taken."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        answer = self.answers.pop(0) if self.answers else self.answer
        method, path, _ = head[0].split(" ")
        problem = self._problem(method, path, headers, body)
        if problem:
            self.problems.append(problem)
            answer = 403
        async with self.arrived:
            self.attempts += 1
            if answer == 200:
                self.taken.append((path.rpartition("/")[2], body))
            self.arrived.notify_all()
        if answer == BREAK:
            return False
        if answer == HANG:
            await reader.read()
            return False
        location = "Location: http://127.0.0.1:9/\r\n" if 300 <= answer < 400 else ""
        length = f"Content-Length: {len(self.content)}\r\n\r\n"
        writer.write(f"HTTP/1.1 {answer} X\r\n{location}{length}".encode() + self.content)
        await writer.drain()
        return True

    def _problem(self, method: str, path: str, headers: dict[str, str], body: bytes) -> str:
        random = headers.get("spreed-signaling-random", "")
        signed = hmac.digest(self.secret.encode(), random.encode() + body, "sha256").hex()
        if method != "POST" or not path.startswith("/base/api/v1/room/"):
            return f"{method} {path}"
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
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await far.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    far.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/base"
    try:
        yield far
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
