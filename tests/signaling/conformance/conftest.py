"""Every test of this folder runs against our signaling server and against the standalone one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .place import Place, embedded, standalone

SERVERS = [
    pytest.param(embedded, id="embedded"),
    pytest.param(standalone, id="standalone", marks=pytest.mark.hpb),
]


@pytest.fixture(params=SERVERS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A server of its own for the test. In the end nobody has heard more than the test says."""
    async with request.param(tmp_path) as place:
        yield place
        await place.settle()


@pytest.fixture(params=SERVERS)
async def impatient(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """As *place*, with short limits where they can be set."""
    limits = {"hello_timeout_s": 0.3, "anonymous_timeout_s": 0.3, "resume_timeout_s": 0.3}
    async with request.param(tmp_path, **limits) as place:
        yield place
        await place.settle()
