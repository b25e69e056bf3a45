"""What httpx has no option for: a limit for answers as a whole, and a last look before a request goes out.

Its time-outs are for each read, which a trickle never meets, and to be asked to send is not to send: first
there may be a connection to be made.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

_ANSWER_BEGINS = "http11.receive_response_headers.started"
"""What httpcore tells when it has sent a request, or the far side has read enough of it."""
_REQUEST_GOES = frozenset({"http11.send_request_headers.started", "http11.send_request_body.started"})


@asynccontextmanager
async def answer_within(seconds: float, may_go: Callable[[], None]) -> AsyncIterator[dict[str, Any]]:
    """Limit the time from the end of a request to the end of the block; yields the request's extensions.

    *may_go* is called right before anything is sent; what it raises ends the request.
    Raises TimeoutError.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        async def trace(event: str, _info: dict[str, Any]) -> None:
            if event in _REQUEST_GOES:
                may_go()
            if event == _ANSWER_BEGINS:
                limit.reschedule(loop.time() + seconds)

        yield {"trace": trace}
