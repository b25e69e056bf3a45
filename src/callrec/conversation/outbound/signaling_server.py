"""Requests to a standalone signaling server (docs/wire.md, Room requests)."""

import asyncio
from datetime import timedelta

import httpx
import structlog

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_outbox import OutboxEntry
from callrec.conversation.outbound.courier import Outcome
from callrec.conversation.outbound.room_requests import RoomRequests
from callrec.conversation.participants import find_room
from callrec.conversation.room_state import whole_state
from callrec.wire.checksum import SIGNALING_BACKEND, signaling_headers
from callrec.wire.recording import php_json

ATTEMPT_S = 5.0
NEVER_TAKEN = frozenset({400, 411, 413})
"""Answers that the same bytes will always get."""

log = structlog.get_logger()


class SignalingCourier:
    """Carries room requests to the signaling servers of the app config."""

    expires_after = timedelta(seconds=60)
    """Clients that have waited for so long have asked by themselves, or are gone."""
    retry_max_s = 10.0

    def __init__(self, db: Database, configuration: Configuration, public_url: str) -> None:
        self._db = db
        self._configuration = configuration
        self._backend = f"{public_url.rstrip('/')}/"
        self._requests = RoomRequests()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._requests.aclose()

    async def carry(self, entry: OutboxEntry) -> Outcome:
        """Send one room request."""
        return await self._send(entry.token, entry.target, entry.body.encode())

    async def settle(self, _tx: WriteSession, entry: OutboxEntry, outcome: Outcome) -> bool:
        """A request has expired: the room's state must be told anew."""
        log.warning("signaling_push_expired", room=entry.token, server=entry.target, cause=outcome.value)
        return True

    async def catch_up(self, token: str, target: str) -> bool:
        """Tell who is in the room, and who in its call."""
        async with self._db.read() as session:
            room = await find_room(session, token)
            requests = await whole_state(session, room) if room else []
        for request in requests:
            if await self._send(token, target, php_json(request)) is Outcome.AWAY:
                return False
        return True

    async def _send(self, token: str, target: str, body: bytes) -> Outcome:
        async with self._db.read() as session:
            configured = await self._configuration.signaling_servers(session)
        server = configured.named(target)
        if server is None:
            log.warning("signaling_push_dropped", room=token, server=target, cause="not configured any more")
            return Outcome.TAKEN
        headers = {SIGNALING_BACKEND: self._backend, **signaling_headers(configured.secret, body)}
        try:
            async with asyncio.timeout(ATTEMPT_S):
                status = await self._requests.post(
                    server.url, token, body, headers, verify_tls=server.verify_tls
                )
        except TimeoutError:
            cause = "no answer in time"
        except httpx.HTTPError as error:
            cause = f"{type(error).__name__}: {error}"
        else:
            if 200 <= status < 300:
                return Outcome.TAKEN
            if status in NEVER_TAKEN:
                log.error("signaling_push_refused", room=token, server=target, answer=status)
                return Outcome.TAKEN
            cause = f"answered {status}"
        log.warning("signaling_server_away", room=token, server=target, cause=cause)
        return Outcome.AWAY
