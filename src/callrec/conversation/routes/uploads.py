"""Uploads in chunks (docs/wire.md, Files, Chunked store): of users, and of recorders by a link.

A link is opened by HTTP Basic with its token and password alone: no cookie, no further header.
"""

import base64
import binascii
from abc import ABC, abstractmethod

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from callrec.conversation import files_changes, upload_links
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_uploads import UploadLink
from callrec.conversation.files_arrival import Arrived, discard, take_body
from callrec.conversation.files_changes import Changed
from callrec.conversation.files_names import clean_name
from callrec.conversation.files_paths import name_of
from callrec.conversation.files_refused import Refused
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.routes.dav import (
    NotSignedIn,
    destination_below,
    destination_in_home,
    overwrites,
    own,
    refusing,
)
from callrec.conversation.routes.files_writing import content_of, written
from callrec.conversation.upload_links import Taken
from callrec.conversation.uploads import P, Place, Whose, chunk_number
from callrec.wire.file_hash import HASH_SHA256, HASH_WANTED, SHA256, checksum_sha256

OF_USERS = "/remote.php/dav/uploads/{user}/{upload}"
BY_LINK = "/public.php/dav/uploads/{link}/{upload}"
LINK_FILES = "/public.php/dav/files/{link}/{name}"
PUBLIC_FILES = ("public.php", "dav", "files")
WHOLE = ".file"
"""What the chunks are called when they are moved to where the file belongs."""


def install(app: Starlette, side: RecordingSide) -> None:
    """Add the routes to *app*."""
    by_link = _ByLink(side)
    chunks: tuple[tuple[str, _Chunks], ...] = ((OF_USERS, _OfUsers(side)), (BY_LINK, by_link))
    for path, routes in chunks:
        app.add_route(path, routes.mkcol, methods=["MKCOL"])
        app.add_route(path, routes.delete, methods=["DELETE"])
        app.add_route(path + "/{chunk}", routes.put, methods=["PUT"])
        app.add_route(path + "/{chunk}", routes.move, methods=["MOVE"])
    app.add_route(LINK_FILES, by_link.put_file, methods=["PUT"])


class _Chunks(ABC):
    """What uploads of users and by links have in common."""

    def __init__(self, side: RecordingSide) -> None:
        self._side = side
        self._core = side.core

    @abstractmethod
    async def _whose(self, request: Request) -> Whose:
        """Return whose uploads these are; raise Refused for strangers."""

    @abstractmethod
    def _target(self, request: Request, whose: Whose) -> str:
        """Return where the ``Destination`` is; raise Refused for a foreign one."""

    @abstractmethod
    async def _finish(self, request: Request, whose: Whose, target: str) -> Response:
        """Join the chunks and put the file at *target*."""

    @refusing
    async def mkcol(self, request: Request) -> Response:
        """Begin an upload."""
        whose = await self._whose(request)
        name = request.path_params["upload"]
        if clean_name(name) != name:
            raise Refused(400, "no upload can have this name")
        if "destination" in request.headers:
            self._target(request, whose)
        await self._side.uploads.open(whose, name)
        return Response(status_code=201)

    @refusing
    async def put(self, request: Request) -> Response:
        """Take a chunk; its number gives its place."""
        whose = await self._whose(request)
        number = chunk_number(request.path_params["chunk"])
        if number is None:
            raise Refused(400, "chunks are called by number")
        kept = await self._side.uploads.put(whose, request.path_params["upload"], number, request)
        wanted = request.headers.get(HASH_WANTED, "").lower()
        headers = {HASH_SHA256: kept.sha256} if wanted in (SHA256, "all") else None
        return Response(status_code=201 if kept.created else 204, headers=headers)

    @refusing
    async def move(self, request: Request) -> Response:
        """Make a file of the chunks, where ``Destination`` says."""
        whose = await self._whose(request)
        if request.path_params["chunk"] != WHOLE:
            raise Refused(405, f"only {WHOLE} can be moved")
        return await self._finish(request, whose, self._target(request, whose))

    @refusing
    async def delete(self, request: Request) -> Response:
        """Give up an upload."""
        await self._side.uploads.drop(await self._whose(request), request.path_params["upload"])
        return Response(status_code=204)

    async def _join(self, request: Request, whose: Whose, place: Place[P]) -> P:
        name = request.path_params["upload"]
        return await self._side.uploads.join(
            whose,
            name,
            total_bytes=_total_bytes(request),
            sha256=checksum_sha256(request.headers),
            place=place,
        )


class _OfUsers(_Chunks):
    async def _whose(self, request: Request) -> Whose:
        return Whose(await own(self._core, request))

    def _target(self, request: Request, whose: Whose) -> str:
        return destination_in_home(self._core, request, whose.owner_id)

    async def _finish(self, request: Request, whose: Whose, target: str) -> Response:
        await self._side.homes.open(whose.owner_id)

        async def place(tx: WriteSession, arrived: Arrived) -> Changed:
            existing = await files_changes.place(tx, whose.owner_id, target)
            if existing is not None and not overwrites(request):
                raise Refused(412, "something is there already")
            return await files_changes.put(tx, whose.owner_id, target, content_of(arrived, name_of(target)))

        return written(await self._join(request, whose, place))


class _ByLink(_Chunks):
    async def _whose(self, request: Request) -> Whose:
        link = await self._link(request)
        return Whose(link.owner_id, link.id)

    def _target(self, request: Request, whose: Whose) -> str:
        target = destination_below(self._core, request, (*PUBLIC_FILES, request.path_params["link"]))
        if "/" in target:
            raise Refused(403, "a link has no folders")
        return target

    async def _finish(self, request: Request, whose: Whose, target: str) -> Response:
        async def place(tx: WriteSession, arrived: Arrived) -> Taken:
            return await upload_links.take(tx, whose.link_id or 0, target, arrived)

        taken = await self._join(request, whose, place)
        return Response(status_code=201 if taken.created else 204)

    @refusing
    async def put_file(self, request: Request) -> Response:
        """Take a whole file."""
        link = await self._link(request)
        name = request.path_params["name"]
        if clean_name(name) != name:
            raise Refused(400, "no file can have this name")
        arrived = await take_body(
            self._side.blobs,
            request,
            self._core.config.settings.max_upload_bytes,
            sha256=checksum_sha256(request.headers),
        )
        try:
            async with self._core.db.write() as tx:
                taken = await upload_links.take(tx, link.id, name, arrived)
        except Refused:
            await discard(self._side.blobs, [arrived.blob_id])
            raise
        await discard(self._side.blobs, taken.dropped)
        return Response(status_code=201 if taken.created else 204)

    async def _link(self, request: Request) -> UploadLink:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            text = base64.b64decode(credentials.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise NotSignedIn from None
        token, _, password = text.partition(":")
        if scheme.lower() != "basic" or token != request.path_params["link"]:
            raise NotSignedIn
        link = await self._side.links.open(token, password)
        if link is None:
            raise NotSignedIn
        return link


def _total_bytes(request: Request) -> int | None:
    value = request.headers.get("oc-total-length")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise Refused(400, "OC-Total-Length is no number")
    return int(value)
