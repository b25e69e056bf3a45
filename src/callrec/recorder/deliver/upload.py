"""Brings a film to its backend: in chunks by a link where there are such, else in one request."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

import httpx
import structlog

from callrec import clock
from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.deliver.answers import Request
from callrec.recorder.deliver.backend import BackendClient, Detour
from callrec.recorder.deliver.begun import Begun, Stamp
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.hold import Hold, always, check
from callrec.wire.file_hash import CHECKSUM, HASH_WANTED, SHA256, arrived_sha256, checksum

MAX_CHUNKS = 10_000
SMALLEST_CHUNK_BYTES = 1 << 20
MUCH_BYTES = 32 << 20
"""Where chunks of more are too large, a proxy has the say: the next ones are a quarter of this."""
PIECE_BYTES = 1 << 20
"""So much of a film is in memory."""
LINK_LIVES_S = 86400.0
"""docs/wire.md, Chunked store. What came to an older one is not gone on with: it would be refused, after all
of a chunk was sent."""
MAX_LINKS = 3
"""So many links at most are asked for in one attempt. One that ends by the same answer as the last one did,
in this attempt or one before, is the last of its attempt: it is no chance, and each costs the whole film."""
WAITS_S = (1.0, 4.0, 10.0)
"""Before one request of many is sent again: a short trouble must not cost what has been sent already."""
GIVE_UP_S = 5.0
"""So long at most is tried to have a backend delete what came of a film that nobody wants any more."""

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

    async def upload(self, film: Film, errand: Errand | None = None) -> Way:
        """Upload *film*; returns how, when the backend has acknowledged it.

        *errand* tells how far it is, and what an attempt before has brought already.

        Raises:
            BackendAway: the outcome is unknown or temporary: send it again.
            BackendRefused: the backend understood and does not take it.
            NeverTaken: … and never will.
            HoldLost: another recorder may have it by now.
            OSError: the film cannot be read.
        """
        errand = errand or Errand()
        stat = film.path.stat()
        errand.total_bytes = size_bytes = stat.st_size
        stamp = (size_bytes, stat.st_mtime_ns)
        if errand.begun is not None and not await self._goes_on(errand.begun, film.path, stamp):
            await _drop(errand)
        chunk_bytes = max(self._client.chunk_bytes, -(-size_bytes // MAX_CHUNKS))
        links = 0
        while True:
            try:
                await self._by_link(film, stamp, chunk_bytes, errand)
                return "link"
            except Detour as detour:
                await _drop(errand)
                log.info("upload_detour", recording=film.recording_id, way=detour.verdict, reason=str(detour))
                if detour.verdict == "directly":
                    await self._client.store(film.token, film.owner, film.path, film.file_name, errand)
                    return "request"
                links += detour.verdict == "anew"
                if (
                    links == MAX_LINKS
                    or (detour.verdict == "anew" and errand.ended_by == str(detour))
                    or (detour.verdict == "smaller" and chunk_bytes <= SMALLEST_CHUNK_BYTES)
                ):
                    raise BackendAway(str(detour), detour.status) from detour
                if detour.verdict == "smaller":
                    chunk_bytes = max(SMALLEST_CHUNK_BYTES, min(chunk_bytes, MUCH_BYTES) // 4)
                else:
                    errand.ended_by = str(detour)

    async def give_up(self, errand: Errand) -> bool:
        """Have the backend delete the chunks that it has; tells whether there are none any more."""
        begun = errand.begun
        if begun is None or begun.is_whole:  # of a whole file the backend disposes when the link ends
            return begun is None
        errand.begun = None
        try:
            async with asyncio.timeout(GIVE_UP_S):
                await _Sending(self._client, begun, self._again, errand.note).discard()
        except (BackendAway, BackendRefused, Detour, TimeoutError) as error:
            log.info("upload_not_discarded", error=str(error) or type(error).__name__)
            return False
        return True

    async def _goes_on(self, begun: Begun, path: Path, film: Stamp) -> bool:
        """Tell whether what the backend has is of this film, and can still be added to. Raises OSError."""
        ours = begun.folder.startswith(f"{self._client.public_dav}/")
        lives = begun.is_whole or 0 <= clock.wall_s() - begun.begun_at < LINK_LIVES_S
        if begun.film != film or not ours or not lives:
            return False
        if begun.noted_sha256 is not None and not begun.is_whole:
            begun.digest = await _digest(path, begun.sent_bytes)
            if begun.digest.hexdigest() != begun.noted_sha256:
                return False  # the film is not as it was sent, for all that its stamp says
            begun.noted_sha256 = None
        return True

    async def _by_link(self, film: Film, stamp: Stamp, chunk_bytes: int, errand: Errand) -> None:
        begun = errand.begun
        if begun is None or not begun.is_open:
            link = await self._client.request_upload(film.token, film.owner, film.file_name, errand.hold)
            folder = f"{self._client.public_dav}/uploads/{link.token}/{secrets.token_hex(16)}"
            begun = errand.begun = Begun(link, folder, stamp, chunk_bytes, begun_at=clock.wall_s())
        else:
            log.info("upload_goes_on", recording=film.recording_id, bytes=begun.sent_bytes)
        sending = _Sending(self._client, begun, self._again, errand.note, errand.hold)
        await sending.film(film.path)
        times_name = await sending.times(film) if film.times is not None else None
        name = begun.link.file_name
        with errand.asking():
            await self._again(
                lambda: self._client.finish(film.token, film.owner, name, times_name, errand.hold)
            )

    async def _again(self, request: Callable[[], Awaitable[object]]) -> None:
        """Send one request, and again after a short wait when its outcome is unknown."""
        for wait_s in WAITS_S:
            try:
                await request()
            except BackendAway as error:
                if error.retry_after_s is not None and error.retry_after_s > wait_s:
                    raise
                await self._sleep(wait_s)
            else:
                return
        await request()


@dataclass(frozen=True)
class _Sending:
    """Sends one film to one link."""

    client: BackendClient
    begun: Begun
    again: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
    note: Callable[[], Awaitable[None]]
    hold: Hold = always

    async def film(self, path: Path) -> None:
        """Send the film in chunks, those that are not there yet, and have it put together."""
        begun = self.begun
        if begun.is_whole:
            return
        size_bytes = begun.film[0]
        headers = {
            "Destination": self._url(begun.link.file_name),
            "OC-Total-Length": str(size_bytes),
        }
        if not begun.is_open:
            await self._open(headers)
            begun.is_open = True
        with path.open("rb", buffering=0) as file:
            while begun.sent_bytes < size_bytes:
                await self._chunk(headers, file, min(begun.sent_bytes + begun.chunk_bytes, size_bytes))
            if os.fstat(file.fileno()).st_size != size_bytes:
                raise BackendAway("upload: the film changed while it was sent")
        headers[CHECKSUM] = checksum(begun.digest.hexdigest())
        await self.again(lambda: self._dav("assemble", "MOVE", f"{begun.folder}/.file", headers))
        begun.is_whole = True
        await self.note()

    async def _open(self, headers: dict[str, str]) -> None:
        is_repeated = False

        async def make() -> None:
            nonlocal is_repeated
            was_sent, is_repeated = is_repeated, True
            try:
                await self._dav("folder", "MKCOL", self.begun.folder, headers)
            except Detour as detour:
                # The answer to an earlier one was lost: it is there (RFC 4918 section 9.3.1).
                if not (was_sent and detour.status == 405):
                    raise

        await self.again(make)

    async def discard(self) -> None:
        """Have the chunks deleted."""
        await self._dav("discard", "DELETE", self.begun.folder, {})

    async def _chunk(self, headers: dict[str, str], film: BinaryIO, end: int) -> None:
        begun = self.begun
        url = f"{begun.folder}/{begun.chunks + 1}"
        headers = {**headers, "Content-Length": str(end - begun.sent_bytes), HASH_WANTED: SHA256}

        async def put() -> None:
            of_chunk = hashlib.sha256()
            of_all = begun.digest.copy() if begun.sent_bytes else of_chunk
            content = _pieces(film, begun, end, {of_chunk, of_all}, self.hold)
            answered = await self._dav("chunk", "PUT", url, headers, content=content)
            if arrived_sha256(answered) not in (None, of_chunk.hexdigest()):
                log.warning("upload_chunk_damaged", chunk=begun.chunks + 1)
                raise BackendAway("upload: a chunk was damaged on the way")
            begun.digest = of_all

        try:
            await self.again(put)
        finally:
            begun.leaving_bytes = 0
        begun.chunks += 1
        begun.sent_bytes = end
        await self.note()

    async def times(self, film: Film) -> str | None:
        """Send the speaking times; return their name, None when they were not taken: the film counts more."""
        assert film.times is not None, "asked for only where there are any"
        name = film.times.name
        content = await asyncio.to_thread(film.times.read_bytes)
        headers = {CHECKSUM: checksum(hashlib.sha256(content).hexdigest())}
        try:
            await self.again(lambda: self._dav("times", "PUT", self._url(name), headers, content=content))
        except (BackendRefused, Detour) as error:
            log.info("speaking_times_not_taken", recording=film.recording_id, error=str(error))
            return None
        return name

    def _url(self, name: str) -> str:
        return f"{self.client.public_dav}/files/{self.begun.link.token}/{quote(name, safe='')}"

    async def _dav(
        self,
        request: Request,
        method: str,
        url: str,
        headers: dict[str, str],
        *,
        content: bytes | AsyncIterator[bytes] = b"",
    ) -> httpx.Headers:
        return await self.client.at_link(
            request,
            method,
            url,
            headers=headers,
            content=content,
            auth=(self.begun.link.token, self.begun.link.password),
            hold=self.hold,
        )


async def _pieces(
    film: BinaryIO, begun: Begun, end: int, digests: "set[hashlib._Hash]", hold: Hold
) -> AsyncIterator[bytes]:
    """Yield *film* from where *begun* is to *end*, and hash it.

    Raises:
        BackendAway: it is shorter than that.
        HoldLost: another recorder may have it by now.
    """
    loop, offset = asyncio.get_running_loop(), begun.sent_bytes
    hashed = loop.run_in_executor(None, _hash, digests, b"")
    while offset < end:
        piece = await asyncio.to_thread(os.pread, film.fileno(), min(PIECE_BYTES, end - offset), offset)
        if not piece:
            raise BackendAway("upload: the film changed while it was sent")
        offset += len(piece)
        begun.leaving_bytes = offset - begun.sent_bytes
        await hashed
        hashed = loop.run_in_executor(None, _hash, digests, piece)  # while it is sent, and the next one read
        check(hold)
        yield piece
    await hashed


async def _drop(errand: Errand) -> None:
    errand.begun = None
    await errand.note()


async def _digest(path: Path, size_bytes: int) -> "hashlib._Hash":
    """Return the SHA-256 of the first *size_bytes* of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while (left := size_bytes - file.tell()) > 0:
            piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, left))
            if not piece:
                break
            await asyncio.to_thread(digest.update, piece)
    return digest


def _hash(digests: "set[hashlib._Hash]", piece: bytes) -> None:
    for digest in digests:
        digest.update(piece)
