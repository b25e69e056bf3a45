"""The recorder's signaling client: hello as internal client, join the room, pass on what is said."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
import websockets
from websockets.asyncio.client import ClientConnection

from callrec.errors import JoinRefused
from callrec.recorder.call.order import CaptureOrder
from callrec.wire.checksum import checksum, new_random

ANSWER_TIMEOUT_S = 10.0
MAX_MESSAGE_BYTES = 4 << 20
"""Participant lists can be large."""
FINAL_CODES = frozenset(
    {
        "invalid_token",
        "invalid_client_type",
        "invalid_backend",
        "invalid_format",
        "auth_failed",
        "no_such_room",
    }
)
"""Errors that no retry mends; asking again would only lock us out (docs/wire.md, Throttling)."""
OWN_CALL_FLAGS = 1
"""In the call, sending nothing: peers expect no stream from us."""

log = structlog.get_logger()


class SignalingLost(Exception):
    """The connection is gone or was never made; connect anew."""


class NoSuchSession(SignalingLost):
    """The session to resume is over: say a full hello."""


class SignalingConnection:
    """One authenticated connection that has joined the room."""

    def __init__(self, socket: ClientConnection, hello: Mapping[str, Any], *, resumed: bool) -> None:
        self._socket = socket
        self.session_id = str(hello.get("sessionid", ""))
        self.resume_id = str(hello.get("resumeid", "")) or None
        """Secret: whoever has it can take the session over."""
        self.features = frozenset((hello.get("server") or {}).get("features") or [])
        self.resumed = resumed
        """The session is the one of the connection before: in the room, with all it subscribed to."""

    async def send(self, kind: str, content: dict[str, Any], message_id: str | None = None) -> None:
        """Send one message. Raises SignalingLost."""
        await _send(self._socket, kind, content, message_id)

    async def send_to(self, session_id: str, data: dict[str, Any], message_id: str | None = None) -> None:
        """Send *data* to another session. Raises SignalingLost."""
        recipient = {"type": "session", "sessionid": session_id}
        await self.send("message", {"recipient": recipient, "data": data}, message_id)

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the server sends until it ends. Raises SignalingLost at the end."""
        while True:
            yield await _receive(self._socket)


@asynccontextmanager
async def connect(
    order: CaptureOrder, signaling_url: str, resume_id: str | None = None
) -> AsyncIterator[SignalingConnection]:
    """Connect, say hello, join the room; say bye at the end.

    With *resume_id* the session that had it goes on, if the server still knows it.

    Raises:
        JoinRefused: the server refuses for good (secret, backend, room).
        SignalingLost: not reachable, or it went away on the way.
    """
    url = order.reach(signaling_url) + "/spreed"
    url = url.replace("http", "ws", 1)
    try:
        socket = await websockets.connect(
            url,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=20,
            ping_timeout=20,
            compression=None,
            open_timeout=10,
            ssl=_unverified() if order.skip_verify and url.startswith("wss:") else None,
        )
    except (OSError, TimeoutError, websockets.WebSocketException) as error:
        raise SignalingLost(f"{type(error).__name__}: {error}") from error
    try:
        connection = await _resume(socket, resume_id) if resume_id else None
        connection = connection or await _hello(socket, order, order.secret_for(signaling_url))
        try:
            if not connection.resumed:
                await _join(connection, order.token)
            yield connection
        finally:
            try:
                await connection.send("bye", {})
            except SignalingLost:
                log.debug("signaling_gone_before_bye")
    finally:
        await socket.close()


async def _hello(socket: ClientConnection, order: CaptureOrder, secret: str) -> SignalingConnection:
    if not secret:
        raise JoinRefused("no internal secret is configured for the signaling server that the backend names")
    random = new_random()
    params = {
        "random": random,
        "token": checksum(secret, random, b""),
        "backend": order.backend_url,
    }
    hello = {
        "version": "1.0",
        "features": ["internal-incall"],
        "auth": {"type": "internal", "params": params},
    }
    await _send(socket, "hello", hello, "hello")
    return SignalingConnection(socket, await _answer(socket, "hello", "hello"), resumed=False)


async def _resume(socket: ClientConnection, resume_id: str) -> SignalingConnection | None:
    """Take the earlier session up again. None: the server does not know it any more."""
    await _send(socket, "hello", {"version": "1.0", "resumeid": resume_id}, "resume")
    try:
        answer = await _answer(socket, "resume", "hello")
    except NoSuchSession:
        log.info("signaling_session_over")
        return None
    log.info("signaling_resumed")
    return SignalingConnection(socket, answer, resumed=True)


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _join(connection: SignalingConnection, token: str) -> None:
    # Said before and after: before, so that nobody ever takes us for a sender; after, because some servers
    # only then count us as in the call.
    in_call = {"type": "incall", "incall": {"incall": OWN_CALL_FLAGS}}
    await connection.send("internal", in_call)
    await connection.send("room", {"roomid": token}, "room")


async def _answer(socket: ClientConnection, message_id: str, kind: str) -> dict[str, Any]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                message = await _receive(socket)
                if message.get("type") == "error":
                    raise_refusal(message)
                if message.get("id") == message_id and message.get("type") == kind:
                    content: dict[str, Any] = message.get(kind, {})
                    return content
    except TimeoutError as error:
        raise SignalingLost(f"no answer to {kind} within {ANSWER_TIMEOUT_S} s") from error


def raise_refusal(message: dict[str, Any]) -> None:
    """Raise what an error message of the server means: JoinRefused for good, else SignalingLost."""
    error = message.get("error") or {}
    code, text = str(error.get("code")), str(error.get("message"))
    if code in FINAL_CODES:
        raise JoinRefused(f"signaling server says {code}: {text}")
    if code == "no_such_session":
        raise NoSuchSession(f"signaling server says {code}: {text}")
    raise SignalingLost(f"signaling server says {code}: {text}")


async def _send(socket: ClientConnection, kind: str, content: dict[str, Any], message_id: str | None) -> None:
    message: dict[str, Any] = {"type": kind, kind: content}
    if message_id:
        message["id"] = message_id
    try:
        await socket.send(json.dumps(message))
    except websockets.WebSocketException as error:
        raise SignalingLost(type(error).__name__) from error


async def _receive(socket: ClientConnection) -> dict[str, Any]:
    while True:
        try:
            text = await socket.recv()
        except websockets.WebSocketException as error:
            raise SignalingLost(type(error).__name__) from error
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            log.warning("signaling_not_json")
            continue
        if isinstance(message, dict):
            return message
