"""HTTP/1.1 that waits for nobody: a request must be there within a time, and its head small."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 20.0
"""From the connection, or the first byte of a later request, to the last byte of its body."""
MAX_HEAD_BYTES = 16 << 10


class ImpatientProtocol(H11Protocol):
    """uvicorn's protocol, with an end to clients that send a byte now and then.

    For small requests only: an upload takes longer.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        self._begin()
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.close)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


OPTIONS: dict[str, Any] = {"http": ImpatientProtocol, "h11_max_incomplete_event_size": MAX_HEAD_BYTES}
"""For ``uvicorn.Config``."""
