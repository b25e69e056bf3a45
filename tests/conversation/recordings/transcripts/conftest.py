"""A conversation server that is to make transcripts and summaries, and the far side that makes them."""

from collections.abc import AsyncIterator

import pytest

from tests.conversation.far_provider import FarProvider, far_provider
from tests.conversation.recording_world import World, open_world
from tests.conversation.storage import Storage

from .transcript_world import RETRIES, want


@pytest.fixture
async def far() -> AsyncIterator[FarProvider]:
    async with far_provider() as far:
        yield far


@pytest.fixture
async def world(storage: Storage, far: FarProvider) -> AsyncIterator[World]:
    async with open_world(storage, **far.settings, **RETRIES) as world:
        await want(world, transcript="yes", summary="yes")
        yield world
