"""Connections of a real Chromium: what only a browser does to what it sends."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from tests.e2e.people import CHROMIUM, FLAGS

SCRIPT = Path(__file__).with_suffix(".js")
_ids = itertools.count(1)


class BrowserConnection:
    """One connection of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._id = next(_ids)
        self.restarts_ice = False
        """Whether the next offer restarts ICE."""

    async def do(self, what: str, *arguments: Any) -> Any:
        """Call a function of ``window.sending`` for this connection."""
        return await self.page.evaluate(
            "([what, ...given]) => sending[what](...given)", [what, self._id, *arguments]
        )

    async def offer(self) -> str:
        options = {"iceRestart": self.restarts_ice}
        self.restarts_ice = False
        sdp: str = await self.do("offer", options)
        return sdp

    async def accept(self, sdp: str) -> None:
        await self.do("accept", sdp)

    async def candidate(self, candidate: dict[str, Any]) -> None:
        raise AssertionError("the recorder's answers hold its candidates")

    async def close(self) -> None:
        await self.do("close")


class BrowserSending:
    """Makes connections of one page."""

    def __init__(self, page: Page, codecs: Sequence[str] = ()) -> None:
        self._page = page
        self._codecs = codecs

    def only(self, *codecs: str) -> "BrowserSending":
        """Return the like that offers only these codecs of pictures."""
        return BrowserSending(self._page, codecs)

    async def connection(self, kinds: Sequence[str], room_type: str) -> BrowserConnection:
        connection = BrowserConnection(self._page)
        await connection.do("open", list(kinds), room_type)
        if self._codecs:
            await connection.do("prefer", list(self._codecs))
        return connection


@asynccontextmanager
async def running_browser() -> AsyncIterator[BrowserSending]:
    """Run one, with one page."""
    flags = [*FLAGS, "--disable-features=WebRtcHideLocalIpsWithMdns"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            page = await browser.new_page()
            await page.evaluate(SCRIPT.read_text())
            yield BrowserSending(page)
        finally:
            await browser.close()
