"""Where a room's pushes go: to the embedded signaling server, or by the outbox to a standalone one."""

from collections.abc import Mapping
from typing import Any

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.outbound.embedded_pushes import EmbeddedPushes
from callrec.conversation.outbound.outbox import Outbox
from callrec.conversation.outbound.room_requests import web_url
from callrec.conversation.outbound.signaling_server import SignalingCourier
from callrec.wire.recording import php_json


class SignalingOutbox:
    """Queues pushes in the transaction that makes the change. *embedded_url* is our own server's address.

    Use as an async context manager; leaving it closes the ways to both kinds of server.
    """

    def __init__(
        self,
        embedded: EmbeddedPushes,
        embedded_url: str,
        outbox: Outbox,
        configuration: Configuration,
        courier: SignalingCourier,
    ) -> None:
        self._embedded = embedded
        self._courier = courier
        self._embedded_url = web_url(embedded_url)
        self._outbox = outbox
        self._configuration = configuration

    async def __aenter__(self) -> "SignalingOutbox":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._embedded.aclose()
        await self._courier.aclose()

    async def add(
        self, tx: WriteSession, token: str, request: Mapping[str, Any], *, wait: bool = True
    ) -> None:
        """Push *request* to the room's signaling server once *tx* is committed; without one nobody is told.

        The transaction's end waits for the delivery up to 1.5 s, unless *wait* is False.
        """
        server = await self._configuration.signaling_server(tx, token)
        if server is None:
            return
        if server.url == self._embedded_url:
            self._embedded.add(tx, token, request, wait=wait)
        else:
            await self._outbox.add(tx, token, server.url, php_json(request).decode(), wait=wait)
