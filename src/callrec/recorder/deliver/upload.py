"""Brings a film to its backend: in chunks by a link where there are such, else in one request."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

import structlog

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.deliver.answers import Request
from callrec.recorder.deliver.backend import BackendClient, Detour, Link

MAX_CHUNKS = 10_000
SMALLEST_CHUNK_BYTES = 1 << 20
MUCH_BYTES = 32 << 20
"""Where chunks of more are too large, a proxy has the say: the next ones are a quarter of this."""
PIECE_BYTES = 1 << 20
"""So much of a film is in memory."""
MAX_LINKS = 3
"""So many links at most are asked for in one attempt."""
WAITS_S = (1.0, 4.0, 10.0)
"""Before one request of many is sent again: a short trouble must not cost what has been sent already."""

log = structlog.get_logger()

Way = Literal["link", "request"]
"""How a film was brought: by a link, or in one request."""


@dataclass(frozen=True)
class Film:
    """What is to be delivered, and to whom."""

    recording_id: str
    token: str
    """Room token."""
    owner: str
    path: Path
    file_name: str
    """The same at every attempt: it is the store's idempotency key."""
    times: Path | None = None
    """The speaking times; taken only by backends that have links."""


class Uploader:
    """Makes one attempt; *sleep* waits for seconds between repeated requests."""

    def __init__(
        self, client: BackendClient, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep

    async def upload(self, film: Film) -> Way:
        """Upload *film*; returns how, when the backend has acknowledged it.

        Raises:
            BackendAway: the outcome is unknown or temporary: send it again.
            BackendRefused: the backend understood and does not take it.
            NeverTaken: … and never will.
            OSError: the film cannot be read.
        """
        size_bytes = film.path.stat().st_size
        chunk_bytes = max(self._client.chunk_bytes, -(-size_bytes // MAX_CHUNKS))
        for _ in range(MAX_LINKS):
            try:
                await self._by_link(film, size_bytes, chunk_bytes)
                return "link"
            except Detour as detour:
                log.info("upload_detour", recording=film.recording_id, way=detour.verdict, reason=str(detour))
                if detour.verdict == "directly":
                    await self._client.store(film.token, film.owner, film.path, film.file_name)
                    return "request"
                if detour.verdict == "smaller":
                    if chunk_bytes <= SMALLEST_CHUNK_BYTES:
                        raise BackendAway(str(detour), detour.status) from detour
                    chunk_bytes = max(SMALLEST_CHUNK_BYTES, min(chunk_bytes, MUCH_BYTES) // 4)
        raise BackendAway("upload: every link ended before the film was there")

    async def _by_link(self, film: Film, size_bytes: int, chunk_bytes: int) -> None:
        link = await self._client.request_upload(film.token, film.owner, film.file_name)
        sending = _Sending(self._client, link, size_bytes, self._again)
        await sending.film(film.path, chunk_bytes)
        times_name = await sending.times(film) if film.times is not None else None
        await self._again(lambda: self._client.finish(film.token, film.owner, link.file_name, times_name))

    async def _again(self, request: Callable[[], Awaitable[None]]) -> None:
        """Send one request, and again after a short wait when its outcome is unknown."""
        for wait_s in WAITS_S:
            try:
                return await request()
            except BackendAway as error:
                if error.retry_after_s is not None and error.retry_after_s > wait_s:
                    raise
                await self._sleep(wait_s)
        return await request()


@dataclass(frozen=True)
class _Sending:
    """Sends one film to one link."""

    client: BackendClient
    link: Link
    size_bytes: int
    again: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]

    async def film(self, path: Path, chunk_bytes: int) -> None:
        """Send the film in chunks, and have it put together."""
        folder = f"{self.client.public_dav}/uploads/{self.link.token}/{secrets.token_hex(16)}"
        headers = {
            "Destination": self._url(self.link.file_name),
            "OC-Total-Length": str(self.size_bytes),
        }
        await self.again(lambda: self._dav("folder", "MKCOL", folder, headers))
        with path.open("rb", buffering=0) as file:
            for number, begin in enumerate(range(0, self.size_bytes, chunk_bytes), 1):
                await self._chunk(f"{folder}/{number}", headers, file, begin, chunk_bytes)
            if os.fstat(file.fileno()).st_size != self.size_bytes:
                raise BackendAway("upload: the film changed while it was sent")
        await self.again(lambda: self._dav("assemble", "MOVE", f"{folder}/.file", headers))

    async def _chunk(
        self, url: str, headers: dict[str, str], film: BinaryIO, begin: int, chunk_bytes: int
    ) -> None:
        end = min(begin + chunk_bytes, self.size_bytes)
        headers = {**headers, "Content-Length": str(end - begin)}
        await self.again(lambda: self._dav("chunk", "PUT", url, headers, content=_pieces(film, begin, end)))

    async def times(self, film: Film) -> str | None:
        """Send the speaking times; return their name, None when they were not taken: the film counts more."""
        assert film.times is not None, "asked for only where there are any"
        name = film.times.name
        content = await asyncio.to_thread(film.times.read_bytes)
        try:
            await self.again(lambda: self._dav("times", "PUT", self._url(name), {}, content=content))
        except (BackendRefused, Detour) as error:
            log.info("speaking_times_not_taken", recording=film.recording_id, error=str(error))
            return None
        return name

    def _url(self, name: str) -> str:
        return f"{self.client.public_dav}/files/{self.link.token}/{quote(name, safe='')}"

    async def _dav(
        self,
        request: Request,
        method: str,
        url: str,
        headers: dict[str, str],
        *,
        content: bytes | AsyncIterator[bytes] = b"",
    ) -> None:
        await self.client.at_link(
            request,
            method,
            url,
            headers=headers,
            content=content,
            auth=(self.link.token, self.link.password),
        )


async def _pieces(film: BinaryIO, begin: int, end: int) -> AsyncIterator[bytes]:
    """Yield what is in *film* between two offsets. Raises BackendAway where it has become shorter."""
    while begin < end:
        piece = await asyncio.to_thread(os.pread, film.fileno(), min(PIECE_BYTES, end - begin), begin)
        if not piece:
            raise BackendAway("upload: the film changed while it was sent")
        begin += len(piece)
        yield piece
