"""A conversation server as an upload sees it; how it misbehaves is the test's choice."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.recorder.deliver.far_server import Request, response

MIB = 1 << 20
NAME = "Recording 2026-03-01 14-05-09.webm"
CONTENT = bytes(range(256)) * (10 * 1024) + b"end"  # 2.5 MiB and three bytes: three chunks of one
WHOLE = f"SHA256:{hashlib.sha256(CONTENT).hexdigest()}"
"""What ``OC-Checksum`` says of it."""


def ocs(data: Any, status: int = 200) -> bytes:
    return response(status, json.dumps({"ocs": {"meta": {"statuscode": status}, "data": data}}).encode())


@dataclass
class Cloud:
    """Takes ``CONTENT`` as a film of the name ``NAME``, by links or in one request."""

    room: str = ""
    """Stands before the tokens of its links."""
    links: int = 0
    folders: dict[str, dict[int, bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    stored: list[dict[str, Any]] = field(default_factory=list)
    directly: int = 0
    misbehave: Callable[[str, Request], bytes | str | None] = lambda kind, request: "no"
    """An answer in place of the right one, None: a reset; ``no``: behave."""
    hashes: bool = False
    """Tell the hash of a chunk that arrived, as far as it is asked for."""
    checksums: list[str] = field(default_factory=list)
    """``OC-Checksum`` of the files."""
    lose_answer: Callable[[str], bool] = lambda kind: False
    """Do what was asked, then hang up."""

    def answer(self, request: Request) -> bytes | None:
        kind = self._kind(request)
        wrong = self.misbehave(kind, request)
        if not isinstance(wrong, str):
            return wrong
        right = getattr(self, f"_{kind.replace('-', '_')}")(request)
        return None if self.lose_answer(kind) else right

    def _kind(self, request: Request) -> str:
        method, path, _ = request.line.split(" ")
        if path.endswith("/request-upload"):
            return "request-upload"
        if path.endswith("/store"):
            return "finish" if "json" in request.headers["content-type"] else "store"
        self._authorized(request)
        if method == "PUT":
            return "times" if "/dav/files/" in path else "chunk"
        return {"MKCOL": "folder", "MOVE": "assemble", "DELETE": "discard"}[method]

    def _authorized(self, request: Request) -> None:
        said = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert said == f"{self.room}link{self.links}:password"

    def _request_upload(self, request: Request) -> bytes:
        assert json.loads(request.body) == {"owner": "mira", "fileName": NAME}
        self.links += 1
        return ocs({"token": f"{self.room}link{self.links}", "password": "password", "fileName": NAME})

    def _folder(self, request: Request) -> bytes:
        path = request.line.split(" ")[1]
        if path in self.folders:
            return response(405, b"")  # RFC 4918 section 9.3.1
        self.folders[path] = {}
        return response(201, b"")

    def _chunk(self, request: Request) -> bytes:
        folder, _, number = request.line.split(" ")[1].rpartition("/")
        assert request.headers["oc-total-length"] == str(len(CONTENT))
        self.folders[folder][int(number)] = request.body
        if self.hashes and request.headers["x-hash"] == "sha256":
            return response(201, b"", **{"X-Hash-SHA256": hashlib.sha256(request.body).hexdigest()})
        return response(201, b"")

    def _assemble(self, request: Request) -> bytes:
        self.checksums.append(request.headers["oc-checksum"])
        folder = request.line.split(" ")[1].removesuffix("/.file")
        name = unquote(request.headers["destination"].rpartition("/")[2])
        self.files[name] = b"".join(data for _, data in sorted(self.folders.pop(folder).items()))
        return response(201, b"")

    def _discard(self, request: Request) -> bytes:
        del self.folders[request.line.split(" ")[1]]
        return response(204, b"")

    def _times(self, request: Request) -> bytes:
        self.files[unquote(request.line.split(" ")[1].rpartition("/")[2])] = request.body
        return response(201, b"")

    def _finish(self, request: Request) -> bytes:
        self.stored.append(json.loads(request.body))
        return ocs(None)

    def _store(self, request: Request) -> bytes:
        assert CONTENT in request.body
        self.directly += 1
        return ocs(None)
