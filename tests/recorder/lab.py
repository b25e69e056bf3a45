"""The far side of a recorder: a conversation server that speaks the wire, with real signaling."""

import asyncio
import hashlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from multipart import MultipartParser, parse_options_header
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from callrec.signaling.config import SignalingConfig
from callrec.signaling.server import SignalingServer
from callrec.wire.checksum import (
    RECORDING_BACKEND,
    RECORDING_CHECKSUM,
    RECORDING_RANDOM,
    signed_headers,
    verify,
)
from callrec.wire.recording import Report, decode_report, encode_request
from callrec.wire.recording import Request as RecordingRequest
from callrec.wire.signaling import RoomAdmission, SignalingUser
from tests.conversation.standalone_server import StandaloneServer
from tests.recorder.links import Links
from tests.waiting import PATIENCE_S

SECRET = "recording-secret-of-the-lab-0123456789"
SIGNALING_SECRET = "signaling-secret-of-the-lab-0123456789"
TOKEN = "labroom1"
API = "/ocs/v2.php/apps/spreed/api"


@dataclass
class Upload:
    """One film that arrived."""

    owner: str
    file_name: str
    path: Path
    sha256: str


class Admission:
    """Lets everybody in; the call is what the lab pushes."""

    async def authenticate(self, params: Mapping[str, Any]) -> SignalingUser:
        return SignalingUser(params["userid"], params["userid"].title())

    async def authenticate_token(self, token: str) -> SignalingUser:
        return SignalingUser(token, token.title())

    async def join_room(self, token: str, user: SignalingUser, session_id: str) -> RoomAdmission:
        return RoomAdmission({"name": "Lab"}, ("publish-audio", "publish-video", "publish-screen"))

    async def leave_room(self, token: str, user: SignalingUser, session_id: str) -> None:
        return

    async def ping(self, token: str, session_ids: Sequence[str]) -> None:
        return


