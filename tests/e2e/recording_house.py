"""A conversation server with a stock recorder, a browser for everybody, and two people in a call."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.caller import client_of
from tests.e2e.known_media import Likeness, known_person_script
from tests.e2e.people import CHROMIUM, FLAGS, Someone
from tests.e2e.serve_process import ADMIN_PASSWORD, ServeProcess
from tests.e2e.stock_recorder import StockRecorder, serving

ADA = Likeness("Admin", (40, 90, 200), 440)
ZOE = Likeness("Zoë Ödegård", (30, 150, 60), 660)
APP_CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"
KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); sockets.push(this); }
};
"""


@dataclass
class Listener:
    """What the signaling server tells a page about who is in the call, by session id; the newest counts."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)

    def listen(self, page: Page) -> None:
        """Follow the page's connections from now on."""
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))

    def internal(self) -> list[dict[str, Any]]:
        """Return the internal clients in the call."""
        return [user for user in self.users.values() if user.get("internal") and user["inCall"]]

    def _frame(self, text: str | bytes) -> None:
        event = json.loads(text).get("event", {})
        for user in event.get("update", {}).get("users", []):
            self.users[user["sessionId"]] = user
        for session in event.get("leave") or []:
            self.users.pop(session, None)


@dataclass
class House:
    """A conversation server that uses the recorder, and a browser for all pages."""

    server: ServeProcess
    recorder: StockRecorder
    browser: Browser
    problems: list[str] = field(default_factory=list)

    async def page(self, script: str = "") -> Page:
        """Return a page of a profile of its own."""
        context = await self.browser.new_context(viewport={"width": 1280, "height": 720})
        await context.add_init_script(script)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on(
            "console",
            lambda message: self.problems.append(message.text) if "Content Sec" in message.text else None,
        )
        return page


@asynccontextmanager
async def recording_house(folder: Path) -> AsyncIterator[House]:
    """Run the house in *folder*. No page may have had an uncaught error or have breached its policy."""
    server = ServeProcess(folder / "data", "server")
    try:
        await server.start()
        own = json.loads((server.data / "secrets.json").read_text())
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            pages: list[House] = []
            recorder = StockRecorder(
                secret=own["recording"],
                internal_secrets={f"{server.url}/signaling": own["signaling_internal"]},
                new_page=lambda: pages[0].page(KEEP_SOCKETS),
                film=write_film(folder / "Recording 2026-03-01 14-05-09.webm"),
            )
            house = House(server, recorder, browser)
            pages.append(house)
            async with serving(recorder):
                servers = {"servers": [{"server": recorder.url}], "secret": recorder.secret}
                await configure(server, "recording_servers", servers)
                yield house
            await browser.close()
            assert house.problems == []
        assert server.stop() == 0, server.log_text()[-4000:]
    finally:
        server.kill()


async def configure(server: ServeProcess, key: str, value: dict[str, Any]) -> None:
    async with client_of(server.url, "admin", ADMIN_PASSWORD) as admin:
        await admin.ocs("POST", f"{APP_CONFIG}/{key}", value=json.dumps(value))


def write_film(path: Path) -> Path:
    """One second of a picture that grows brighter."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(25):
            picture = av.VideoFrame.from_ndarray(np.full((180, 320, 3), number * 10, np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@dataclass
class Call:
    """Two people in a call, and what one of them hears about it."""

    ada: Someone
    zoe: Someone
    token: str
    listener: Listener


async def start_call(house: House) -> Call:
    """Have Ada make a conversation and call, and Zoë join it by the link."""
    listener = Listener()
    ada = await ada_calls(house, await house.page(known_person_script(ADA)))
    zoe = Someone(await house.page(known_person_script(ZOE)), ZOE)
    listener.listen(zoe.page)
    await zoe.page.goto(ada.page.url)
    await zoe.page.get_by_label("Your name", exact=True).fill(ZOE.name)
    await zoe.press("Join")
    await zoe.press("Join call")
    await ada.sees_moving(ZOE)
    return Call(ada, zoe, token_of(ada), listener)


def token_of(someone: Someone) -> str:
    """Return the room that the page shows."""
    return someone.page.url.rpartition("/")[2]


async def ada_calls(house: House, page: Page) -> Someone:
    """Have Ada make a conversation, and start a call in it."""
    ada = Someone(page, ADA)
    await ada.page.goto(house.server.url)
    await ada.page.get_by_label("User", exact=True).fill("admin")
    await ada.page.get_by_label("Password", exact=True).fill(ADMIN_PASSWORD)
    await ada.press("Sign in")
    await ada.press("New conversation")
    await ada.page.get_by_label("Conversation name", exact=True).fill("Standup")
    await ada.page.get_by_label("Allow guests by link").check()
    await ada.press("Create")
    await ada.press("Start call")
    return ada
