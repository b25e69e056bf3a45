"""Takes the pictures of the documents: ``.venv/bin/python -m tests.e2e.pictures [DIRECTORY]``."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.e2e.known_media import Likeness
from tests.e2e.people import Someone, browser_of
from tests.e2e.serve_process import ADMIN_PASSWORD, ServeProcess

HERE = Path(__file__).parent
LOOKS = {
    "Mira": {
        "BACK_LIGHT": "#dfe8e2",
        "BACK_DARK": "#93aca4",
        "CLOTH": "#27566b",
        "SKIN": "#d9a37e",
        "HAIR": "#3a2a23",
        "TALKS_S": "[[0, 3]]",
    },
    "Zoë": {
        "BACK_LIGHT": "#f1e4d3",
        "BACK_DARK": "#c9a983",
        "CLOTH": "#7a3b3b",
        "SKIN": "#8d5a3b",
        "HAIR": "#161313",
        "TALKS_S": "[[3.5, 5], [6, 7.4]]",
    },
}
RECORDED_S = 14


def _script(name: str) -> str:
    script = (HERE / "drawn_person.js").read_text()
    for placeholder, value in LOOKS[name].items():
        script = script.replace(placeholder, value)
    return script


async def _take(directory: Path, serve: ServeProcess) -> None:
    likeness = {name: Likeness(name, (0, 0, 0), 0) for name in LOOKS}
    async with (
        async_playwright() as playwright,
        browser_of(playwright, likeness["Mira"], script=_script("Mira")) as mira,
        browser_of(playwright, likeness["Zoë"], script=_script("Zoë")) as zoe,
    ):
        await mira.page.goto(serve.url)
        await mira.page.get_by_label("User").fill("admin")
        await mira.page.get_by_label("Password").fill(ADMIN_PASSWORD)
        await mira.press("Sign in")
        await mira.page.get_by_text("Meeting room").first.click()
        await mira.press("Start call")
        await zoe.page.goto(serve.invitation())
        await zoe.page.get_by_label("Your name").fill("Zoë")
        await zoe.press("Join")
        await zoe.press("Join call")
        await mira.sees_moving(likeness["Zoë"])
        await mira.page.get_by_label("Message").fill("Shall we record this?")
        await mira.press("Send")
        await zoe.page.get_by_label("Message").fill("Yes, please.")
        await zoe.press("Send")
        await mira.sees("Yes, please.")
        await mira.press("Record video")
        await mira.sees_recording("Recording video")
        await asyncio.sleep(RECORDED_S)
        await mira.page.screenshot(path=directory / "call.png")
        await mira.press("Stop recording")
        await expect(mira.page.get_by_role("button", name="Share to chat")).to_be_visible(timeout=60_000)
        await expect(mira.page.get_by_label("Who speaks when")).to_be_visible()
        await _show_picture(mira)
        await mira.page.screenshot(path=directory / "notification.png")


async def _show_picture(person: Someone) -> None:
    """Let the player stand at a picture of the film."""
    await person.page.locator("video[controls]").first.evaluate(
        """async (media) => {
          media.muted = true;
          await media.play();
          while (media.currentTime < 3) await new Promise((resolve) => setTimeout(resolve, 50));
          media.pause();
        }"""
    )


async def main(directory: Path) -> None:
    """Take all pictures into *directory*."""
    with tempfile.TemporaryDirectory() as folder:
        serve = ServeProcess(Path(folder) / "data")
        await serve.start()
        try:
            await _take(directory, serve)
        finally:
            serve.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")))
