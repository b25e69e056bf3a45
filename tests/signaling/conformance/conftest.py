"""Every test of this folder runs against our signaling server and two versions of the standalone one."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.conversation.standalone_server import VERSIONS

from .place import Place, embedded, standalone

SERVERS = [
    pytest.param(embedded, id="embedded"),
    *(
        pytest.param(partial(standalone, version=version), id=f"standalone {version}", marks=pytest.mark.hpb)
        for version in VERSIONS
    ),
]


@pytest.fixture(params=SERVERS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A server of its own for the test. In the end nobody has heard more than the test says."""
    async with request.param(tmp_path) as place:
        yield place
        await place.settle()


@pytest.fixture(params=SERVERS[:-1])  # eleven seconds for limits that are the same in both versions
async def impatient(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """As *place*, with short limits where they can be set."""
    limits = {"hello_timeout_s": 0.3, "anonymous_timeout_s": 0.3, "resume_timeout_s": 0.3}
    async with request.param(tmp_path, **limits) as place:
        yield place
        await place.settle()
