"""Changing files over WebDAV: PUT, MKCOL, MOVE, COPY and DELETE (docs/wire.md, Files)."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from callrec.conversation import files_changes
from callrec.conversation.blobs.store import BlobFailed
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files import Entry
from callrec.conversation.files_arrival import Arrived, discard, take_body
from callrec.conversation.files_changes import Changed, Content
from callrec.conversation.files_dav import file_headers
from callrec.conversation.files_paths import name_of
from callrec.conversation.files_refused import Refused
from callrec.conversation.media_type import by_name, fits, sniff
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.routes.dav import (
    HOMES,
    destination_in_home,
    overwrites,
    own,
    path_in_home,
    refusing,
)
from callrec.wire.file_hash import checksum_sha256

Write = Callable[[WriteSession], Awaitable[Changed]]


def install(app: Starlette, side: RecordingSide) -> None:
    """Add the routes to *app*."""
    routes = _Writing(side)
    for path in (*HOMES, *(home + "/{path:path}" for home in HOMES)):
        app.add_route(path, routes.put, methods=["PUT"])
        app.add_route(path, routes.mkcol, methods=["MKCOL"])
        app.add_route(path, routes.move, methods=["MOVE"])
        app.add_route(path, routes.copy, methods=["COPY"])
        app.add_route(path, routes.delete, methods=["DELETE"])


def content_of(arrived: Arrived, name: str) -> Content:
    """Return what arrived as the content of a file called *name*: recordings are told by their bytes."""
    media_type = sniff(arrived.head)
    if media_type is None or not fits(media_type, name):
        media_type = by_name(name)
    return Content(arrived.blob_id, arrived.size_bytes, media_type)


def written(changed: Changed) -> Response:
    """Return the answer to a file or folder that was written: 201 it is new, 204 it was replaced."""
    node = changed.node
    return Response(status_code=201 if changed.created else 204, headers=file_headers(node.id, node.etag))


def _check(request: Request, existing: Entry | None) -> None:
    """Check the conditions of the request (RFC 9110, section 13.1) and that no folder is in the way."""
    if existing is not None and existing.is_folder:
        raise Refused(409, "there is a folder of this name")
    etag = f'"{existing.node.etag}"' if existing is not None else None
    if_match, if_none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if if_match is not None and (etag is None or not _names(if_match, etag)):
        raise Refused(412, "the file has changed")
    if if_none_match is not None and etag is not None and _names(if_none_match, etag):
        raise Refused(412, "the file exists")


def _names(condition: str, etag: str) -> bool:
    return condition.strip() == "*" or etag in (tag.strip() for tag in condition.split(","))


class _Writing:
    def __init__(self, side: RecordingSide) -> None:
        self._side = side
        self._core = side.core

    @refusing
    async def put(self, request: Request) -> Response:
        """Write a file; nothing is seen of it until all has arrived."""
        user_id = await self._opened(request)
        path = path_in_home(request, missing=400)
        async with self._core.db.read() as session:  # before the body is read
            _check(request, await files_changes.place(session, user_id, path))
        max_bytes = self._core.config.settings.max_upload_bytes
        sha256 = checksum_sha256(request.headers)
        arrived = await take_body(self._side.blobs, request, max_bytes, sha256=sha256)

        async def write(tx: WriteSession) -> Changed:
            _check(request, await files_changes.place(tx, user_id, path))
            return await files_changes.put(tx, user_id, path, content_of(arrived, name_of(path)))

        return written(await self._change(write, new=[arrived.blob_id]))

    @refusing
    async def mkcol(self, request: Request) -> Response:
        """Make a folder."""
        user_id = await self._opened(request)
        path = path_in_home(request, missing=400)
        if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
            raise Refused(415, "a folder is made without a body")  # RFC 4918, section 9.3
        async with self._core.db.write() as tx:
            node = await files_changes.make(tx, user_id, path)
        return written(Changed(node, created=True))

    @refusing
    async def move(self, request: Request) -> Response:
        """Move or rename."""
        user_id = await self._opened(request)
        source = path_in_home(request)
        target = destination_in_home(self._core, request, user_id)

        async def write(tx: WriteSession) -> Changed:
            return await files_changes.move(tx, user_id, source, target, overwrite=overwrites(request))

        return written(await self._change(write))

    @refusing
    async def copy(self, request: Request) -> Response:
        """Copy a file, or a folder with everything in it (``Depth: 0``: without)."""
        user_id = await self._opened(request)
        source = path_in_home(request)
        target = destination_in_home(self._core, request, user_id)
        overwrite = overwrites(request)
        deep = request.headers.get("depth") != "0"
        async with self._core.db.read() as session:
            nodes = await files_changes.to_copy(
                session, user_id, source, target, overwrite=overwrite, deep=deep
            )
        blobs = await self._copied(nodes)

        async def write(tx: WriteSession) -> Changed:
            return await files_changes.copy(
                tx, user_id, source, target, overwrite=overwrite, deep=deep, blobs=blobs
            )

        return written(await self._change(write, new=blobs.values()))

    @refusing
    async def delete(self, request: Request) -> Response:
        """Delete for good."""
        user_id = await self._opened(request)
        path = path_in_home(request)
        async with self._core.db.write() as tx:
            dropped = await files_changes.remove(tx, user_id, path)
        await discard(self._side.blobs, dropped)
        return Response(status_code=204)

    async def _opened(self, request: Request) -> str:
        user_id = await own(self._core, request)
        await self._side.homes.open(user_id)
        return user_id

    async def _change(self, write: Write, *, new: Iterable[str] = ()) -> Changed:
        """Run *write* in a transaction; delete the *new* blobs when it refuses, else those it replaced."""
        try:
            async with self._core.db.write() as tx:
                changed = await write(tx)
        except Refused:
            await discard(self._side.blobs, new)
            raise
        await discard(self._side.blobs, changed.dropped)
        return changed

    async def _copied(self, nodes: Iterable[Node]) -> dict[str, str]:
        """Copy the blobs of *nodes*; return the copy of each."""
        copies: dict[str, str] = {}
        try:
            for node in nodes:
                if node.blob_id is not None:
                    copies[node.blob_id] = await self._side.blobs.copy(node.blob_id)
        except BlobFailed as error:
            await discard(self._side.blobs, copies.values())
            raise Refused(507, "the file cannot be copied") from error
        return copies