@dataclass
class Lab:
    """A conversation server at the far end of the wire. ``answers`` scripts its misbehaviour."""

    url: str
    folder: Path
    """Where the uploads are kept."""
    reports: list[Report] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    in_call: dict[str, int] = field(default_factory=dict)
    report_answer: Callable[[Report], int] = lambda report: 200
    settings_pages: list[Response] = field(default_factory=list)
    """What a proxy answers in the place of the next signaling settings."""
    store_answers: list[int] = field(default_factory=list)
    """Status codes for the next stores; then 200."""
    hold_store: asyncio.Event | None = None
    """While set and clear, a store waits before it is answered."""
    store_begun: asyncio.Event = field(default_factory=asyncio.Event)
    slow_bodies: int = 0
    """Of so many next films no more than a piece is read until ``read_on``."""
    read_on: asyncio.Event = field(default_factory=asyncio.Event)
    broken_off: int = 0
    """Films that did not come to their end."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    signaling_url: str = ""
    signaling_process: StandaloneServer | None = None
    recorder_signaling_url: str = ""
    """What the recorder is told instead, to have something in between."""
    push: Callable[..., Awaitable[None]] | None = None
    """Sends a room request of the conversation server to the signaling server: of the one room, or of the one
    whose token is the second argument."""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    """The rooms there are."""

    def __post_init__(self) -> None:
        self.links = Links(self.folder)

    async def wait(self, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Wait until *condition* holds; it is looked at whenever something arrives."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), seconds)

    async def set_call(self, **flags: int) -> None:
        """Say who is in the call: user id to in-call flags (0: left)."""
        self.in_call.update(flags)
        users = [
            {
                "sessionId": f"nc-{user}",
                "inCall": flag,
                "userId": user,
                "actorType": "users",
                "actorId": user,
                "displayName": user.title(),
                "participantType": 3,
            }
            for user, flag in self.in_call.items()
        ]
        assert self.push is not None
        await self.push({"type": "incall", "incall": {"incall": 7, "changed": users, "users": users}})

    async def tell_room(self, status: int) -> None:
        """Tell the room that its recording status changed."""
        assert self.push is not None
        data = {"type": "recording", "recording": {"status": status}}
        await self.push({"type": "message", "message": {"data": data}})

    async def _settings(self, request: Request) -> Response:
        if self.settings_pages:
            return self.settings_pages.pop(0)
        headers = request.headers
        if not verify(SECRET, headers.get(RECORDING_RANDOM), headers.get(RECORDING_CHECKSUM), b""):
            return ocs(None, 401)
        if request.query_params.get("token") not in self.tokens:
            return ocs(None, 404)
        return ocs(
            {
                "signalingMode": "external",
                "server": self.recorder_signaling_url or self.signaling_url,
                "stunservers": [],
            }
        )

    async def _backend(self, request: Request) -> Response:
        body = await request.body()
        headers = request.headers
        if not verify(SECRET, headers.get(RECORDING_RANDOM), headers.get(RECORDING_CHECKSUM), body):
            return ocs(None, 403)
        report = decode_report(body)
        status = self.report_answer(report)
        async with self.changed:
            self.reports.append(report)
            self.changed.notify_all()
        refusal = {"type": "error", "error": {"code": "no_such_room", "message": ""}}
        return ocs(refusal if status == 404 else None, status)

    async def _store(self, request: Request) -> Response:
        token = request.path_params["token"].encode()
        headers = request.headers
        if not verify(SECRET, headers.get(RECORDING_RANDOM), headers.get(RECORDING_CHECKSUM), token):
            return ocs(None, 401)
        if headers["content-type"] == "application/json":
            return await self._taken(await request.body())
        body = self.folder / f"body-{len(list(self.folder.iterdir()))}"
        with body.open("wb") as file:
            async for piece in self.pieces(request):
                file.write(piece)
        if self.hold_store is not None:
            await self.hold_store.wait()
        if self.store_answers:
            return ocs({"error": "scripted"}, self.store_answers.pop(0))
        _, options = parse_options_header(headers["content-type"])
        with body.open("rb") as file:
            parts = {p.name: p for p in MultipartParser(file, options["boundary"], disk_limit=1 << 40)}
            content = parts["file"].raw
            target = self.folder / parts["file"].filename
            target.write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            upload = Upload(parts["owner"].value, parts["file"].filename, target, sha256)
            for part in parts.values():
                part.close()
        return await self._note(upload)

    async def _taken(self, body: bytes) -> Response:
        """Make a recording of what came by a link."""
        message, path = json.loads(body), self.links.finished(body)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return await self._note(Upload(message["owner"], message["fileName"], path, sha256))

    async def _note(self, upload: Upload) -> Response:
        async with self.changed:
            self.uploads.append(upload)
            self.changed.notify_all()
        return ocs(None)

    async def pieces(self, request: Request) -> AsyncIterator[bytes]:
        """Yield a film, or a part of one, as it comes."""
        is_slow = self.slow_bodies > 0
        self.slow_bodies -= is_slow
        try:
            async for piece in request.stream():
                yield piece
                self.store_begun.set()
                if is_slow:
                    await self.read_on.wait()
        except ClientDisconnect:
            async with self.changed:
                self.broken_off += 1
                self.changed.notify_all()
            raise

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{API}/v3/signaling/settings", self._settings),
            Route(f"{API}/v1/recording/backend", self._backend, methods=["POST"]),
            Route(f"{API}/v1/recording/{{token}}/store", self._store, methods=["POST"]),
            *self.links.routes(self.pieces),
        ]


def ocs(data: Any, status: int = 200) -> Response:
    meta = {"status": "ok" if status < 300 else "failure", "statuscode": status, "message": ""}
    return JSONResponse({"ocs": {"meta": meta, "data": data}}, status)


@asynccontextmanager
async def running_lab() -> AsyncIterator[Lab]:
    """Run the lab with the embedded signaling server."""
    with socket.create_server(("127.0.0.1", 0)) as listening, lab_at(listening) as lab:
        signaling = SignalingServer(SignalingConfig(SIGNALING_SECRET, lab.url))
        lab.signaling_url = f"{lab.url}/signaling"

        async def push(request: Mapping[str, Any], token: str = TOKEN) -> None:
            await signaling.push(token, request)

        lab.push = push
        mount = Mount("/signaling", signaling.create_app(Admission()))
        async with serving([*lab.routes(), mount], listening):
            try:
                yield lab
            finally:
                await signaling.close()


@contextmanager
def lab_at(listening: socket.socket) -> Iterator[Lab]:
    """Yield a lab that answers at this socket; what was uploaded to it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="callrec-lab-") as folder:
        yield Lab(f"http://127.0.0.1:{listening.getsockname()[1]}", Path(folder))


@asynccontextmanager
async def serving(routes: Sequence[BaseRoute], listening: socket.socket) -> AsyncIterator[None]:
    """Serve on a socket."""
    config = uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _no_signals:
    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


@dataclass
class Control:
    """Sends signed requests to a recorder."""

    recorder_url: str
    backend_url: str

    async def send(self, request: RecordingRequest, token: str = TOKEN) -> httpx.Response:
        """Send a start or stop."""
        body = encode_request(request)
        headers = {**signed_headers(SECRET, body), RECORDING_BACKEND: f"{self.backend_url}/"}
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.post(
                f"{self.recorder_url}/api/v1/room/{token}", content=body, headers=headers
            )
