"""Uploads to the store as they come over the socket: broken off, and large."""

import asyncio

from sqlalchemy import select

from callrec.conversation.db.tables_recordings import Node
from callrec.wire.checksum import signed_headers
from tests.conversation.recording_world import API, OGG, SECRET, World
from tests.waiting import eventually

from .multipart_bytes import CONTENT_TYPE, END, field, file
from .process_memory import peak_bytes, reset_peak, resident_bytes
from .recording_steps import stored


def request_head(world: World, length: int) -> bytes:
    headers = {
        "Host": "x",
        "OCS-APIRequest": "true",
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(length),
        **signed_headers(SECRET, world.token.encode()),
    }
    lines = [f"POST {API}/recording/{world.token}/store HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def connect(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = world.url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def test_a_client_that_vanishes_halfway(world: World) -> None:
    _, writer = await connect(world)
    writer.write(request_head(world, 10 << 20) + field("owner", "mira") + file(OGG)[:-2])
    for _ in range(5):
        writer.write(b"x" * (1 << 20))
        await writer.drain()

    async def arriving() -> bool:
        return await world.storage.unfinished() > 0

    async def gone() -> bool:
        return await world.storage.unfinished() == 0

    await eventually(arriving)
    writer.transport.abort()
    await eventually(gone)
    assert await stored(world) == []
    assert (await world.store()).status_code == 200


async def test_a_large_upload_takes_little_memory(world: World) -> None:
    size, chunk = 200 << 20, b"x" * (1 << 20)
    head = field("owner", "mira") + file(OGG)[:-2]
    tail = b"\r\n" + END
    reset_peak()
    before = resident_bytes()
    reader, writer = await connect(world)
    writer.write(request_head(world, len(head) + size + len(tail)) + head)
    for _ in range(size // len(chunk)):
        writer.write(chunk)
        await writer.drain()
    writer.write(tail)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    # A few buffers of 1 MiB on each side of the socket, or three parts of 5 MiB for S3; 32 MiB leaves room
    # for the allocator.
    assert peak_bytes() - before < 32 << 20
    async with world.core.db.read() as session:
        node = await session.scalar(select(Node).where(Node.name == "a.ogg"))
    assert node is not None and node.size_bytes == size + len(OGG)
