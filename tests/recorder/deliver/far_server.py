"""An HTTP server of raw bytes: what it answers, and when it hangs up, is the test's choice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TRICKLE_S = 0.02
"""Between two bytes of an answer that trickles."""


@dataclass
class Request:
    """One request as it came over the socket."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FarServer:
    """``answer`` makes the bytes of each response; None hangs up with a reset."""

    url: str = ""
    answer: Callable[[Request], bytes | None] = lambda request: response(200)
    before_answer: Callable[[], Awaitable[None]] | None = None
    hangs: Callable[[Request], bool] = lambda request: False
    """Requests that are never answered."""
    reset_after_bytes: int | None = None
    """Reset the connection when so much of a body has arrived."""
    resets: Callable[[str], bool] = lambda line: True
    """… of which requests, by their first line."""
    trickles: bool = False
    """Send each answer a byte at a time, and never the last one."""
    hangs_up: bool = False
    """Close the connection after each answer."""
    requests: list[Request] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    left_alone: asyncio.Event = field(default_factory=asyncio.Event)
    """The other side has closed a connection that was not answered."""

    def hang_at(self, part: str) -> asyncio.Event:
        """Never answer requests of which the first line holds *part*; the event tells of one."""
        met = asyncio.Event()

        def hangs(request: Request) -> bool:
            if part in request.line:
                met.set()
            return part in request.line

        self.hangs = hangs
        return met

    def answer_when_told(self, part: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold back the answer to requests of which the first line holds *part*.

        Of the events the first tells of one; the second is the test's, and lets the answer go.
        """
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def before_answer() -> None:
            if part in self.requests[-1].line:
                asked.set()
                await may_answer.wait()

        self.before_answer = before_answer
        return asked, may_answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await self._read(reader)
                answer = None
                if request is not None:
                    self.requests.append(request)
                    self.arrived.set()
                    if self.before_answer is not None:
                        await self.before_answer()
                    if self.hangs(request):
                        await reader.read()  # until the other side has had enough
                        self.left_alone.set()
                        return
                    answer = self.answer(request)
                if answer is None:
                    writer.transport.abort()
                    return
                if self.trickles:
                    for byte in answer[:-1]:
                        writer.write(bytes([byte]))
                        await writer.drain()
                        await asyncio.sleep(TRICKLE_S)
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
                if self.hangs_up:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Request | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        length = int(headers.get("content-length", 0))
        if self.reset_after_bytes is not None and length > self.reset_after_bytes and self.resets(head[0]):
            await reader.readexactly(self.reset_after_bytes)
            return None
        return Request(head[0], headers, await reader.readexactly(length))


def response(
    status: int, body: bytes = b'{"ocs":{"meta":{"statuscode":200},"data":null}}', **headers: str
) -> bytes:
    """Return an HTTP response; the default body is an OCS envelope that says 200."""
    lines = [
        f"HTTP/1.1 {status} x",
        f"Content-Length: {len(body)}",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def running_far_server() -> AsyncIterator[FarServer]:
    """Run the server on a free port."""
    far = FarServer()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    far.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield far
    finally:
        server.close()
        await server.wait_closed()
