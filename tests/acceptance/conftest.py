"""A conversation server as the acceptance scenarios find it, once for each storage."""

from collections.abc import AsyncIterator

import pytest

from callrec.conversation.outbound import outbox
from tests.conversation.storage import Storage, postgresql, s3, services, storage

from .world import World, open_world

__all__ = ["postgresql", "s3", "services", "storage"]  # fixtures


@pytest.fixture(autouse=True)
def patient_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let answers wait longer for what is sent before them: a busy machine is no reason to look too early."""
    monkeypatch.setattr(outbox, "FIRST_TRY_S", 20)


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    """A server that knows of no recording server and no standalone signaling server."""
    async with open_world(storage) as running:
        yield running


@pytest.fixture
async def mocked(world: World) -> World:
    """The same server, which has been told of both stand-ins."""
    await world.use_stand_ins()
    return world
