"""The recording's side of a conversation server, once for each storage."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.conversation.recording_world import World, open_world
from tests.conversation.storage import Storage

from .chunked_recorder import Recorder


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as world:
        yield world


@pytest.fixture
async def mira(world: World) -> httpx.AsyncClient:
    return await world.client("mira")


@pytest.fixture
async def recorder(world: World) -> AsyncIterator[Recorder]:
    """One that uploads in chunks."""
    async with httpx.AsyncClient(base_url=world.url, timeout=30) as http:
        yield Recorder(world, http)
