"""Requests to the recording server (docs/wire.md, Recording requests)."""

import asyncio

import httpx
import structlog

from callrec.conversation.outbound.room_requests import RoomRequests
from callrec.conversation.recording_servers import RecordingServer
from callrec.wire.checksum import RECORDING_BACKEND, signed_headers
from callrec.wire.recording import Request, encode_request

ATTEMPTS = 3
TOTAL_S = 10.0
"""All attempts together, and what goes with them: a person waits for the answer."""

log = structlog.get_logger()


class RecorderAway(Exception):
    """The recording server could not be asked, or failed. ``unknown`` when it may have acted all the same."""

    def __init__(self, cause: str, *, unknown: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.unknown = unknown


def deadline_s() -> float:
    """Return when a request that begins now must be over, as time of the event loop."""
    return asyncio.get_running_loop().time() + TOTAL_S


class RecordingServerClient:
    """Sends signed requests. *public_url* is ours, as the recorder knows it."""

    def __init__(self, public_url: str) -> None:
        # The recorder's key of a recording contains these bytes: they never depend on the request at hand.
        self._backend = f"{public_url.rstrip('/')}/"
        self._requests = RoomRequests()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._requests.aclose()

    async def send(
        self,
        server: RecordingServer,
        token: str,
        request: Request,
        *,
        attempts: int = ATTEMPTS,
        until_s: float | None = None,
    ) -> int:
        """Send *request* about the room *token* and return the status of the answer (below 500).

        Connection errors, time-outs and answers of 500 and above are tried again at once, up to *attempts*
        times and until *until_s* (``deadline_s()``), of which time each attempt has an equal share.

        Raises:
            RecorderAway: no such answer came.
        """
        body = encode_request(request)
        now_s = asyncio.get_running_loop().time()
        share_s = ((deadline_s() if until_s is None else until_s) - now_s) / attempts
        unknown = False
        cause = "no attempt"
        for attempt in range(1, attempts + 1):
            try:
                async with asyncio.timeout(share_s):
                    status = await self._post(server, token, body)
            except TimeoutError:
                unknown = True
                cause = "no answer in time"
            except httpx.HTTPError as error:
                # A connection that never stood cannot have carried the request.
                unknown |= not isinstance(error, httpx.ConnectError)
                cause = f"{type(error).__name__}: {error}"
            else:
                if status < 500:
                    return status
                unknown = True
                cause = f"answered {status}"
            log.warning("recorder_away", server=server.url, room=token, attempt=attempt, cause=cause)
        raise RecorderAway(cause, unknown=unknown)

    async def _post(self, server: RecordingServer, token: str, body: bytes) -> int:
        headers = {RECORDING_BACKEND: self._backend, **signed_headers(server.secret, body)}
        return await self._requests.post(server.url, token, body, headers, verify_tls=server.verify_tls)
