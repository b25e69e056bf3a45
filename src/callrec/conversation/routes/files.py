"""Reading files: WebDAV for their users, links for everybody who holds one (docs/wire.md, Files)."""

from email.utils import format_datetime
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callrec.conversation import files, files_search, shares
from callrec.conversation.blobs.response import content_response
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files import Entry
from callrec.conversation.files_dav import MEDIA_TYPE, file_headers, multistatus
from callrec.conversation.files_paths import below, clean_path
from callrec.conversation.files_refused import Refused
from callrec.conversation.files_xml import MAX_XML_BYTES, BadXml, parse, wanted_properties
from callrec.conversation.ocs.body import read_body
from callrec.conversation.ocs.headers import is_unchanged
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.routes.dav import HOMES, home_address, own, path_in_home, refusing, signed_in

DAV_ROOT = "/remote.php/dav"
ALLOWED = "OPTIONS, GET, HEAD, PROPFIND, PUT, MKCOL, MOVE, COPY, DELETE"


def install(app: Starlette, side: RecordingSide) -> None:
    """Add the routes to *app*."""
    routes = _Files(side)
    for path in (*HOMES, *(home + "/{path:path}" for home in HOMES)):
        app.add_route(path, routes.options, methods=["OPTIONS"])
        app.add_route(path, routes.get, methods=["GET", "HEAD"])
        app.add_route(path, routes.propfind, methods=["PROPFIND"])
    for path in (DAV_ROOT, f"{DAV_ROOT}/"):
        app.add_route(path, routes.search, methods=["SEARCH"])
    app.add_route("/index.php/f/{file_id:int}", routes.by_id, methods=["GET"])
    app.add_route("/index.php/s/{share_token}", routes.link, methods=["GET"])
    app.add_route("/index.php/s/{share_token}/download", routes.download, methods=["GET"])


class _Files:
    def __init__(self, side: RecordingSide) -> None:
        self._side = side
        self._core = side.core

    async def options(self, _request: Request) -> Response:
        """Tell what can be done."""
        return Response(headers={"DAV": "1", "Allow": ALLOWED})

    @refusing
    async def get(self, request: Request) -> Response:
        """Send a file of the caller's own home, whole or a range of it."""
        user_id = await own(self._core, request)
        path = path_in_home(request)
        async with self._core.db.read() as session:
            entry = await files.find(session, user_id, path)
        if entry is None:
            raise Refused(404, "nothing is there")
        if entry.is_folder:
            raise Refused(405, "a folder cannot be downloaded")
        return self._content(request, entry.node, entry.name)

    @refusing
    async def propfind(self, request: Request) -> Response:
        """List what is there, and what is in it, or everything below it."""
        user_id = await own(self._core, request)
        path = path_in_home(request)
        depth = request.headers.get("depth", "1").strip().lower()
        if depth not in ("0", "1", "infinity"):
            raise Refused(400, "Depth is 0, 1 or infinity")
        try:
            body = await read_body(request, MAX_XML_BYTES)
            wanted = wanted_properties(parse(body)) if body.strip() else None
        except BadXml as error:
            raise Refused(400, str(error)) from error
        await self._side.homes.open(user_id)
        async with self._core.db.read() as session:
            entry = await files.find(session, user_id, path)
            if entry is None:
                raise Refused(404, "nothing is there")
            entries = [entry]
            if depth != "0" and entry.is_folder:
                inside = files.children if depth == "1" else files.descendants
                entries += await inside(session, user_id, path)
            entries = await files.with_sizes(session, user_id, entries)
        return self._multistatus(request, user_id, entries, wanted)

    @refusing
    async def search(self, request: Request) -> Response:
        """Find files of the caller by their properties (RFC 5323)."""
        user_id = await signed_in(self._core, request)
        try:
            search = files_search.read_search(await read_body(request, MAX_XML_BYTES))
        except BadXml as error:
            raise Refused(400, str(error)) from error
        await self._side.homes.open(user_id)
        async with self._core.db.read() as session:
            folder = await self._scope(session, user_id, search.scope)
            entries = [folder]
            if folder.is_folder and search.depth != "0":
                deep = search.depth != "1"
                inside = files.descendants if deep else files.children
                entries += await inside(session, user_id, folder.path)
            entries = await files.with_sizes(session, user_id, entries)
        return self._multistatus(request, user_id, search.results(entries), search.wanted)

    async def _scope(self, session: AsyncSession, user_id: str, address: str) -> Entry:
        """Return where to search. Some clients write the address as it is, others percent-encoded."""
        for path in dict.fromkeys((unquote(address), address)):
            plain = path.removeprefix(urlsplit(self._core.config.public_url).path).removeprefix(DAV_ROOT)
            inside = below(plain, "files", user_id)
            clean = clean_path(inside) if inside is not None else None
            entry = await files.find(session, user_id, clean) if clean is not None else None
            if entry is not None:
                return entry
        raise Refused(404, "the place to search is not there")

    @refusing
    async def by_id(self, request: Request) -> Response:
        """Lead the caller to a file that he may read."""
        user_id = await signed_in(self._core, request)
        async with self._core.db.read() as session:
            entry = await files.find_by_id(session, user_id, request.path_params["file_id"])
        if entry is None:
            raise Refused(404, "nothing is there")
        home = f"{self._core.config.public_url}{DAV_ROOT}/files/{quote(user_id, safe='')}"
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
        return Response(status_code=404) if node is None else self._content(request, node, node.name)

    def _multistatus(
        self, request: Request, user_id: str, entries: list[Entry], wanted: list[str] | None
    ) -> Response:
        home = home_address(self._core, request, user_id)
        return Response(multistatus(home, user_id, entries, wanted), 207, media_type=MEDIA_TYPE)

    def _content(self, request: Request, node: Node, name: str) -> Response:
        assert node.blob_id is not None
        headers = {
            **file_headers(node.id, node.etag),
            "Cache-Control": "private, no-cache",
            "Last-Modified": format_datetime(node.modified_at, usegmt=True),
        }
        if is_unchanged(request.headers, node.etag):
            return Response(status_code=304, headers=headers)
        return content_response(
            self._side.blobs,
            node.blob_id,
            request,
            size_bytes=node.size_bytes,
            etag=node.etag,
            media_type=node.media_type,
            name=name,
            headers=headers,
        )
