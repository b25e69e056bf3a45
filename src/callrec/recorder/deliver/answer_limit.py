"""A limit for answers as a whole: time-outs of a client are for each read, which a trickle never meets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

_ANSWER_BEGINS = "http11.receive_response_headers.started"
"""What httpcore tells when it has sent a request, or the far side has read enough of it."""


@asynccontextmanager
async def answer_within(seconds: float) -> AsyncIterator[dict[str, Any]]:
    """Limit the time from the end of a request to the end of the block; yields the request's extensions.

    Raises TimeoutError.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        async def trace(event: str, _info: dict[str, Any]) -> None:
            if event == _ANSWER_BEGINS:
                limit.reschedule(loop.time() + seconds)

        yield {"trace": trace}
