"""The far end of a real socket, HTTP by hand: so it can also break off, hang, and say what is no HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.waiting import PATIENCE_S

BREAK, HANG, NO_HTTP = 0, -1, -2


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes


@dataclass
class FarHttp:
    """Answers by ``answers``, which are used up first; then ``answer`` counts.

    A status, ``BREAK`` to close the connection without an answer, ``HANG`` to keep it open without one,
    ``NO_HTTP``.
    """

    secret: str
    url: str = ""
    answer: int = 200
    answers: list[int] = field(default_factory=list)
    content: bytes = b""
    """Body of every answer."""
    attempts: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def hear(self, request: Request, answer: int) -> int:
        """Look at a request that is about to get *answer*; return the answer that it gets."""
        raise NotImplementedError

    async def wait_for(self, count: int) -> None:
        """Wait until *count* requests have come in all."""
        async with asyncio.timeout(PATIENCE_S), self.arrived:
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
        method, path, _ = head[0].split(" ")
        async with self.arrived:
            answer = self.answers.pop(0) if self.answers else self.answer
            answer = self.hear(Request(method, path, headers, body), answer)
            self.attempts += 1
            self.arrived.notify_all()
        if answer == BREAK:
            return False
        if answer == HANG:
            await reader.read()
            return False
        if answer == NO_HTTP:
            writer.write(b"220 ready\r\n")
            await writer.drain()
            return False
        location = "Location: http://127.0.0.1:9/\r\n" if 300 <= answer < 400 else ""
        length = f"Content-Length: {len(self.content)}\r\n\r\n"
        writer.write(f"HTTP/1.1 {answer} X\r\n{location}{length}".encode() + self.content)
        await writer.drain()
        return True


@asynccontextmanager
async def listening(far: FarHttp, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on a local port until the context ends; yields the address."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await far.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
