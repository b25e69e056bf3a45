"""A recording server at the far end of a real socket: it checks what it gets, and can misbehave."""

import asyncio
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class FarRecorder:
    """Keeps the bodies of well-signed requests. ``answers`` are used up first, then ``answer`` counts.

    An answer of 0 closes the connection without one; -1 keeps it open without one; -2 is no HTTP.
    """

    secret: str
    url: str = ""
    answer: int = 200
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    backends: list[str] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    attempts: int = 0

    def take(self) -> list[bytes]:
        """Return the bodies since the last call."""
        bodies, self.bodies = self.bodies, []
        return bodies

    async def wait_for(self, count: int) -> None:
        """Wait until *count* requests have come in all."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: self.attempts >= count)

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
        expected = hmac.digest(
            self.secret.encode(), headers["talk-recording-random"].encode() + body, "sha256"
        )
        if (
            method != "POST"
            or headers["content-type"] != "application/json"
            or len(headers["talk-recording-random"]) != 64
            or headers["talk-recording-checksum"] != expected.hex()
        ):
            answer = 403
        else:
            self.bodies.append(body)
            self.paths.append(path)
            self.backends.append(headers["talk-recording-backend"])
        async with self.arrived:
            self.attempts += 1
            self.arrived.notify_all()
        if answer == 0:
            return False
        if answer == -1:
            await reader.read()
            return False
        if answer == -2:
            writer.write(b"220 ready\r\n")
            await writer.drain()
            return False
        location = "Location: http://127.0.0.1:9/\r\n" if 300 <= answer < 400 else ""
        writer.write(f"HTTP/1.1 {answer} X\r\n{location}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        return True


@asynccontextmanager
async def far_recorder(
    secret: str, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FarRecorder]:
    """Run a recording server on a local port, until the context ends."""
    recorder = FarRecorder(secret)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await recorder.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    recorder.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
