"""People in real Chromium browsers, and what they do on the page."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import ConsoleMessage, Locator, Page, Playwright, expect

from tests.e2e.known_media import Likeness

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
CALL_TIMEOUT_MS = 30_000
"""Devices, ICE and DTLS take some seconds on two busy cores."""
MOVED_S = 1.0
"""A picture moves when its element has played at least this much further."""


@dataclass
class Someone:
    """A person at a page of a browser of their own. ``problems``: what the page should not have done."""

    page: Page
    likeness: Likeness
    problems: list[str] = field(default_factory=list)

    async def press(self, name: str) -> None:
        """Press the button of this name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def sees(self, text: str, *, timeout_s: float = 20) -> None:
        """Wait until the page shows *text*."""
        await expect(self.page.get_by_text(text, exact=True).first).to_be_visible(timeout=timeout_s * 1000)

    async def sees_recording(self, words: str, *, timeout_s: float = 30) -> None:
        """Wait until the state of the recording reads so."""
        state = self.page.locator(".head [role=status]")
        await expect(state).to_have_text(words, timeout=timeout_s * 1000)

    async def sees_moving(self, other: Likeness) -> None:
        """Wait until the tile of *other* shows a picture that goes on."""
        selector = f'.tile[data-name="{other.name}"] video'
        await self.page.locator(selector).wait_for(timeout=CALL_TIMEOUT_MS)
        start_s = await self.page.eval_on_selector(selector, "video => video.currentTime")
        await self.page.wait_for_function(
            "([selector, end]) => { const v = document.querySelector(selector);"
            " return v?.videoWidth > 0 && v.currentTime > end; }",
            arg=[selector, start_s + MOVED_S],
            timeout=CALL_TIMEOUT_MS,
        )


@asynccontextmanager
async def browser_of(
    playwright: Playwright,
    likeness: Likeness,
    *,
    script: str | None = None,
    camera: Path | None = None,
    microphone: Path | None = None,
) -> AsyncIterator[Someone]:
    """Run a browser for one person, with an init script or with files as devices.

    The page may have no uncaught error and breach no policy.
    """
    flags = list(FLAGS)
    if camera:
        flags.append(f"--use-file-for-fake-video-capture={camera}")
    if microphone:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}")
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    try:
        context = await browser.new_context(
            viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
        )
        if script:
            await context.add_init_script(script)
        person = Someone(await context.new_page(), likeness)

        def on_console(message: ConsoleMessage) -> None:
            if "Content Security" in message.text:
                person.problems.append(message.text)

        person.page.on("console", on_console)
        person.page.on("pageerror", lambda error: person.problems.append(str(error)))
        yield person
        assert person.problems == []
    finally:
        await browser.close()


async def plays(media: Locator, seconds: float = 1.5) -> None:
    """Play a media element; wait until it has gone on so far, and check that it has no error."""
    # Muted: there is nobody to listen, and its sound must not become part of the call.
    played = await media.evaluate(
        """async (media, seconds) => {
          media.muted = true;
          media.currentTime = 0;
          await media.play();
          const deadline = performance.now() + 15_000;
          while (media.currentTime < seconds && !media.error && performance.now() < deadline) {
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          media.pause();
          return { at: media.currentTime, error: media.error?.message ?? null, length: media.duration };
        }""",
        seconds,
    )
    assert played["error"] is None, played
    assert played["at"] >= seconds, played
