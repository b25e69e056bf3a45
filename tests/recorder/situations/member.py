"""Somebody in a room: joins and leaves by the real API, follows signaling, and sends to whoever records."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Generic, Literal, TypeVar

import websockets

from tests.e2e.caller import API, Client
from tests.recorder.situations.sending import Connection, Sending

RoomType = Literal["video", "screen"]
_C = TypeVar("_C", bound=Connection)
_sids = itertools.count(1)


class Member(Generic[_C]):
    """One session of a user or guest. ``key`` is the participant in the recording's timeline."""

    def __init__(self, client: Client, token: str, sending: Sending, kinds: Sequence[str]) -> None:
        self.key = ""
        self.session_id = ""
        self.sends = list(kinds)
        """What the next connection sends; nothing: none is made."""
        self._client = client
        self._token = token
        self.sending = sending
        self._in_call = False
        self._connections: dict[tuple[str, RoomType], tuple[str, Any]] = {}
        """By receiving session and room type: sid and connection."""
        self._recorders: set[str] = set()
        self._by_media_server = False
        self._answered = asyncio.Condition()
        self._answers = 0
        self._stack = AsyncExitStack()
        self._offering = asyncio.Lock()
        self._handling = asyncio.Lock()
        """Held while a message is followed: cancelled in the midst of it, aioice leaves sockets open."""
        self._reading: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Join the room, by HTTP and signaling."""
        room = await self._client.ocs("POST", f"{API}/v4/room/{self._token}/participants/active")
        self.key = f"{room['actorType']}/{room['actorId']}"
        settings = await self._client.ocs("GET", f"{API}/v3/signaling/settings?token={self._token}")
        address = settings["server"].replace("http", "ws", 1) + "/spreed"
        self._socket = await self._stack.enter_async_context(websockets.connect(address, compression=None))
        backend = f"{self._client.http.base_url}/ocs/v2.php/apps/spreed/api/v3/signaling/backend"
        auth = {"url": backend, "params": settings["helloAuthParams"]["1.0"]}
        await self._say("hello", {"version": "1.0", "auth": auth})
        hello = await self._answer("hello")
        self.session_id = hello["sessionid"]
        self._by_media_server = "mcu" in hello["server"]["features"]
        await self._say("room", {"roomid": self._token, "sessionid": room["sessionId"]})
        await self._answer("room")
        self._reading = asyncio.create_task(self._read())

    async def _answer(self, kind: str) -> Any:
        async with asyncio.timeout(20):
            while (message := json.loads(await self._socket.recv()))["type"] != kind:
                assert message["type"] != "error", message
        return message[kind]

    async def call(self, flags: int) -> None:
        """Join the call, or change what is announced there."""
        method = "PUT" if self._in_call else "POST"
        self._in_call = True
        await self._client.ocs(method, f"{API}/v4/call/{self._token}", flags=flags)

    async def hang_up(self) -> None:
        """Leave the call, and stay in the room."""
        self._in_call = False
        await self._client.ocs("DELETE", f"{API}/v4/call/{self._token}")
        await self._close_all()

    async def leave(self) -> None:
        """Leave call and room."""
        await self._client.ocs("DELETE", f"{API}/v4/room/{self._token}/participants/active")
        await self.vanish()

    async def vanish(self) -> None:
        """Go without a word, as a browser that is closed."""
        if self._reading is not None:
            async with self._handling:
                self._reading.cancel()
            failed = (await asyncio.gather(self._reading, return_exceptions=True))[0]
            self._reading = None
            if isinstance(failed, Exception) and not isinstance(failed, websockets.ConnectionClosed):
                raise failed
        await self._close_all()
        await self._stack.aclose()

    async def say(self, data: dict[str, Any]) -> None:
        """Send *data* to whoever records, as clients do that say something of themselves."""
        for recorder in self._recorders:
            await self._send_to(recorder, data)

    async def share_screen(self) -> None:
        """Share a screen with whoever records."""
        receivers = {self.session_id} if self._by_media_server else self._recorders
        for receiver in list(receivers):
            await self._offer(receiver, "screen", ["video"])
        if self._by_media_server:
            await self.say({"type": "sendoffer", "roomType": "screen"})

    async def unshare_screen(self) -> None:
        """Share it no more."""
        await self.say({"type": "unshareScreen", "roomType": "screen"})
        for key in [key for key in self._connections if key[1] == "screen"]:
            await self._connections.pop(key)[1].close()

    @property
    def connection(self) -> _C:
        """The one connection for camera and microphone."""
        (found,) = (c for (_, room_type), (_, c) in self._connections.items() if room_type == "video")
        connection: _C = found
        return connection

    async def renegotiate(self) -> None:
        """Offer again on the connection that is there, and wait for the answer."""
        (key,) = (key for key in self._connections if key[1] == "video")
        sid, connection = self._connections[key]
        before = self._answers
        await self._send_offer(key, sid, await connection.offer())
        async with self._answered, asyncio.timeout(30):
            await self._answered.wait_for(lambda: self._answers > before)

    async def _read(self) -> None:
        async for text in self._socket:
            async with self._handling:
                await self._follow(json.loads(text))

    async def _follow(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        assert kind != "error", message
        if kind == "event":
            await self._on_event(message["event"])
        elif kind == "message":
            await self._on_message(message["message"]["sender"].get("sessionid"), message["message"]["data"])

    async def _on_event(self, event: dict[str, Any]) -> None:
        for session_id in event.get("leave") or []:
            self._recorders.discard(session_id)
            for key in [key for key in self._connections if key[0] == session_id]:
                await self._connections.pop(key)[1].close()
        for entry in (event.get("update") or {}).get("users") or []:
            if entry.get("internal"):
                self._recorders.add(entry["sessionId"])
        receivers = {self.session_id} if self._by_media_server else self._recorders
        for receiver in list(receivers):
            if self._in_call and self.sends and (receiver, "video") not in self._connections:
                await self._offer(receiver, "video", self.sends)

    async def _on_message(self, sender: str, data: dict[str, Any]) -> None:
        sid, connection = self._connections.get((sender, data.get("roomType", "")), ("", None))
        if connection is None:
            return
        if data["type"] == "answer" and data["sid"] == sid:
            await connection.accept(data["payload"]["sdp"])
            async with self._answered:
                self._answers += 1
                self._answered.notify_all()
        elif data["type"] == "candidate":
            await connection.candidate(data["payload"]["candidate"])

    async def _offer(self, receiver: str, room_type: RoomType, kinds: Sequence[str]) -> None:
        async with self._offering:
            connection = await self.sending.connection(kinds, room_type)
            sid = str(next(_sids))
            self._connections[receiver, room_type] = sid, connection
            await self._send_offer((receiver, room_type), sid, await connection.offer())

    async def _send_offer(self, key: tuple[str, RoomType], sid: str, sdp: str) -> None:
        receiver, room_type = key
        payload = {"type": "offer", "sdp": sdp}
        data = {"type": "offer", "to": receiver, "sid": sid, "roomType": room_type, "payload": payload}
        await self._send_to(receiver, data)

    async def _send_to(self, session_id: str, data: dict[str, Any]) -> None:
        recipient = {"type": "session", "sessionid": session_id}
        await self._say("message", {"recipient": recipient, "data": data})

    async def _say(self, kind: str, content: dict[str, Any]) -> None:
        await self._socket.send(json.dumps({"id": kind, "type": kind, kind: content}))

    async def _close_all(self) -> None:
        while self._connections:
            _, (_, connection) = self._connections.popitem()
            await connection.close()
