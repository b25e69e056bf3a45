"""Many at once: of simultaneous starts one wins, and parallel uploads take bounded memory."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, select

from callrec.conversation.db.tables_recordings import Node
from callrec.wire.checksum import signed_headers
from tests.conversation.recording_world import API, OGG, SECRET, World, open_world
from tests.conversation.storage import Embedded, Services, Storage

from .multipart_bytes import CONTENT_TYPE, END, field, file
from .process_memory import peak_bytes, reset_peak, resident_bytes
from .recording_steps import START_VIDEO, data, start

STARTS = 50
STORES = 20
MIB = 1 << 20


async def test_of_50_simultaneous_starts_one_wins(world: World) -> None:
    clients = [await world.client("mira") for _ in range(STARTS)]
    answers = await asyncio.gather(*(start(world, client) for client in clients))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * (STARTS - 1)
    assert [data(a) for a in answers if a.status_code == 400] == [{"error": "recording"}] * (STARTS - 1)
    assert world.recorder.take() == [START_VIDEO]
    assert world.recorder.attempts == 1


async def test_of_50_simultaneous_starts_at_two_servers_one_wins(services: Services) -> None:
    async with AsyncExitStack() as stack:
        worlds = [await stack.enter_async_context(open_world(services))]
        worlds.append(await stack.enter_async_context(open_world(services, new=False)))
        clients = [(world, await world.client("mira")) for world in worlds for _ in range(STARTS // 2)]
        answers = await asyncio.gather(*(start(world, client) for world, client in clients))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * (STARTS - 1)
        sent = [body for world in worlds for body in world.recorder.take()]
        assert sent == [START_VIDEO]


async def test_parallel_uploads_take_bounded_memory(world: World, storage: Storage) -> None:
    # moto keeps everything in memory, and is slow: a few parts of each upload show what is to be shown.
    size_bytes = 100 * MIB if isinstance(storage, Embedded) else 25 * MIB
    used = await memory_of_parallel_uploads(world, size_bytes)
    # Local: collected megabytes. S3: a part that is sent, one that fills, and what is on its way to it.
    each = 5 * MIB if isinstance(storage, Embedded) else 12 * MIB
    assert used < STORES * each, f"{used / MIB:.0f} MiB"


@pytest.mark.large
@pytest.mark.timeout(1800)  # 20 GB
async def test_parallel_uploads_of_a_gigabyte_take_bounded_memory(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        used = await memory_of_parallel_uploads(world, 1 << 30)
    assert used < STORES * 5 * MIB, f"{used / MIB:.0f} MiB"
    assert peak_bytes() < 300_000_000


async def memory_of_parallel_uploads(world: World, size_bytes: int) -> int:
    """Store 20 recordings of *size_bytes* at once; returns by how much the process has grown."""
    reset_peak()
    before = resident_bytes()
    await asyncio.gather(*(_upload(world, number, size_bytes) for number in range(STORES)))
    used = peak_bytes() - before
    async with world.core.db.read() as session:
        stored = (
            await session.execute(
                select(func.count(), func.min(Node.size_bytes)).where(Node.blob_id.is_not(None))
            )
        ).one()
    assert tuple(stored) == (STORES, size_bytes + len(OGG))
    return used


async def _upload(world: World, number: int, size_bytes: int) -> None:
    head = field("owner", "mira") + file(OGG, f"{number}.ogg")[:-2]
    tail = b"\r\n" + END
    headers = {
        "Host": "x",
        "OCS-APIRequest": "true",
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(head) + size_bytes + len(tail)),
        **signed_headers(SECRET, world.token.encode()),
    }
    lines = [f"POST {API}/recording/{world.token}/store HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    host, _, port = world.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + head)
        chunk = os.urandom(MIB)
        for _ in range(size_bytes // MIB):
            writer.write(chunk)
            await writer.drain()
        writer.write(tail)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    finally:
        writer.close()
