"""Somebody in a call who comes back whenever the server has died, as a page does, and notes what was sent."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.e2e.caller import API, IN_CALL_WITH_BOTH, Client
from tests.recorder.publisher import AUDIO_PACKETS_PER_S, PICTURES_PER_S, ClipTrack, audio_clip, video_clip

AGAIN_S = 0.3
Clips = tuple[list[bytes], list[bytes]]
"""Encoded pictures, and packets of sound."""


@dataclass
class Connection:
    """One connection to a recorder, and when each picture and each packet of sound left (wall time)."""

    peer: RTCPeerConnection
    offered_s: float = field(default_factory=time.time)
    pictures_s: list[float] = field(default_factory=list)
    sounds_s: list[float] = field(default_factory=list)

    @property
    def flowing_s(self) -> float | None:
        """When the later of both began, None as long as one has not."""
        if not self.pictures_s or not self.sounds_s:
            return None
        return max(self.pictures_s[0], self.sounds_s[0])


class _NotedTrack(ClipTrack):
    """Asked for packets only while the connection stands."""

    def __init__(self, kind: str, packets: list[bytes], interval_s: float, times_s: list[float]) -> None:
        super().__init__(kind, packets, interval_s)
        self._times_s = times_s

    async def recv(self) -> Any:
        packet = await super().recv()
        self._times_s.append(time.time())
        return packet


class Person:
    """In the call of a room until cancelled."""

    def __init__(self, client: Client, token: str, clips: Clips) -> None:
        self.connections: list[Connection] = []
        """All there have been, in the order in which they were offered."""
        self._client = client
        self._token = token
        self._clips = clips
        self._peers: dict[str, Connection] = {}
        self._socket: websockets.ClientConnection | None = None
        self._handling: asyncio.Task[None] | None = None
        """Of the newest message."""
        self._session_id: str | None = None
        """Of the room. Whoever comes back comes with it: with another one he would leave the call before."""

    async def run(self) -> None:
        """Come, and come back."""
        while True:
            try:
                await self._session()
            except _Refused:
                self._session_id = None
            except (OSError, httpx.HTTPError, websockets.WebSocketException):
                pass  # the server is dead
            await asyncio.sleep(AGAIN_S)

    async def close(self) -> None:
        """Close the connections to recorders."""
        if self._handling is not None:
            await asyncio.gather(self._handling, return_exceptions=True)
        for session_id in list(self._peers):
            await self._close(session_id)

    async def _session(self) -> None:
        ocs = self._ocs
        if self._session_id is None:
            room = await ocs("POST", f"{API}/v4/room/{self._token}/participants/active", force=True)
            self._session_id = room["sessionId"]
        settings = await ocs("GET", f"{API}/v3/signaling/settings?token={self._token}")
        address = settings["server"].replace("http", "ws", 1) + "/spreed"
        before = set(self._peers)
        async with websockets.connect(address, compression=None) as self._socket:
            auth = {
                "url": f"{self._client.http.base_url}/ocs/v2.php/apps/spreed/api/v3/signaling/backend",
                "params": settings["helloAuthParams"]["1.0"],
            }
            await self._say("hello", {"version": "1.0", "auth": auth})
            await self._say("room", {"roomid": self._token, "sessionid": self._session_id})
            async for text in self._socket:
                # Never cancelled in its middle: a connection that is half opened, or closed, leaves sockets.
                self._handling = asyncio.create_task(self._on_message(json.loads(text), before))
                await asyncio.shield(self._handling)

    async def _on_message(self, message: dict[str, Any], before: set[str]) -> None:
        """*before*: the recorder's sessions of the server that was there before."""
        if message["type"] == "error":
            raise _Refused(str(message))
        if message["type"] == "room":
            await self._ocs("POST", f"{API}/v4/call/{self._token}", flags=IN_CALL_WITH_BOTH)
        elif message["type"] == "event":
            await self._on_event(message["event"])
        elif message["type"] == "message" and message["message"]["data"]["type"] == "answer":
            await self._on_answer(message["message"])
            # The sessions of the server that died are no more.
            for session_id in before:
                await self._close(session_id)
            before.clear()

    async def _on_event(self, event: dict[str, Any]) -> None:
        for session_id in event.get("leave") or []:
            await self._close(session_id)
        for entry in (event.get("update") or {}).get("users", []):
            if entry.get("internal") and entry["sessionId"] not in self._peers:
                await self._offer(entry["sessionId"])

    async def _on_answer(self, message: dict[str, Any]) -> None:
        connection = self._peers.get(message["sender"]["sessionid"])
        if connection is not None:
            sdp = message["data"]["payload"]["sdp"]
            await connection.peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def _offer(self, session_id: str) -> None:
        connection = self._peers[session_id] = Connection(RTCPeerConnection())
        self.connections.append(connection)
        video, audio = self._clips
        peer = connection.peer
        peer.addTrack(_NotedTrack("audio", audio, 1 / AUDIO_PACKETS_PER_S, connection.sounds_s))
        peer.addTrack(_NotedTrack("video", video, 1 / PICTURES_PER_S, connection.pictures_s))
        await peer.setLocalDescription(await peer.createOffer())
        payload = {"type": "offer", "sdp": peer.localDescription.sdp, "nick": "Person"}
        data = {"type": "offer", "to": session_id, "sid": "s1", "roomType": "video", "payload": payload}
        await self._say("message", {"recipient": {"type": "session", "sessionid": session_id}, "data": data})

    async def _close(self, session_id: str) -> None:
        connection = self._peers.pop(session_id, None)
        if connection is not None:
            await connection.peer.close()

    async def _say(self, kind: str, content: dict[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps({"id": kind, "type": kind, kind: content}))

    async def _ocs(self, method: str, path: str, **parameters: object) -> Any:
        """As the client's, but what a server that is just dying or starting says is no surprise."""
        try:
            return await self._client.ocs(method, path, **parameters)
        except AssertionError as error:
            raise _Refused(str(error)) from error


class _Refused(Exception):
    """Not now."""


@asynccontextmanager
async def in_call(client: Client, token: str, hue: int, tone_hz: int) -> AsyncIterator[Person]:
    """Let somebody be in the call of a room."""
    # Beside the loop: others are in their calls, and must not fall silent meanwhile.
    clips = await asyncio.to_thread(lambda: (video_clip(hue), audio_clip(tone_hz)))
    person = Person(client, token, clips)
    being = asyncio.create_task(person.run())
    try:
        yield person
        assert not being.done(), being.exception()
    finally:
        being.cancel()
        with suppress(asyncio.CancelledError):
            await being
        await person.close()
