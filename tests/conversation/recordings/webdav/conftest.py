"""A client of a home that speaks WebDAV only."""

import httpx
import pytest

from tests.conversation.recording_world import World


@pytest.fixture
async def mira(world: World) -> httpx.AsyncClient:
    client = await world.client("mira")
    del client.headers["OCS-APIRequest"]
    return client
