"""Blobs in an S3 bucket: ``{prefix}/blobs/{id}``. An object appears whole when its upload is completed."""

import asyncio
import re
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from callrec.conversation.blobs.store import (
    WRITE_BYTES,
    BlobFailed,
    BlobMissing,
    Incoming,
    checked_id,
    is_id,
    new_id,
)
from callrec.errors import SettingsError

if TYPE_CHECKING:  # names that exist for type checkers only
    from obstore import GetResult, PutResult

MIN_PART_BYTES = 5 << 20
"""S3's smallest part of a multipart upload. About three parts of an upload are in memory at a time."""
UNKNOWN_SIZE_PART_BYTES = 16 << 20
"""Part of an upload whose size nobody told: enough for 160 GB."""
MAX_PARTS = 10_000
MAX_COPY_BYTES = 5 << 30
"""S3 copies larger objects only in parts; then the bytes come through here."""
CONNECT_TIMEOUT = timedelta(seconds=5)
READ_TIMEOUT = timedelta(seconds=30)
"""Longest silence of the bucket."""
REQUEST_TIMEOUT = timedelta(days=1)
"""Of a whole request: a download takes as long as its reader."""
RETRY_TIMEOUT = timedelta(seconds=30)
MAX_RETRIES = 5

_OWNER = "owner"
_CODE = re.compile(r"<Code>(\w+)</Code>")
_FAILURES = (BaseError, OSError)

log = structlog.get_logger()


