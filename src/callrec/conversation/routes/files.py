"""Reading files: WebDAV for their users, links for everybody who holds one (docs/wire.md, Files)."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from callrec.conversation import files, shares
from callrec.conversation.core import Core
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files_blobs import BlobStore
from callrec.conversation.files_dav import multistatus
from callrec.conversation.ocs.authentication import may_use_cookie
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.recording_side import RecordingSide

DAV = "/remote.php/dav/files/{user}"
_MAX_ID = (1 << 63) - 1

log = structlog.get_logger()


def install(app: FastAPI, side: RecordingSide) -> None:
    """Add the routes to *app*."""
    routes = _Files(side.core, side.blobs)
    for path in (DAV, DAV + "/{path:path}"):
        app.add_route(path, routes.dav, methods=["GET", "HEAD", "PROPFIND", "OPTIONS"])
    app.add_route("/index.php/f/{file_id:int}", routes.by_id, methods=["GET"])
    app.add_route("/index.php/s/{share_token}", routes.link, methods=["GET"])
    app.add_route("/index.php/s/{share_token}/download", routes.download, methods=["GET"])


class _Files:
    def __init__(self, core: Core, blobs: BlobStore) -> None:
        self._core = core
        self._blobs = blobs

    async def dav(self, request: Request) -> Response:
        """GET, HEAD (with Range) and PROPFIND (depth 0 and 1) in the caller's own home."""
        if request.method == "OPTIONS":
            return Response(headers={"DAV": "1", "Allow": "OPTIONS, GET, HEAD, PROPFIND"})
        user_id = await self._user(request)
        if isinstance(user_id, Response):
            return user_id
        if user_id != request.path_params["user"]:
            return Response(status_code=404)
        path = files.normal_path(request.path_params.get("path", ""))
        if request.method == "PROPFIND":
            return await self._propfind(request, user_id, path)
        async with self._core.db.read() as session:
            entry = await files.find(session, user_id, path)
        if entry is None:
            return Response(status_code=404)
        if entry.is_folder:
            return Response(status_code=405, headers={"Allow": "OPTIONS, PROPFIND"})
        return self._content(entry.node, entry.path.rpartition("/")[2])

    async def by_id(self, request: Request) -> Response:
        """Lead the caller to a file that he may read."""
        user_id = await self._user(request)
        if isinstance(user_id, Response):
            return user_id
        async with self._core.db.read() as session:
            entry = await files.find_by_id(session, user_id, min(request.path_params["file_id"], _MAX_ID))
        if entry is None:
            return Response(status_code=404)
        home = f"{self._core.config.public_url}/remote.php/dav/files/{quote(user_id, safe='')}"
        return RedirectResponse(f"{home}/{quote(entry.path)}", 302)

    async def link(self, request: Request) -> Response:
        """Lead whoever holds a link to its file."""
        token = request.path_params["share_token"]
        async with self._core.db.read() as session:
            node = await shares.file_of_link(session, token)
        if node is None:
            return Response(status_code=404)
        return RedirectResponse(
            f"{self._core.config.public_url}/index.php/s/{quote(token, safe='')}/download", 302
        )

    async def download(self, request: Request) -> Response:
        """Send the file behind a link."""
        async with self._core.db.read() as session:
            node = await shares.file_of_link(session, request.path_params["share_token"])
        return Response(status_code=404) if node is None else self._content(node, node.name)

    async def _user(self, request: Request) -> str | Response:
        """Return who is calling, or the answer for somebody who is not signed in."""
        try:
            caller = await self._core.authenticator.identify(request, cookie=may_use_cookie(request))
        except OcsError as error:
            return Response(status_code=error.status, headers=error.headers)
        if caller.user_id is None:
            return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="callrec"'})
        return caller.user_id

    async def _propfind(self, request: Request, user_id: str, path: str) -> Response:
        # Without the header the depth is 1 here; "infinity" may be refused (RFC 4918, section 9.1).
        depth = request.headers.get("depth", "1")
        if depth not in ("0", "1"):
            return Response(status_code=403)
        async with self._core.db.write() as tx:
            await files.open_home(tx, user_id)
            entry = await files.find(tx, user_id, path)
            if entry is None:
                return Response(status_code=404)
            entries = [entry]
            if depth == "1" and entry.is_folder:
                entries += await files.children(tx, user_id, path)
        base_path = urlsplit(self._core.config.public_url).path
        return Response(
            multistatus(base_path, user_id, entries), 207, media_type="application/xml; charset=utf-8"
        )

    def _content(self, node: Node, name: str) -> Response:
        assert node.blob_id is not None
        path: Path = self._blobs.path(node.blob_id)
        if not path.is_file():
            log.error("file_content_missing", file=node.id)
            return Response(status_code=500)
        headers = {
            "ETag": f'"{node.etag}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-cache",
            "OC-FileId": f"{node.id:08d}",
            "OC-ETag": f'"{node.etag}"',
        }
        return FileResponse(path, headers=headers, media_type=node.media_type, filename=name)
