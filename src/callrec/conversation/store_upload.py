"""Receive a ``multipart/form-data`` body with one file, in bounded memory (RFC 7578).

The file goes straight to the place where it stays and is hashed on the way. Fields may come before or after
it. Whatever ends the upload early, nothing of it is left.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import multipart
import structlog

from callrec.conversation.blobs.store import BlobFailed, BlobStore, Incoming

FILE_FIELD = "file"
SIZE_LIMIT_FIELD = "MAX_FILE_SIZE"
MAX_FIELD_BYTES = 64 * 1024
MAX_PARTS = 32
_ANY_BYTES = "latin-1"
"""Reads every header: a name that is no UTF-8 must not cost the file."""
MAX_DRAIN_BYTES = 64 << 20
"""How much of a file that is too large is still read to find the fields behind it."""

log = structlog.get_logger()


@dataclass
class Upload:
    """What has arrived. ``problem`` is a word for the log when the file could not be taken."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    """File name as sent."""
    blob_id: str | None = None
    """The file, durable, if it arrived whole. Whoever does not keep it deletes it."""
    size_bytes: int = 0
    sha256: str = ""
    head: bytes = b""
    problem: str | None = None


@asynccontextmanager
async def receive(
    stream: AsyncIterator[bytes],
    *,
    content_type: str,
    blobs: BlobStore,
    max_bytes: int,
    expected_bytes: int | None = None,
) -> AsyncIterator[Upload]:
    """Read the whole body from *stream*, of perhaps *expected_bytes*; the file becomes a blob.

    A file larger than *max_bytes*, or than the field ``MAX_FILE_SIZE`` when that came before it, is dropped
    and the reading goes on for the fields behind it. A malformed body, a full disk and a missing file are
    told by ``Upload.problem``. What *stream* raises passes through.
    """
    async with AsyncExitStack() as stack:
        receiver = _Receiver(blobs, stack, max_bytes, expected_bytes)
        upload = await receiver.run(stream, content_type)
    yield upload


class _Drained(Exception):
    """The rest of a file that is too large is not worth reading."""


class _Receiver:
    def __init__(
        self, blobs: BlobStore, stack: AsyncExitStack, max_bytes: int, expected_bytes: int | None
    ) -> None:
        self._blobs = blobs
        self._stack = stack
        self._limit_bytes = max_bytes
        self._expected_bytes = expected_bytes
        self._upload = Upload()
        self._incoming: Incoming | None = None
        self._drained_bytes = 0
        self._complete = False

    async def run(self, stream: AsyncIterator[bytes], content_type: str) -> Upload:
        upload = self._upload
        kind, options = multipart.parse_options_header(content_type)
        if kind != "multipart/form-data" or not options.get("boundary"):
            upload.problem = "not_multipart"
            return upload
        try:
            parser = multipart.PushMultipartParser(
                options["boundary"],
                max_segment_size=1 << 62,
                max_segment_count=MAX_PARTS,
                header_charset=_ANY_BYTES,
            )
            with parser:
                await self._parse(parser, stream)
        except multipart.MultipartError as error:
            self._fail("malformed", error)
        except _Drained:
            log.info("upload_given_up", drained_bytes=self._drained_bytes)
        if self._complete and not upload.problem:
            await self._finish()
        elif not upload.problem:
            upload.problem = "no_file"
        return upload

    async def _parse(self, parser: multipart.PushMultipartParser, stream: AsyncIterator[bytes]) -> None:
        part: multipart.MultipartSegment | None = None
        text = bytearray()
        is_file = False
        async for chunk in stream:
            if not chunk or parser.closed:
                continue
            for event in parser.parse(chunk):
                if isinstance(event, multipart.MultipartSegment):
                    part = event
                    text.clear()
                    is_file = await self._opens_file(part)
                elif event is None:
                    assert part is not None
                    if is_file:
                        self._complete = True
                    elif part.filename is None:
                        self._upload.fields[_utf8(part.name or "")] = text.decode(errors="replace")
                elif is_file:
                    await self._take(bytes(event))
                elif part is not None and part.filename is None:
                    text += event
                    if len(text) > MAX_FIELD_BYTES:
                        raise multipart.ParserLimitReached(f"{part.name}: field too long")

    async def _opens_file(self, part: multipart.MultipartSegment) -> bool:
        if part.name != FILE_FIELD or part.filename is None or self._upload.name is not None:
            return False
        self._upload.name = _utf8(part.filename)
        # As in PHP the limit counts only when it comes first; what is no positive number is no limit.
        limit = self._upload.fields.get(SIZE_LIMIT_FIELD, "").strip()
        if limit.isascii() and limit.isdigit() and int(limit[:19]):
            self._limit_bytes = min(self._limit_bytes, int(limit[:19]))
        try:
            receiving = self._blobs.receive(expected_bytes=self._expected_bytes)
            self._incoming = await self._stack.enter_async_context(receiving)
        except BlobFailed as error:
            self._fail("not_written", error)
        return True

    async def _take(self, data: bytes) -> None:
        upload = self._upload
        if upload.problem:
            self._drained_bytes += len(data)
            if self._drained_bytes > MAX_DRAIN_BYTES:
                raise _Drained
            return
        assert self._incoming is not None
        upload.size_bytes += len(data)
        if upload.size_bytes > self._limit_bytes:
            upload.problem = "too_large"
            await self._stack.aclose()  # what has arrived makes room at once
            return
        try:
            await self._incoming.write(data)
        except BlobFailed as error:
            self._fail("not_written", error)

    async def _finish(self) -> None:
        assert self._incoming is not None
        try:
            self._upload.blob_id = await self._incoming.finish()
        except BlobFailed as error:
            self._fail("not_written", error)
            return
        self._upload.sha256 = self._incoming.sha256
        self._upload.head = self._incoming.head

    def _fail(self, problem: str, error: Exception) -> None:
        self._upload.problem = problem
        log.warning("upload_refused", problem=problem, error=str(error))


def _utf8(header: str) -> str:
    """Return text of a header as it was meant; bytes that are no UTF-8 are replaced."""
    return header.encode(_ANY_BYTES).decode(errors="replace")
