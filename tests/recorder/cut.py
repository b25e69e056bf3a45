"""A relay before the signaling server, to drop the recorder's connection alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.recorder.lab import Lab


@asynccontextmanager
async def cut_here(lab: Lab) -> AsyncIterator[Callable[[], None]]:
    """Lead the recorder's signaling through a relay whose connections can be cut."""
    address, _, path = lab.signaling_url.removeprefix("http://").partition("/")
    host, port = address.split(":")
    open_writers: list[asyncio.StreamWriter] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        open_writers.extend((writer, far_writer))
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer), return_exceptions=True)

    def cut() -> None:
        for writer in open_writers:
            writer.transport.abort()
        open_writers.clear()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    lab.recorder_signaling_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{path}".rstrip("/")
    try:
        yield cut
    finally:
        cut()
        server.close()