class S3Blobs:
    """Objects of *bucket* under *prefix*. A ``BlobStore``.

    *credentials* is what ``S3Store`` takes for keys and region; what is not given comes from the usual AWS
    environment. *endpoint* is the base URL of a service that is not AWS.
    """

    def __init__(self, bucket: str, prefix: str, endpoint: str | None, credentials: dict[str, str]) -> None:
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        place = {"endpoint": endpoint} if endpoint else {}
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "allow_http": endpoint is not None and endpoint.startswith("http://"),
                "connect_timeout": CONNECT_TIMEOUT,
                "read_timeout": READ_TIMEOUT,
                "timeout": REQUEST_TIMEOUT,
            },
            retry_config={"max_retries": MAX_RETRIES, "retry_timeout": RETRY_TIMEOUT},
            **place,  # type: ignore[arg-type]  # the overloads do not know mappings
            **credentials,  # type: ignore[arg-type]
        )

    async def claim(self, owner: str) -> None:
        """See whose the prefix is."""
        try:
            found = await self._owner()
            if found is None:
                await obstore.put_async(self._store, _OWNER, owner.encode(), mode="create")
                found = await self._owner()
        except AlreadyExistsError:
            found = await self._owner()
        except _FAILURES as error:
            raise SettingsError(f"conversation.blobs_url: {self._name}: {_cause(error)}") from error
        if found != owner:
            raise SettingsError(
                f"conversation.blobs_url: {self._name} belongs to another database. Restore both together, "
                "or choose another prefix"
            )

    async def _owner(self) -> str | None:
        try:
            found = await obstore.get_async(self._store, _OWNER)
        except FileNotFoundError:
            return None
        return bytes(await found.bytes_async()).decode(errors="replace")

    @asynccontextmanager
    async def receive(self, *, expected_bytes: int | None = None) -> AsyncIterator[Incoming]:
        """Begin a blob."""
        incoming = _S3Incoming(self._store, _part_bytes(expected_bytes))
        try:
            yield incoming
        finally:
            await incoming.close()

    @asynccontextmanager
    async def read(
        self, blob_id: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a blob."""
        key = _key(blob_id)
        try:
            if end is not None:
                found = await obstore.get_async(self._store, key, options={"range": (start, end)})
            elif start:
                found = await obstore.get_async(self._store, key, options={"range": {"offset": start}})
            else:
                found = await obstore.get_async(self._store, key)
        except FileNotFoundError as error:
            raise BlobMissing(_cause(error)) from error
        except _FAILURES as error:
            raise BlobFailed(_cause(error)) from error
        yield _pieces(found)

    def local_path(self, blob_id: str) -> Path | None:
        """There is none."""
        return None

    async def copy(self, blob_id: str) -> str:
        """Make another blob of the same bytes."""
        copied = new_id()
        try:
            size_bytes = (await obstore.head_async(self._store, _key(blob_id)))["size"]
            if size_bytes <= MAX_COPY_BYTES:
                await obstore.copy_async(self._store, _key(blob_id), _key(copied))
                return copied
        except FileNotFoundError as error:
            raise BlobMissing(_cause(error)) from error
        except _FAILURES as error:
            raise BlobFailed(_cause(error)) from error
        async with self.receive(expected_bytes=size_bytes) as incoming, self.read(blob_id) as pieces:
            async for piece in pieces:
                await incoming.write(piece)
            return await incoming.finish()

    async def delete(self, blob_id: str) -> None:
        """Delete a blob."""
        try:
            await obstore.delete_async(self._store, _key(blob_id))
        except FileNotFoundError:
            return
        except _FAILURES as error:
            raise BlobFailed(_cause(error)) from error

    async def sweep(self, known: Container[str], *, older_than: datetime) -> int:
        """Delete what is old and unknown. Uploads that a crash broke off are left to the bucket's rules."""
        swept = 0
        try:
            async for page in obstore.list(self._store, "blobs"):
                for found in page:
                    blob_id = found["path"].rpartition("/")[2]
                    if is_id(blob_id) and blob_id not in known and found["last_modified"] < older_than:
                        await self.delete(blob_id)
                        swept += 1
        except _FAILURES as error:
            raise BlobFailed(_cause(error)) from error
        return swept


class _Abandoned(Exception):
    """Thrown into an upload that is not to be completed: the client aborts it at the bucket."""


class _S3Incoming(Incoming):
    """Feeds an upload that runs beside. It begins with the first megabyte; less is put in one request."""

    def __init__(self, store: S3Store, part_bytes: int) -> None:
        super().__init__(new_id())
        self._store = store
        self._part_bytes = part_bytes
        self._feed: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._uploading: asyncio.Future[PutResult] | None = None
        self._abandoned = False
        self._completed = False

    async def _keep(self, data: bytes) -> None:
        await asyncio.to_thread(self._digest.update, data)
        if self._uploading is None:
            self._uploading = asyncio.ensure_future(
                obstore.put_async(
                    self._store,
                    _key(self.blob_id),
                    self._pieces(),
                    use_multipart=True,
                    chunk_size=self._part_bytes,
                    max_concurrency=1,
                )
            )
        await self._put(data)

    async def _complete(self, data: bytes) -> None:
        if self._uploading is None:
            await asyncio.to_thread(self._digest.update, data)
            put = obstore.put_async(self._store, _key(self.blob_id), data, use_multipart=False)
            self._uploading = asyncio.ensure_future(put)
        else:
            if data:
                await self._keep(data)
            await self._put(None)
        await self._result()
        self._completed = True

    async def _put(self, data: bytes | None) -> None:
        """Hand *data* to the upload, unless it fails before it wants more."""
        assert self._uploading is not None
        handing = asyncio.ensure_future(self._feed.put(data))
        either: set[asyncio.Future[Any]] = {handing, self._uploading}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not handing.done():
                handing.cancel()
        if self._uploading.done():
            await self._result()

    async def _result(self) -> None:
        assert self._uploading is not None
        try:
            await asyncio.shield(self._uploading)
        except _FAILURES as error:
            raise BlobFailed(_cause(error)) from error

    async def _pieces(self) -> AsyncIterator[bytes]:
        while (piece := await self._feed.get()) is not None:
            yield piece
        if self._abandoned:
            raise _Abandoned

    async def close(self) -> None:
        """End an upload that was not completed, and see that nothing of it stays."""
        if self._uploading is None or self._completed:
            return
        self._abandoned = True
        closing = asyncio.ensure_future(self._abort())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait({closing})
            raise

    async def _abort(self) -> None:
        assert self._uploading is not None
        while not self._uploading.done():
            if not self._feed.empty():
                self._feed.get_nowait()
            self._feed.put_nowait(None)
            await asyncio.wait({self._uploading}, timeout=0.05)
        try:
            self._uploading.result()
        except _Abandoned:
            return
        except _FAILURES as error:
            log.warning("blob_upload_broken_off", error=_cause(error))
            return
        # It was completed at the moment when it was given up.
        try:
            await obstore.delete_async(self._store, _key(self.blob_id))
        except _FAILURES as error:
            log.warning("blob_not_deleted", error=_cause(error))


async def _pieces(found: "GetResult") -> AsyncIterator[bytes]:
    try:
        async for piece in found.stream(min_chunk_size=WRITE_BYTES):
            yield bytes(piece)
    except _FAILURES as error:
        raise BlobFailed(_cause(error)) from error


def _key(blob_id: str) -> str:
    return f"blobs/{checked_id(blob_id)}"


def _part_bytes(expected_bytes: int | None) -> int:
    if expected_bytes is None:
        return UNKNOWN_SIZE_PART_BYTES
    return max(MIN_PART_BYTES, -(-expected_bytes // MAX_PARTS) + 1)


def _cause(error: BaseException) -> str:
    """Return the first line of what the client says, and S3's word; the rest is for programmers."""
    text = str(error)
    word = _CODE.search(text)
    line = text.partition("\n")[0].partition(": <?xml")[0]
    return f"{line}: {word[1]}" if word else line
