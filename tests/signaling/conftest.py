"""A signaling server on a real socket, and the conversation server it asks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from callrec.signaling.config import SignalingConfig
from callrec.signaling.server import SignalingServer

from .client import BACKEND_URL, SECRET, Client
from .conversation import Conversation

CONFIG = SignalingConfig(
    internal_secret=SECRET,
    backend_url=BACKEND_URL,
    # Long enough for a busy machine; tests of time-outs set their own.
    hello_timeout_s=10,
    anonymous_timeout_s=10,
    sweep_interval_s=0.02,
)


class House:
    """The running server: its clients, its conversation server, and its address."""

    def __init__(self, server: SignalingServer, conversation: Conversation, url: str) -> None:
        self.server = server
        self.conversation = conversation
        self.url = url
        self._stack = AsyncExitStack()

    async def connect(self) -> Client:
        """Open a socket and take its welcome."""
        client = await self._stack.enter_async_context(Client.connect(f"ws{self.url[4:]}/spreed"))
        assert (await client.receive())["type"] == "welcome"
        return client

    async def user(self, name: str, token: str = "", session: str = "") -> Client:
        """Connect as *name* (empty: a guest), and join a room when one is given."""
        client = await self.connect()
        await client.hello(name)
        if token:
            await client.join(token, session or f"nc-{name}")
        return client

    async def recorder(self, token: str = "", features: tuple[str, ...] = ("internal-incall",)) -> Client:
        """Connect as internal client, and join a room when one is given."""
        client = await self.connect()
        await client.hello_internal(features=features)
        if token:
            await client.join(token)
        return client

    async def push(self, token: str, kind: str, **content: Any) -> None:
        await self.server.push(token, {"type": kind, kind: content})

    async def close(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def running(
    config: SignalingConfig, *, conversation: Conversation | None = None, **web_options: Any
) -> AsyncIterator[House]:
    conversation = conversation or Conversation()
    server = SignalingServer(config)
    app = Starlette(routes=[Mount("/signaling", server.create_app(conversation))])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Little fits into the kernel, so that a client that does not read is soon noticed.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        web = uvicorn.Server(
            uvicorn.Config(app, lifespan="off", log_config=None, **(config.websocket_options() | web_options))
        )
        # Server.serve() looks only every 100 ms whether to stop, so its steps are done here.
        web.config.load()
        web.lifespan = web.config.lifespan_class(web.config)
        await web.startup([listening])
        house = House(server, conversation, f"http://127.0.0.1:{listening.getsockname()[1]}/signaling")
        try:
            yield house
        finally:
            await house.close()
            await server.close()
            for serving in web.servers:
                serving.close()
            await asyncio.gather(*web.server_state.tasks)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with running(CONFIG) as house:
        yield house


@pytest.fixture
async def build() -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts a house with other settings."""
    async with AsyncExitStack() as stack:

        async def start(web_options: Mapping[str, Any] = MappingProxyType({}), **settings: Any) -> House:
            return await stack.enter_async_context(running(replace(CONFIG, **settings), **web_options))

        yield start
