"""Waiting for what tells nobody when it has happened, as files and processes of others do."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE_S = 50.0
"""For whatever must happen, on a slow and busy machine: a test that passes never waits it out.

Less than the minute after which, in many places, it would happen by itself.
"""
LOOK_EVERY_S = 0.02


async def until(
    condition: Callable[[], object], within_s: float = PATIENCE_S, *, every_s: float = LOOK_EVERY_S
) -> None:
    """Wait until *condition* holds; *every_s*: longer where looking costs something. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(every_s)


async def eventually(condition: Callable[[], Awaitable[object]], within_s: float = PATIENCE_S) -> None:
    """Wait until *condition*, which has to ask somebody, holds. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(LOOK_EVERY_S)


def wait_until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Wait, without an event loop, until *condition* holds. Raises TimeoutError."""
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError
        time.sleep(LOOK_EVERY_S)
