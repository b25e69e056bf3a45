"""Sending a blob over HTTP: whole, or some ranges of it (RFC 9110, section 14)."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from callrec.conversation.blobs.ranges import Unsatisfiable, byte_ranges
from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.ocs.disconnect import disconnected

# A file is somebody's input: whatever it is, no browser runs it as a page of ours.
_HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}

log = structlog.get_logger()

_Part = tuple[bytes, int, int]
"""Text to send first, then the bytes of the blob from the one place up to the other."""


def content_response(
    blobs: BlobStore,
    blob_id: str,
    request: Request,
    *,
    size_bytes: int,
    etag: str,
    media_type: str,
    name: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer to GET or HEAD of a blob as a file called *name*.

    *etag* is without quotes. A blob that is gone or cannot be read is a 500, and an error in the log.
    """
    all_headers = {
        **(headers or {}),
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        **_HARMLESS,
    }
    try:
        parts = byte_ranges(_wanted(request.method, request.headers, all_headers), size_bytes)
    except Unsatisfiable:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size_bytes}"})
    if not parts:
        all_headers["Content-Length"] = str(size_bytes)
        return _BlobResponse(
            blobs, blob_id, 200, headers=all_headers, media_type=media_type, parts=[(b"", 0, size_bytes)]
        )
    if len(parts) == 1:
        start, end = parts[0]
        all_headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
        all_headers["Content-Length"] = str(end - start)
        return _BlobResponse(
            blobs, blob_id, 206, headers=all_headers, media_type=media_type, parts=[(b"", start, end)]
        )
    boundary = secrets.token_hex(16)
    heads = [_part_head(boundary, media_type, start, end, size_bytes) for start, end in parts]
    content = [(head, start, end) for head, (start, end) in zip(heads, parts, strict=True)]
    content.append((f"\r\n--{boundary}--\r\n".encode(), size_bytes, size_bytes))
    all_headers["Content-Length"] = str(sum(len(text) + end - start for text, start, end in content))
    together = f"multipart/byteranges; boundary={boundary}"
    return _BlobResponse(blobs, blob_id, 206, headers=all_headers, media_type=together, parts=content)


def _wanted(method: str, asked: Headers, mine: Mapping[str, str]) -> str | None:
    """Return the ``Range`` that counts: of GET only, and only if the file is still the one it is about."""
    only_if = asked.get("if-range")
    changed = only_if is not None and only_if not in (mine["ETag"], mine.get("Last-Modified"))
    return None if method != "GET" or changed else asked.get("range")


def _part_head(boundary: str, media_type: str, start: int, end: int, size_bytes: int) -> bytes:
    return (
        f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
        f"Content-Range: bytes {start}-{end - 1}/{size_bytes}\r\n\r\n"
    ).encode("latin-1")


class _BlobResponse(Response):
    """Sends parts of a blob piece by piece, as long as somebody is there to take them."""

    def __init__(
        self,
        blobs: BlobStore,
        blob_id: str,
        status: int,
        *,
        headers: Mapping[str, str],
        media_type: str,
        parts: Sequence[_Part],
    ) -> None:
        super().__init__(status_code=status, headers=headers, media_type=media_type)
        self._blobs = blobs
        self._blob_id = blob_id
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request in *scope*."""
        if scope["method"] == "HEAD":
            await self._begin(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        sending = asyncio.create_task(self._send(scope, receive, send))
        gone = asyncio.create_task(disconnected(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            gone.cancel()
            outcome, _ = await asyncio.gather(sending, gone, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        try:
            for text, start, end in self._parts:
                if start < end:
                    async with self._blobs.read(self._blob_id, start, end) as pieces:
                        if not begun:  # only now: a blob that is gone is a 500
                            await self._begin(send)
                        begun = True
                        await _more(send, text)
                        async for piece in pieces:
                            await _more(send, piece)
                elif not begun:
                    await self._begin(send)
                else:
                    await _more(send, text)
        except BlobFailed as error:
            if begun:  # the connection is broken off, so that nobody takes this for the whole
                raise
            log.error("file_content_missing", blob=self._blob_id, error=str(error))
            await Response(status_code=500)(scope, receive, send)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})


async def _more(send: Send, data: bytes) -> None:
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})
