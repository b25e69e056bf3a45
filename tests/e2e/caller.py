"""People without browsers: they join a call by the real API, and publish clips by aiortc. Quick to start."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import websockets
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.e2e.serve_process import ADMIN_PASSWORD
from tests.recorder.publisher import PICTURES_PER_S, ClipTrack, audio_clip, video_clip

API = "/ocs/v2.php/apps/spreed/api"
PASSWORD = "password of a test user"
IN_CALL_WITH_BOTH = 7
HEADERS = {"OCS-APIRequest": "true", "Accept": "application/json"}


class Client:
    """Somebody's requests to the server."""

    def __init__(self, http: httpx.AsyncClient, user: str) -> None:
        self.user = user
        self.http = http

    async def ocs(self, method: str, path: str, **parameters: object) -> Any:
        """Send an OCS request, check that it succeeded, and return its data."""
        answer = await self.http.request(method, path, json=parameters or None, headers=HEADERS)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["ocs"]["data"]

    async def notifications(self) -> list[dict[str, Any]]:
        """Return the user's notifications about recordings."""
        listed = await self.ocs("GET", "/ocs/v2.php/apps/notifications/api/v2/notifications")
        return [one for one in listed if one["object_type"] == "recording"]

    async def file_paths(self, folder: str = "") -> list[str]:
        """Return the paths of all the user's files, by WebDAV."""
        home = f"/remote.php/dav/files/{self.user}/"
        answer = await self.http.request("PROPFIND", home + folder, headers={"Depth": "1"})
        assert answer.status_code == 207, answer.text
        hrefs = [piece.split("<")[0] for piece in answer.text.split("href>")[1::2]]
        paths = [href.split(home, 1)[1] for href in hrefs]
        found = [path for path in paths if path and not path.endswith("/")]
        for path in paths:
            if path.endswith("/") and path != folder:
                found += await self.file_paths(path)
        return found

    async def film_paths(self) -> list[str]:
        """Return the paths of the films. Nothing else is there but the speaking times of each, hidden."""
        paths = await self.file_paths()
        films = [path for path in paths if not path.rpartition("/")[2].startswith(".")]
        beside = set(paths) - set(films)
        allowed = set()
        for film in films:
            folder, slash, name = film.rpartition("/")
            allowed.add(f"{folder}{slash}.{name.rpartition('.')[0]}%20speaking%20times.json")
        assert beside <= allowed, paths
        return films


@asynccontextmanager
async def client_of(url: str, user: str, password: str = PASSWORD) -> AsyncIterator[Client]:
    """Run a client of *user*."""
    async with httpx.AsyncClient(base_url=url, auth=(user, password), timeout=30) as http:
        yield Client(http, user)


@asynccontextmanager
async def new_user(url: str, user: str) -> AsyncIterator[Client]:
    """Create a user by the provisioning API, and run a client of theirs."""
    async with client_of(url, "admin", ADMIN_PASSWORD) as admin:
        await admin.ocs(
            "POST", "/ocs/v2.php/cloud/users", userid=user, password=PASSWORD, displayName=user.title()
        )
    async with client_of(url, user) as client:
        yield client


@asynccontextmanager
async def in_call(client: Client, token: str, hue: int, tone_hz: int) -> AsyncIterator["Caller"]:
    """Let a client join room and call, publish there, and leave at the end."""
    clips = video_clip(hue), audio_clip(tone_hz)  # encoded before the server waits for anything
    room = await client.ocs("POST", f"{API}/v4/room/{token}/participants/active")
    settings = await client.ocs("GET", f"{API}/v3/signaling/settings?token={token}")
    address = settings["server"].replace("http", "ws", 1) + "/spreed"
    async with websockets.connect(address, compression=None) as socket:
        caller = Caller(socket, *clips)
        auth = {
            "url": f"{client.http.base_url}/ocs/v2.php/apps/spreed/api/v3/signaling/backend",
            "params": settings["helloAuthParams"]["1.0"],
        }
        await caller.say("hello", {"version": "1.0", "auth": auth})
        await caller.say("room", {"roomid": token, "sessionid": room["sessionId"]})
        # No TaskGroup: it would wrap what the test raises.
        reading = asyncio.create_task(caller.read())
        try:
            await asyncio.wait_for(caller.joined.wait(), 20)
            await client.ocs("POST", f"{API}/v4/call/{token}", flags=IN_CALL_WITH_BOTH)
            yield caller
        finally:
            reading.cancel()
            await caller.close()
            with suppress(asyncio.CancelledError):
                await reading


class Caller:
    """A participant who offers camera and microphone to the recorder, again whenever it comes back."""

    def __init__(self, socket: websockets.ClientConnection, video: list[bytes], audio: list[bytes]) -> None:
        self.joined = asyncio.Event()
        self._clips = video, audio
        self._socket = socket
        self._newest: ClipTrack | None = None
        self._peers: dict[str, RTCPeerConnection] = {}
        self._handling: asyncio.Task[None] | None = None
        """Of the newest message."""

    async def say(self, kind: str, content: dict[str, Any]) -> None:
        """Send one signaling message."""
        await self._socket.send(json.dumps({"id": kind, "type": kind, kind: content}))

    async def read(self) -> None:
        """Follow signaling."""
        async for text in self._socket:
            # Never cancelled in its middle: a connection that is half opened, or closed, leaves sockets.
            self._handling = asyncio.create_task(self._on_message(json.loads(text)))
            await asyncio.shield(self._handling)
        raise AssertionError("the signaling server has hung up")

    async def _on_message(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "room":
            self.joined.set()
        elif kind == "error":
            raise AssertionError(message)
        elif kind == "event":
            for session_id in message["event"].get("leave") or []:
                await self._close(session_id)
            for entry in (message["event"].get("update") or {}).get("users", []):
                if entry.get("internal") and entry["sessionId"] not in self._peers:
                    await self._offer(entry["sessionId"])
        elif kind == "message" and message["message"]["data"]["type"] == "answer":
            peer = self._peers[message["message"]["sender"]["sessionid"]]
            sdp = message["message"]["data"]["payload"]["sdp"]
            await peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def _offer(self, session_id: str) -> None:
        peer = self._peers[session_id] = RTCPeerConnection()
        video, audio = self._clips
        self._newest = ClipTrack("video", video, 1 / PICTURES_PER_S)
        peer.addTrack(ClipTrack("audio", audio, 0.02))
        peer.addTrack(self._newest)
        await peer.setLocalDescription(await peer.createOffer())
        payload = {"type": "offer", "sdp": peer.localDescription.sdp, "nick": "Caller"}
        data = {"type": "offer", "to": session_id, "sid": "s1", "roomType": "video", "payload": payload}
        await self.say("message", {"recipient": {"type": "session", "sessionid": session_id}, "data": data})

    async def close(self) -> None:
        """Close the connections to the recorder."""
        if self._handling is not None:
            await asyncio.gather(self._handling, return_exceptions=True)
        for session_id in list(self._peers):
            await self._close(session_id)

    async def _close(self, session_id: str) -> None:
        peer = self._peers.pop(session_id, None)
        if peer is not None:
            await peer.close()

    async def goes_on(self, seconds: float) -> None:
        """Wait until the newest recorder has been sent so much more."""
        assert self._newest is not None, "a recorder is there"
        end = self._newest.sent + round(seconds * PICTURES_PER_S)
        async with asyncio.timeout(60 + seconds):
            while self._newest.sent < end:
                await asyncio.sleep(0.05)
