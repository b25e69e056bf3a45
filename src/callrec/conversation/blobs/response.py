"""Sending a blob over HTTP: whole, or one range of it (RFC 9110, section 14)."""

import re
from collections.abc import Mapping
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from callrec.conversation.blobs.store import BlobFailed, BlobStore

_RANGE = re.compile(r"\s*bytes\s*=\s*(?:(\d+)-(\d*)|-(\d+))\s*", re.IGNORECASE)
_MAX_DIGITS = 19

log = structlog.get_logger()


class Unsatisfiable(Exception):
    """The range begins behind the end."""


def byte_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return the first byte and the end (exclusive) that *header* asks for, of *size_bytes*.

    None means everything: no header, one that is not understood, or several ranges, which a server may
    ignore.

    Raises:
        Unsatisfiable: nothing of it is there.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or any(len(digits or "") > _MAX_DIGITS for digits in match.groups()):
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size_bytes - int(suffix)), size_bytes
    else:
        start, end = int(first), min(size_bytes, int(last) + 1) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return start, end


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
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    path = blobs.local_path(blob_id)
    if path is None:
        return _BlobResponse(blobs, blob_id, size_bytes, all_headers, media_type)
    if not path.is_file():
        return _missing(blob_id, "it is not on the disk")
    return FileResponse(path, headers=all_headers, media_type=media_type)


def _missing(blob_id: str, error: str) -> Response:
    log.error("file_content_missing", blob=blob_id, error=error)
    return Response(status_code=500)


class _BlobResponse(Response):
    """Sends a blob that is not on this machine, piece by piece."""

    def __init__(
        self,
        blobs: BlobStore,
        blob_id: str,
        size_bytes: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(headers=headers, media_type=media_type)
        self._blobs = blobs
        self._blob_id = blob_id
        self._size_bytes = size_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request in *scope*."""
        asked = Headers(scope=scope)
        only_if = asked.get("if-range")
        wanted = None if only_if is not None and only_if != self.headers["etag"] else asked.get("range")
        try:
            part = byte_range(wanted, self._size_bytes)
        except Unsatisfiable:
            headers = {"Content-Range": f"bytes */{self._size_bytes}"}
            await Response(status_code=416, headers=headers)(scope, receive, send)
            return
        start, end = part or (0, self._size_bytes)
        self.headers["accept-ranges"] = "bytes"
        self.headers["content-length"] = str(end - start)
        if part is not None:
            self.status_code = 206
            self.headers["content-range"] = f"bytes {start}-{end - 1}/{self._size_bytes}"
        if scope["method"] == "HEAD" or start == end:
            await self._begin(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        begun = False
        try:
            async with self._blobs.read(self._blob_id, start, end) as pieces:
                await self._begin(send)
                begun = True
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except BlobFailed as error:
            if begun:  # the connection is broken off, so that nobody takes this for the whole
                raise
            await _missing(self._blob_id, str(error))(scope, receive, send)

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
