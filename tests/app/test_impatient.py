"""The recorder's HTTP on real sockets: slow clients and huge heads are sent away, others are served."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from callrec.app import impatient
from callrec.app.impatient import MAX_HEAD_BYTES, OPTIONS
from tests.waiting import PATIENCE_S

MAY_TAKE_S = 0.5
"""A request."""


async def _echo(request: Request) -> Response:
    if request.url.path == "/careless":
        return PlainTextResponse("not read")
    return PlainTextResponse(str(len(await request.body())))


@contextmanager
def _no_signals() -> Iterator[None]:
    yield


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    monkeypatch.setattr(impatient, "REQUEST_TIMEOUT_S", MAY_TAKE_S)
    app = Starlette(routes=[Route(p, _echo, methods=["GET", "POST"]) for p in ("/", "/careless")])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_keep_alive=600, **OPTIONS)
        server = uvicorn.Server(config)
        server.capture_signals = _no_signals  # type: ignore[method-assign]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[:2]
        server.should_exit = True
        await serving


async def answer(address: tuple[str, int], *pieces: bytes) -> bytes:
    """Send *pieces*, then nothing more; return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


HEAD = b"POST / HTTP/1.1\r\nHost: recorder\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"POST"],
        [HEAD],
        [HEAD + b"X-Slow: 1"],
        [HEAD + b"Content-Length: 10\r\n\r\n", b"12345"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n12345\r\n"],
    ],
    ids=["nothing", "line", "head", "header", "body", "chunks"],
)
async def test_a_request_that_does_not_come_to_its_end_is_closed(
    address: tuple[str, int], pieces: list[bytes]
) -> None:
    assert await answer(address, *pieces) == b""


async def test_a_body_that_nobody_reads_does_not_keep_the_connection(address: tuple[str, int]) -> None:
    careless = HEAD.replace(b"/ ", b"/careless ") + b"Content-Length: 10\r\n\r\n12345"
    assert b"not read" in await answer(address, careless)


async def test_a_byte_now_and_then_buys_no_time(address: tuple[str, int]) -> None:
    _, writer = await asyncio.open_connection(*address)
    writer.write(HEAD)

    async def drip() -> None:
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(MAY_TAKE_S / 20)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(drip(), PATIENCE_S)
    writer.close()


async def test_a_huge_head_is_400(address: tuple[str, int]) -> None:
    huge = HEAD + b"X-Huge: " + b"x" * (2 * MAX_HEAD_BYTES)
    assert (await answer(address, huge)).startswith(b"HTTP/1.1 400")
    many = HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(5000))
    assert (await answer(address, many)).startswith(b"HTTP/1.1 400")


async def test_others_are_served_meanwhile_and_may_keep_their_connection(address: tuple[str, int]) -> None:
    slow = asyncio.create_task(answer(address, HEAD))
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(3):
        writer.write(HEAD + b"Content-Length: 5\r\n\r\n12345")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        assert head.startswith(b"HTTP/1.1 200") and await reader.readexactly(1) == b"5"
    assert await slow == b""  # more time has passed than a request may take
    writer.write(HEAD + b"Content-Length: 5\r\n\r\n12345")
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).startswith(b"HTTP/1.1 200")
    writer.close()
