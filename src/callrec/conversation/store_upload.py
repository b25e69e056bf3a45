"""Receive a ``multipart/form-data`` body with one file, in bounded memory (RFC 7578).

The file goes straight to the volume where it stays and is hashed on the way. Fields may come before or after
it. Whatever ends the upload early, nothing of it is left on the disk.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import multipart
import structlog

from callrec.conversation.media_type import HEAD_BYTES

FILE_FIELD = "file"
SIZE_LIMIT_FIELD = "MAX_FILE_SIZE"
WRITE_BYTES = 1 << 20
"""How much is collected in memory before it is written: large enough that the thread hop costs nothing."""
MAX_FIELD_BYTES = 64 * 1024
MAX_PARTS = 32
MAX_DRAIN_BYTES = 64 << 20
"""How much of a file that is too large is still read to find the fields behind it."""

log = structlog.get_logger()


@dataclass
class Upload:
    """What has arrived. ``problem`` is a word for the log when the file could not be taken."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    """File name as sent."""
    path: Path | None = None
    """The fsynced file, if it arrived whole. Gone when the context ends, unless it was moved away."""
    size_bytes: int = 0
    sha256: str = ""
    head: bytes = b""
    problem: str | None = None


@asynccontextmanager
async def receive(
    stream: AsyncIterator[bytes], *, content_type: str, directory: Path, max_bytes: int
) -> AsyncIterator[Upload]:
    """Read the whole body from *stream*; the file goes into *directory* under a random name.

    A file larger than *max_bytes*, or than the field ``MAX_FILE_SIZE`` when that came before it, is dropped
    and the reading goes on for the fields behind it. A malformed body, a full disk and a missing file are
    told by ``Upload.problem``. What *stream* raises passes through.
    """
    path = directory / secrets.token_hex(16)
    try:
        yield await _Receiver(path, max_bytes).run(stream, content_type)
    finally:
        path.unlink(missing_ok=True)


class _Drained(Exception):
    """The rest of a file that is too large is not worth reading."""


class _Receiver:
    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._limit_bytes = max_bytes
        self._upload = Upload()
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
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
                options["boundary"], max_segment_size=1 << 62, max_segment_count=MAX_PARTS
            )
            with parser:
                await self._parse(parser, stream)
        except multipart.MultipartError as error:
            self._fail("malformed", error)
        except _Drained:
            log.info("upload_given_up", drained_bytes=self._drained_bytes)
        finally:
            if self._file:
                self._file.close()
        if self._complete and not upload.problem:
            upload.path = self._path
            upload.sha256 = self._digest.hexdigest()
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
                        await self._close_file()
                    elif part.filename is None:
                        self._upload.fields[part.name or ""] = text.decode(errors="replace")
                elif is_file:
                    await self._take(bytes(event))
                elif part is not None and part.filename is None:
                    text += event
                    if len(text) > MAX_FIELD_BYTES:
                        raise multipart.ParserLimitReached(f"{part.name}: field too long")

    async def _opens_file(self, part: multipart.MultipartSegment) -> bool:
        if part.name != FILE_FIELD or part.filename is None or self._upload.name is not None:
            return False
        self._upload.name = part.filename
        # As in PHP the limit counts only when it comes first; what is no positive number is no limit.
        limit = self._upload.fields.get(SIZE_LIMIT_FIELD, "").strip()
        if limit.isascii() and limit.isdigit() and int(limit[:19]):
            self._limit_bytes = min(self._limit_bytes, int(limit[:19]))
        await self._on_disk(self._open)
        return True

    async def _take(self, data: bytes) -> None:
        upload = self._upload
        if upload.problem:
            self._drained_bytes += len(data)
            if self._drained_bytes > MAX_DRAIN_BYTES:
                raise _Drained
            return
        upload.size_bytes += len(data)
        if upload.size_bytes > self._limit_bytes:
            upload.problem = "too_large"
            self._pending.clear()
            return
        if len(upload.head) < HEAD_BYTES:
            upload.head = (upload.head + data)[:HEAD_BYTES]
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= WRITE_BYTES:
            await self._write()

    async def _write(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        await self._on_disk(self._write_now, data)

    async def _on_disk(self, action: Callable[..., None], *arguments: bytes) -> None:
        """Run *action* in a thread. A disk that refuses ends the file, not the reading."""
        try:
            await asyncio.to_thread(action, *arguments)
        except OSError as error:
            self._fail("not_written", error)

    def _open(self) -> None:
        self._file = self._path.open("xb")

    def _write_now(self, data: bytes) -> None:
        assert self._file is not None
        self._digest.update(data)
        self._file.write(data)

    async def _close_file(self) -> None:
        if self._upload.problem:
            return
        await self._write()
        await self._on_disk(self._sync)
        self._complete = True

    def _sync(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())

    def _fail(self, problem: str, error: Exception) -> None:
        self._upload.problem = problem
        log.warning("upload_refused", problem=problem, error=str(error))
