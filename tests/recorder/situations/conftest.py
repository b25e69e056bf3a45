"""One house for all situations, with embedded signaling; and one with a media server."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.serve_process import ServeProcess
from tests.recorder.situations.house import (
    Room,
    room_in,
    running_house,
    running_house_with_media_server,
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServeProcess]:
    """Conversation server, embedded signaling and recorder."""
    async with running_house(tmp_path_factory.mktemp("house")) as serve:
        yield serve


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house_with_media_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServeProcess]:
    """The same, with the real signaling server and Janus."""
    async with running_house_with_media_server(tmp_path_factory.mktemp("house")) as serve:
        yield serve


@pytest.fixture
async def room(house: ServeProcess) -> AsyncIterator[Room]:
    """A new room."""
    async with room_in(house) as room:
        yield room


@pytest.fixture
async def served_room(house_with_media_server: ServeProcess) -> AsyncIterator[Room]:
    """A new room whose media go through the media server."""
    async with room_in(house_with_media_server) as room:
        yield room
