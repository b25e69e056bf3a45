"""The product as a process, and a call of two people in two browsers."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.e2e.serve_process import ServeProcess


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serve(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServeProcess]:
    """``callrec serve`` in a fresh data directory. It must end cleanly on SIGTERM and leave nobody behind."""
    process = ServeProcess(tmp_path_factory.mktemp("serve") / "data")
    try:
        await process.start()
        yield process
        assert process.stop() == 0, process.log_text()[-4000:]
        await process.nobody_left()
    finally:
        process.kill()


class Album:
    """Keeps screenshots of the story where ``CALLREC_SCREENSHOTS`` says, when it says so."""

    def __init__(self) -> None:
        folder = os.environ.get("CALLREC_SCREENSHOTS")
        self._folder = Path(folder) if folder else None

    async def keep(self, page: Page, name: str) -> None:
        """Keep what a page shows now."""
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=self._folder / f"{name}.png")

    def keep_file(self, path: Path) -> None:
        """Keep a copy of a file."""
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / path.name).write_bytes(path.read_bytes())


@pytest.fixture(scope="module")
def album() -> Album:
    """Where screenshots go."""
    return Album()
