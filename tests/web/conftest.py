"""A browser, and servers for it to look at."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from callrec.conversation.server import Conversation, ConversationConfig
from callrec.settings import ConversationSettings
from callrec.signaling.config import SignalingConfig
from callrec.signaling.server import SignalingServer
from callrec.web import STATIC
from tests.conversation.storage import Embedded

CSP = (
    "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; img-src 'self' data: blob:; "
    "frame-ancestors 'self'"
)
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]


def free_socket() -> socket.socket:
    """A bound socket on a free port of the loopback address."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


@asynccontextmanager
async def serving(app: ASGIApp, bound: socket.socket, **options: Any) -> AsyncIterator[None]:
    """Serve *app* on *bound* until the block ends."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, **options)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    started = asyncio.create_task(wait_until(lambda: server.started))
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        assert server.started, "the server did not start"
        yield
    finally:
        started.cancel()
        server.should_exit = True
        await running


async def wait_until(condition: Callable[[], bool | Awaitable[bool]], timeout_s: float = 20) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(timeout_s):
        while True:
            holds = condition()
            if await holds if isinstance(holds, Awaitable) else holds:
                return
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium with fake devices, without a question about using them. One for all: starting costs."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_page(browser: Browser) -> AsyncIterator[Callable[[], Awaitable[Page]]]:
    """Gives pages, each of another person (own cookies).

    None may have an uncaught error or breach its policy.
    """
    problems: list[str] = []
    people: list[BrowserContext] = []

    def on_console(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            problems.append(message.text)

    async def give() -> Page:
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        people.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", on_console)
        return page

    yield give
    for context in people:
        await context.close()
    assert problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def bare_page_url() -> AsyncIterator[str]:
    """The page without a server behind it, under the policy that it lives with."""

    async def index(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": CSP})

    app = Starlette(routes=[Route("/", index), Mount("/static", StaticFiles(directory=STATIC))])
    bound = free_socket()
    async with serving(app, bound):
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


ADMIN_PASSWORD = "correct horse"
RECORDING_SECRET = "shared by the recorder"


async def _take_order(_: Request) -> Response:
    """Answer of a recorder that takes every order; what it then reports is up to the test."""
    return Response(b"{}")


@pytest.fixture
def admin_password() -> str:
    """Password of the user ``admin``."""
    return ADMIN_PASSWORD


@pytest.fixture
def recording_secret() -> str:
    """What signs the recorder's requests."""
    return RECORDING_SECRET


@pytest.fixture
def conversation_settings() -> ConversationSettings:
    """Settings of the server behind the page."""
    return ConversationSettings()


@pytest_asyncio.fixture(loop_scope="session")
async def house_url(tmp_path: Path, conversation_settings: ConversationSettings) -> AsyncIterator[str]:
    """Conversation server with embedded signaling, as one process serves them."""
    Embedded(tmp_path).prepare()
    bound = free_socket()
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    signaling_config = SignalingConfig(internal_secret="", backend_url=url)
    signaling = SignalingServer(signaling_config)
    config = ConversationConfig(
        data=tmp_path,
        public_url=url,
        settings=conversation_settings,
        recording_secret=RECORDING_SECRET,
        recorder_url=f"{url}/recorder",
        signaling_url=f"{url}/signaling",
        admin_password=ADMIN_PASSWORD,
        web=STATIC,
    )
    conversation = Conversation(config, signaling)
    conversation.app.mount("/signaling", signaling.create_app(conversation.signaling_backend))
    conversation.app.mount(
        "/recorder", Starlette(routes=[Route("/{path:path}", _take_order, methods=["POST"])])
    )
    async with serving(conversation.app, bound, **signaling_config.websocket_options()):
        yield f"{url}/"
        conversation.release_waiting()
        await signaling.close()
