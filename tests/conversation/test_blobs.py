"""Blobs, on the local disk and in S3: whole or not there, nothing left behind, ranges, sweeping."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from callrec.conversation.blobs.ranges import Unsatisfiable, byte_ranges
from callrec.conversation.blobs.response import content_response
from callrec.conversation.blobs.s3 import MAX_PARTS, MIN_PART_BYTES, S3Blobs
from callrec.conversation.blobs.store import BlobFailed, BlobMissing, BlobStore
from callrec.errors import SettingsError
from tests.waiting import PATIENCE_S

from .storage import Embedded, Services, Storage, blobs_of

DATA = bytes(range(256)) * 40_000  # 10 MB: several parts
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture
async def blobs(storage: Storage) -> BlobStore:
    store = blobs_of(storage)
    await store.claim("this database")
    return store


async def put(blobs: BlobStore, data: bytes, *, size: int = 65_536, expected: int | None = None) -> str:
    async with blobs.receive(expected_bytes=expected) as incoming:
        for at in range(0, len(data), size):
            await incoming.write(data[at : at + size])
        blob_id = await incoming.finish()
    assert (incoming.size_bytes, incoming.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert incoming.head == data[: len(incoming.head)]
    return blob_id


async def get(blobs: BlobStore, blob_id: str, start: int = 0, end: int | None = None) -> bytes:
    async with blobs.read(blob_id, start, end) as pieces:
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("size", [0, 1, 70_000, len(DATA)])
async def test_what_was_written_is_read(blobs: BlobStore, storage: Storage, size: int) -> None:
    blob_id = await put(blobs, DATA[:size], expected=size)
    assert await get(blobs, blob_id) == DATA[:size]
    assert await storage.blob_ids() == {blob_id}


async def test_ranges(blobs: BlobStore) -> None:
    blob_id = await put(blobs, DATA)
    assert await get(blobs, blob_id, 5, 6) == DATA[5:6]
    assert await get(blobs, blob_id, 3_000_001, 7_000_003) == DATA[3_000_001:7_000_003]
    assert await get(blobs, blob_id, len(DATA) - 3) == DATA[-3:]


@pytest.mark.parametrize("size", [0, 1000, 3 << 20, len(DATA)])
async def test_what_is_not_finished_leaves_nothing(blobs: BlobStore, storage: Storage, size: int) -> None:
    class Gone(Exception):
        pass

    with pytest.raises(Gone):
        async with blobs.receive(expected_bytes=100) as incoming:
            for at in range(0, size, 100_000):
                await incoming.write(DATA[at : at + 100_000])
            raise Gone
    assert await storage.blob_ids() == set()
    assert await storage.unfinished() == 0


async def test_cancelled_at_any_moment_it_is_whole_or_not_there(blobs: BlobStore, storage: Storage) -> None:
    finished = set()
    for ticks in range(0, 60, 3):
        writing = asyncio.ensure_future(put(blobs, DATA[: 3 << 20], size=1 << 20))
        for _ in range(ticks):
            await asyncio.sleep(0.001)
        writing.cancel()
        try:
            finished.add(await writing)
        except asyncio.CancelledError:
            continue
    kept = await storage.blob_ids()
    assert finished <= kept
    for blob_id in kept:
        assert len(await get(blobs, blob_id)) == 3 << 20
    assert await storage.unfinished() == 0


async def test_a_copy_outlives_its_source(blobs: BlobStore, storage: Storage) -> None:
    source = await put(blobs, DATA)
    copied = await blobs.copy(source)
    await blobs.delete(source)
    assert await get(blobs, copied) == DATA
    assert await storage.blob_ids() == {copied}


async def test_what_is_not_there(blobs: BlobStore) -> None:
    await blobs.delete("0" * 32)
    with pytest.raises(BlobMissing):
        await get(blobs, "0" * 32)
    with pytest.raises(BlobMissing):
        await blobs.copy("0" * 32)


@pytest.mark.parametrize("blob_id", ["", "../secret", "a/b", "0" * 31, "0" * 33, "G" * 32])
async def test_only_ids_of_ours_become_paths_and_keys(blobs: BlobStore, blob_id: str) -> None:
    with pytest.raises(ValueError, match="blob_id"):
        await blobs.delete(blob_id)
    with pytest.raises(ValueError, match="blob_id"):
        await get(blobs, blob_id)


async def test_sweeping(blobs: BlobStore, storage: Storage) -> None:
    known, unknown = await put(blobs, b"known"), await put(blobs, b"unknown")
    assert await blobs.sweep({known}, older_than=LONG_AGO) == 0
    assert await storage.blob_ids() == {known, unknown}
    assert await blobs.sweep({known}, older_than=soon()) == 1
    assert await storage.blob_ids() == {known}


async def test_a_fresh_copy_is_not_taken_for_an_old_blob(blobs: BlobStore) -> None:
    source = await put(blobs, b"source")
    await asyncio.sleep(0.02)  # the source is older than the copy
    between = datetime.now(UTC)
    copied = await blobs.copy(source)
    assert await blobs.sweep({source}, older_than=between - timedelta(seconds=2)) == 0
    assert await get(blobs, copied) == b"source"


async def test_files_of_another_database_are_not_touched(blobs: BlobStore, storage: Storage) -> None:
    await blobs.claim("this database")
    again = blobs_of(storage)
    await again.claim("this database")
    with pytest.raises(SettingsError, match="another database"):
        await again.claim("that database")


async def test_a_bucket_that_is_not_there_ends_the_start(services: Services) -> None:
    keys = {"region": "us-east-1", "access_key_id": "a", "secret_access_key": "hidden-key"}
    nowhere = S3Blobs("nosuchbucket", "x", services.s3, keys)
    with pytest.raises(
        SettingsError, match=r"conversation\.blobs_url: s3://nosuchbucket/x: .*NoSuchBucket"
    ) as caught:
        await nowhere.claim("this database")
    assert "\n" not in str(caught.value)
    assert "hidden-key" not in repr(nowhere) + str(caught.value)


async def test_a_bucket_that_fails_in_the_middle_is_an_error_of_ours(services: Services) -> None:
    keys = {"region": "us-east-1", "access_key_id": "a", "secret_access_key": "b"}
    nowhere = S3Blobs("nosuchbucket", "x", services.s3, keys)
    with pytest.raises(BlobFailed):
        await put(nowhere, DATA)
    with pytest.raises(BlobFailed):
        await put(nowhere, b"small")


async def test_a_disk_that_refuses_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(BlobFailed):  # never claimed, so there is no folder
        await put(blobs_of(Embedded(tmp_path)), b"x")


def test_parts_are_large_enough_for_the_size() -> None:
    from callrec.conversation.blobs.s3 import _part_bytes

    for size in (0, 1, MIN_PART_BYTES * MAX_PARTS, 1 << 40):
        assert _part_bytes(size) >= MIN_PART_BYTES
        assert _part_bytes(size) * MAX_PARTS >= size


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (None, []),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=2-", [(2, 10)]),
        ("bytes=2-99", [(2, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-99", [(0, 10)]),
        (" Bytes = 1-2 ", [(1, 3)]),
        ("bytes=0-1, 3-4", [(0, 2), (3, 5)]),
        ("bytes=8-,0-1,1-3,99-", [(0, 4), (8, 10)]),
        ("bytes=,,2-2,", [(2, 3)]),
        ("bytes=3-2", []),
        ("bytes=0-1,x", []),
        ("lines=1-2", []),
        ("bytes=", []),
        ("bytes=-", []),
        ("bytes=junk", []),
        ("bytes=" + "9" * 30 + "-", []),
        ("bytes=" + "0-0," * 60, []),
    ],
)
def test_range_headers(header: str | None, parts: list[tuple[int, int]]) -> None:
    assert byte_ranges(header, 10) == parts


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0), ("bytes=10-,11-12", 10)],
)
def test_ranges_behind_the_end(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        byte_ranges(header, size)


def served(blobs: BlobStore, blob_id: str, size: int = len(DATA)) -> httpx.AsyncClient:
    """Return a client of a server that has one file."""

    async def answer(request: Request) -> Response:
        return content_response(
            blobs, blob_id, request, size_bytes=size, etag="e1", media_type="video/mp4", name='ü "1".mp4'
        )

    app = Starlette(routes=[Route("/", answer, methods=["GET", "HEAD"])])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://files.example")


async def test_downloads(blobs: BlobStore) -> None:
    async with served(blobs, await put(blobs, DATA)) as client:
        whole = await client.get("/")
        assert (whole.status_code, whole.content) == (200, DATA)
        assert whole.headers["accept-ranges"] == "bytes"
        assert whole.headers["etag"] == '"e1"'
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["content-length"] == str(len(DATA))
        assert whole.headers["content-disposition"] == "attachment; filename*=utf-8''%C3%BC%20%221%22.mp4"
        head = await client.head("/")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(DATA)))
        part = await client.get("/", headers={"Range": "bytes=5-3000004"})
        assert (part.status_code, part.content) == (206, DATA[5:3_000_005])
        assert part.headers["content-range"] == f"bytes 5-3000004/{len(DATA)}"
        last = await client.get("/", headers={"Range": "bytes=-4", "If-Range": '"e1"'})
        assert (last.status_code, last.content) == (206, DATA[-4:])
        changed = await client.get("/", headers={"Range": "bytes=-4", "If-Range": '"e0"'})
        assert (changed.status_code, len(changed.content)) == (200, len(DATA))
        junk = await client.get("/", headers={"Range": "bytes=junk"})
        assert (junk.status_code, len(junk.content)) == (200, len(DATA))
        head = await client.head("/", headers={"Range": "bytes=0-1"})
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(DATA)))
        behind = await client.get("/", headers={"Range": f"bytes={len(DATA)}-"})
        assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


async def test_several_ranges_at_once(blobs: BlobStore) -> None:
    async with served(blobs, await put(blobs, DATA)) as client:
        answer = await client.get("/", headers={"Range": "bytes=-2,5-3000004,7-8"})
    assert answer.status_code == 206
    assert answer.headers["content-length"] == str(len(answer.content))
    message = BytesParser().parsebytes(
        f"Content-Type: {answer.headers['content-type']}\r\n".encode() + answer.content
    )
    parts = [(part["content-range"], part.get_payload(decode=True)) for part in message.walk()][1:]
    size = len(DATA)
    assert parts == [
        (f"bytes 5-3000004/{size}", DATA[5:3_000_005]),
        (f"bytes {size - 2}-{size - 1}/{size}", DATA[-2:]),
    ]
    assert [part.get_content_type() for part in message.walk()][1:] == ["video/mp4"] * 2


async def test_a_download_ends_with_its_client(blobs: BlobStore) -> None:
    reading = asyncio.Event()
    left = asyncio.Event()

    class Watched:
        def read(self, *_: object) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            return self._read()

        @asynccontextmanager
        async def _read(self) -> AsyncIterator[AsyncIterator[bytes]]:
            async def endless() -> AsyncIterator[bytes]:
                while True:
                    reading.set()
                    await asyncio.sleep(0)
                    yield b"x"

            try:
                yield endless()
            finally:
                left.set()

    async def receive() -> Message:
        await reading.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "headers": [], "path": "/"}
    store: Any = Watched()
    answer = content_response(
        store, "0" * 32, Request(scope), size_bytes=9, etag="e", media_type="video/mp4", name="x"
    )
    async with asyncio.timeout(PATIENCE_S):
        await answer(scope, receive, send)
    assert left.is_set()


async def test_an_empty_file_is_downloaded(blobs: BlobStore) -> None:
    async with served(blobs, await put(blobs, b""), 0) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_a_file_whose_bytes_are_gone_is_a_500(blobs: BlobStore) -> None:
    async with served(blobs, "0" * 32) as client:
        assert (await client.get("/")).status_code == 500
