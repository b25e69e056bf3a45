"""Upload links of a stock conversation server (docs/wire.md, Chunked store): it knows no film again."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

_RECORDING = "/ocs/v2.php/apps/spreed/api/v1/recording"
_DAV = "/public.php/dav"

Pieces = Callable[[Request], AsyncIterator[bytes]]


class Links:
    """Gives links when ``offered``; what was put together lies in ``files``."""

    def __init__(self, folder: Path) -> None:
        self.offered = False
        self.given = 0
        self.chunks: dict[str, dict[int, Path]] = {}
        self.files: dict[str, Path] = {}
        """By link and name."""
        self._folder = folder

    def routes(self, pieces: Pieces) -> list[BaseRoute]:
        """*pieces* reads what comes."""

        async def request_upload(request: Request) -> Response:
            if not self.offered:
                return PlainTextResponse("Not Found", 404)
            self.given += 1
            name = (await request.json())["fileName"]
            data = {"token": f"link{self.given}", "password": "password", "fileName": name}
            return JSONResponse({"ocs": {"meta": {"status": "ok", "statuscode": 200}, "data": data}})

        async def make_folder(request: Request) -> Response:
            self.chunks[request.url.path] = {}
            return Response(status_code=201)

        async def put(request: Request) -> Response:
            upload, _, number = request.url.path.rpartition("/")
            path = self._folder / f"chunk-{len(list(self._folder.iterdir()))}"
            with path.open("wb") as file:
                async for piece in pieces(request):
                    file.write(piece)
            self.chunks[upload][int(number)] = path
            return Response(status_code=201)

        async def put_file(request: Request) -> Response:
            await request.body()
            return Response(status_code=201)

        async def assemble(request: Request) -> Response:
            chunks = self.chunks.pop(request.url.path.removesuffix("/.file"))
            to = unquote(request.headers["destination"].partition("/files/")[2])
            path = self._folder / f"file-{len(self.files)}"
            path.write_bytes(b"".join(chunk.read_bytes() for _, chunk in sorted(chunks.items())))
            self.files[to] = path
            return Response(status_code=201)

        return [
            Route(f"{_RECORDING}/{{token}}/request-upload", request_upload, methods=["POST"]),
            Route(f"{_DAV}/uploads/{{link}}/{{upload}}", make_folder, methods=["MKCOL"]),
            Route(f"{_DAV}/uploads/{{link}}/{{upload}}/{{number:int}}", put, methods=["PUT"]),
            Route(f"{_DAV}/uploads/{{link}}/{{upload}}/.file", assemble, methods=["MOVE"]),
            Route(f"{_DAV}/files/{{link}}/{{name}}", put_file, methods=["PUT"]),
        ]

    def finished(self, body: bytes) -> Path:
        """Return the file that a final *store* is about; it is gone from its link then."""
        name = json.loads(body)["fileName"]
        (key,) = [key for key in self.files if key.endswith(f"/{name}")]
        return self.files.pop(key)
