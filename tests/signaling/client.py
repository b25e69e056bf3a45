"""A scripted client of the signaling protocol."""

import asyncio
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BACKEND_URL = "https://cloud.example"
SECRET = "the internal secret"
PATIENCE_S = 20
"""How long is waited for what should come at once: a busy machine is no fault."""

Message = dict[str, Any]


def internal_params(secret: str = SECRET, random: str = "", **changes: Any) -> Message:
    random = random or secrets.token_hex(32)
    token = hmac.new(secret.encode(), random.encode(), "sha256").hexdigest()
    return {"random": random, "token": token, "backend": BACKEND_URL, **changes}


class Client:
    """One socket. Remembers the ids of its session."""

    def __init__(self, connection: ClientConnection) -> None:
        self.socket = connection
        self.id = ""
        self.resume_id = ""

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator["Client"]:
        address = urlsplit(url)
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        tcp.setblocking(False)
        await asyncio.get_running_loop().sock_connect(tcp, (address.hostname, address.port))
        async with connect(url, sock=tcp, close_timeout=0.2, max_size=1 << 22) as connection:
            yield cls(connection)

    async def send(self, kind: str, content: Any, message_id: str | None = None) -> None:
        message: Message = {"type": kind, kind: content}
        if message_id is not None:
            message["id"] = message_id
        await self.socket.send(json.dumps(message))

    async def receive(self) -> Message:
        async with asyncio.timeout(PATIENCE_S):
            message: Message = json.loads(await self.socket.recv())
        return message

    async def ask(self, kind: str, content: Any) -> Message:
        """Send with an id and return the answer, skipping what comes before it."""
        message_id = secrets.token_hex(4)
        await self.send(kind, content, message_id)
        return await self.until(lambda message: message.get("id") == message_id)

    async def until(self, wanted: Callable[[Message], bool]) -> Message:
        """Return the first message that is *wanted*, skipping others."""
        while not wanted(message := await self.receive()):
            pass
        return message

    async def waiting(self) -> list[Message]:
        """Return all that the server has queued so far: asks for nonsense, and reads up to the refusal."""
        fence = secrets.token_hex(4)
        await self.send("nonsense", {}, fence)
        messages = []
        while (message := await self.receive()).get("id") != fence:
            messages.append(message)
        return messages

    async def until_closed(self) -> list[Message]:
        """Return all messages until the server closes the socket."""
        messages = []
        try:
            while True:
                messages.append(await self.receive())
        except ConnectionClosed:
            return messages

    async def hello(self, user: str, **changes: Any) -> Message:
        auth = {
            "url": f"{BACKEND_URL}/ocs/v2.php/apps/spreed/api/v3/signaling/backend",
            "params": {"userid": user, "ticket": "good"},
        }
        return await self._hello({"version": "1.0", "auth": auth, **changes})

    async def hello_internal(
        self, params: Message | None = None, features: tuple[str, ...] = ("internal-incall",)
    ) -> Message:
        auth = {"type": "internal", "params": internal_params() if params is None else params}
        return await self._hello({"version": "1.0", "features": features, "auth": auth})

    async def resume(self, resume_id: str) -> Message:
        return await self._hello({"version": "1.0", "resumeid": resume_id})

    async def join(self, token: str, session: str = "") -> Message:
        """Join a room and skip what is told about it; return the answer."""
        answer = await self.ask("room", {"roomid": token, "sessionid": session})
        assert answer["type"] == "room", answer
        await self.waiting()
        return answer

    async def event(self, target: str, kind: str) -> Any:
        """Return the content of the next such event."""
        message = await self.until(
            lambda m: m["type"] == "event" and (m["event"]["target"], m["event"]["type"]) == (target, kind)
        )
        return message["event"][kind]

    async def participants(self) -> dict[str, Message]:
        """Return the users of the next participants update, by session id."""
        update = await self.event("participants", "update")
        return {user["sessionId"]: user for user in update["users"]}

    async def _hello(self, content: Message) -> Message:
        answer = await self.ask("hello", content)
        if answer["type"] == "hello":
            self.id = answer["hello"]["sessionid"]
            self.resume_id = answer["hello"]["resumeid"]
        return answer
