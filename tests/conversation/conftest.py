"""A conversation server in a folder of its own, on a real socket, and clients that speak OCS to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from callrec.conversation.core import Core
from callrec.conversation.server import Conversation, ConversationConfig
from callrec.settings import ConversationSettings
from tests.waiting import until

from .storage import Storage, postgresql, s3, services, storage

__all__ = ["postgresql", "s3", "services", "storage"]  # fixtures

ADMIN_PASSWORD = "admin-password"
RECORDING_SECRET = "a shared recording secret"
API1 = "/ocs/v2.php/apps/spreed/api/v1"
API3 = "/ocs/v2.php/apps/spreed/api/v3"
API4 = "/ocs/v2.php/apps/spreed/api/v4"


class Pushes:
    """A signaling server that keeps what it was told, and can be told to misbehave."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Mapping[str, Any]]] = []
        self.failing = False

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        """Take one room request."""
        if self.failing:
            raise ConnectionError("the signaling server is away")
        self.all.append((token, request))

    def take(self) -> list[Mapping[str, Any]]:
        """Return what came since the last time."""
        taken = [request for _, request in self.all]
        self.all.clear()
        return taken

    def take_kinds(self) -> list[str]:
        """Return the kinds of what came since the last time; messages by what they carry."""
        return [
            request["message"]["data"]["type"] if request["type"] == "message" else request["type"]
            for request in self.take()
        ]


class Client:
    """One client with a cookie jar, signed in by HTTP Basic when it has a user."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ocs(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send an OCS request with the header that says so."""
        headers = {"OCS-APIRequest": "true", **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)

    async def data(self, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        """Send an OCS request, check its HTTP status and return ``ocs.data``."""
        response = await self.ocs(method, path, **options)
        assert response.status_code == status, response.text
        return response.json()["ocs"]["data"]


class World:
    """A running server and the people who use it."""

    def __init__(self, conversation: Conversation, url: str, pushes: Pushes, stack: AsyncExitStack) -> None:
        self.conversation = conversation
        self.url = url
        self.pushes = pushes
        self._stack = stack

    @property
    def core(self) -> Core:
        """The server's shared parts."""
        return self.conversation._core

    async def client(self, user: str | None = None, password: str = "secret-password") -> Client:
        """Return a new client of *user*, or of a guest."""
        auth = (user, password) if user else None
        headers = {"Accept": "application/json"}
        http = httpx.AsyncClient(base_url=self.url, auth=auth, headers=headers, timeout=40)
        return Client(await self._stack.enter_async_context(http))

    async def admin(self) -> Client:
        """Return a client of the administrator."""
        return await self.client("admin", ADMIN_PASSWORD)

    async def user(self, user_id: str, display_name: str = "") -> Client:
        """Create a user and return a client of his."""
        new = {"userid": user_id, "password": "secret-password", "displayName": display_name}
        await (await self.admin()).data("POST", "/ocs/v2.php/cloud/users", json=new)
        return await self.client(user_id)

    async def room(self, owner: Client, kind: int = 2, name: str = "Standup") -> str:
        """Create a room and return its token."""
        room = await owner.data("POST", f"{API4}/room", json={"roomType": kind, "roomName": name}, status=201)
        return str(room["token"])

    async def join(self, client: Client, token: str) -> dict[str, Any]:
        """Join a room and return the room object."""
        room: dict[str, Any] = await client.data("POST", f"{API4}/room/{token}/participants/active")
        return room


def config_for(data: Path, web: Path, **settings: Any) -> ConversationConfig:
    """Return the configuration of a server in *data*."""
    return ConversationConfig(
        data=data,
        public_url="http://talk.example.net",
        settings=ConversationSettings(**settings),
        recording_secret=RECORDING_SECRET,
        recorder_url="http://127.0.0.1:9",
        signaling_url="http://talk.example.net/signaling",
        admin_password=ADMIN_PASSWORD,
        web=web,
    )


@asynccontextmanager
async def serving(config: ConversationConfig, port: int = 0) -> AsyncIterator[World]:
    """Run a conversation server on a real socket."""
    pushes = Pushes()
    conversation = Conversation(config, pushes)
    server = uvicorn.Server(
        uvicorn.Config(conversation.app, log_level="warning", lifespan="on", timeout_graceful_shutdown=5)
    )
    # With the protocol named, or asyncio leaves TCP_NODELAY off and every answer takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", port))
    with listener:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            try:
                await until(lambda: server.started)
                port = listener.getsockname()[1]
                async with AsyncExitStack() as clients:
                    yield World(conversation, f"http://127.0.0.1:{port}", pushes, clients)
            finally:
                conversation.release_waiting()
                server.should_exit = True


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A page's folder."""
    folder = tmp_path / "web"
    folder.mkdir()
    page = '<!doctype html><base href="/"><meta name="public-url" content="">'
    for name in ("index.html", "recording.html"):
        (folder / name).write_text(page)
    (folder / "main.js").write_text("export {};")
    return folder


@pytest.fixture
async def world(storage: Storage, web: Path) -> AsyncIterator[World]:
    """A running server with default settings."""
    storage.prepare()
    async with serving(config_for(storage.data, web, **storage.settings)) as running:
        yield running
