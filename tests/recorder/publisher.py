"""A publisher: signaling client and aiortc peer that sends clips encoded beforehand, so it costs little."""

import asyncio
import fractions
import functools
import json
import time
from contextlib import AsyncExitStack
from typing import Any

import av
import numpy as np
import websockets
from aiortc import MediaStreamTrack, RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from tests.recorder.lab import TOKEN, Lab
from tests.recorder.wire import Wire
from tests.waiting import PATIENCE_S

PICTURES_PER_S = 25
AUDIO_PACKETS_PER_S = 50
CLIP_S = 4


@functools.cache
def video_clip(hue: int) -> list[bytes]:
    """Return VP8 frames of a moving block on a colour, the first one a keyframe."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = 640, 480, "yuv420p"
    codec.bit_rate = 800_000
    codec.time_base = fractions.Fraction(1, PICTURES_PER_S)
    codec.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "g": "50"}
    frames = []
    for number in range(PICTURES_PER_S * CLIP_S):
        picture = np.full((480, 640, 3), (hue, 120, 255 - hue), np.uint8)
        left = number * 6 % 560
        picture[200:280, left : left + 80] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return frames


@functools.cache
def audio_clip(tone_hz: int) -> list[bytes]:
    """Return Opus packets of 20 ms of a tone."""
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 48000, "mono", "s16"
    codec.time_base = fractions.Fraction(1, 48000)
    samples = (0.3 * 32767 * np.sin(2 * np.pi * tone_hz * np.arange(48000 * CLIP_S) / 48000)).astype(np.int16)
    packets = []
    for begin in range(0, len(samples), 960):
        frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, begin
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


class ClipTrack(MediaStreamTrack):
    """Plays encoded packets in real time, over and over. ``sent`` counts them."""

    def __init__(self, kind: str, packets: list[bytes], interval_s: float) -> None:
        super().__init__()
        self.kind = kind
        self.sent = 0
        self.silent = False
        self._packets = packets
        self._interval_s = interval_s
        self._begun_s: float | None = None
        clock_rate = 90000 if kind == "video" else 48000
        self._time_base = fractions.Fraction(1, clock_rate)
        self._ticks = round(interval_s * clock_rate)

    async def recv(self) -> Any:
        if self._begun_s is None:
            self._begun_s = time.monotonic()
        await asyncio.sleep(max(0.0, self._begun_s + self.sent * self._interval_s - time.monotonic()))
        while self.silent:
            await asyncio.sleep(0.05)
        packet = av.Packet(self._packets[self.sent % len(self._packets)])
        packet.pts = packet.dts = self.sent * self._ticks
        packet.time_base = self._time_base
        self.sent += 1
        return packet


class Publisher:
    """A user in the room who sends microphone and camera to every internal client, or to the media server."""

    def __init__(self, lab: Lab, user: str, hue: int, tone_hz: int, *, camera: bool = True) -> None:
        self.user = user
        self.camera = camera
        """Whether the next offer has a camera."""
        self.wire: Wire | None = None
        """What lies between the next connection and the network."""
        self.by_media_server = False
        """Whether the signaling server has a media server; known when it has said hello."""
        self._lab = lab
        self._url = lab.signaling_url.replace("http", "ws", 1) + "/spreed"
        self.video = ClipTrack("video", video_clip(hue), 1 / PICTURES_PER_S)
        self.audio = ClipTrack("audio", audio_clip(tone_hz), 1 / AUDIO_PACKETS_PER_S)
        self._peers: dict[str, RTCPeerConnection] = {}
        self._stack = AsyncExitStack()
        self._reading: asyncio.Task[None] | None = None
        self._early: list[RTCIceCandidate] = []
        self.offered = asyncio.Event()
        self._handling = asyncio.Lock()
        """Held while a message is followed: cancelled in the midst of it, aioice leaves sockets open."""

    async def __aenter__(self) -> "Publisher":
        await self._join()
        return self

    async def _join(self) -> None:
        self._socket = await self._stack.enter_async_context(websockets.connect(self._url, compression=None))
        url = f"{self._lab.url}/ocs/v2.php/apps/spreed/api/v3/signaling/backend"
        await self._say("hello", {"version": "1.0", "auth": {"url": url, "params": {"userid": self.user}}})
        await self._say("room", {"roomid": TOKEN, "sessionid": f"nc-{self.user}"})
        self._joined = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        await asyncio.wait_for(self._joined.wait(), PATIENCE_S)

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    async def come_back(self) -> None:
        """Leave, and come back in a new session, as pages do that have lost their connection."""
        await self._leave()
        self._peers.clear()
        self._early.clear()
        self._stack = AsyncExitStack()
        await self._join()

    def fall_silent(self) -> None:
        """Send no more media; what was sent can still be asked for again."""
        for track in (self.audio, self.video):
            track.silent = True

    async def publish_again(self) -> None:
        """Throw the connection to the media server away and offer a new one, in the same session."""
        await self._offer(self.session_id)

    async def _leave(self) -> None:
        assert self._reading is not None
        async with self._handling:
            self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        for peer in self._peers.values():
            await peer.close()
        await self._stack.aclose()

    async def _say(self, kind: str, content: dict[str, Any]) -> None:
        await self._socket.send(json.dumps({"id": kind, "type": kind, kind: content}))

    async def _read(self) -> None:
        async for text in self._socket:
            async with self._handling:
                await self._follow(json.loads(text))

    async def _follow(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self.session_id = message["hello"]["sessionid"]
            self.by_media_server = "mcu" in message["hello"]["server"]["features"]
        elif message["type"] == "room":
            self._joined.set()
        elif message["type"] == "error":
            raise AssertionError(message)
        elif message["type"] == "event":
            update = message["event"].get("update") or {}
            for entry in update.get("users", []):
                if self._wants(entry) and entry["sessionId"] not in self._peers:
                    await self._offer(entry["sessionId"])
        elif message["type"] == "message" and message["message"]["data"]["type"] == "candidate":
            await self._candidate(message["message"])
        elif message["type"] == "message" and message["message"]["data"]["type"] == "answer":
            sdp = message["message"]["data"]["payload"]["sdp"]
            peer = self._peers.get(message["message"]["sender"]["sessionid"])
            if peer is None:
                return
            await peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
            self.offered.set()
            for early in self._early:
                await peer.addIceCandidate(early)
            self._early.clear()

    async def _candidate(self, message: dict[str, Any]) -> None:
        peer = self._peers.get(message["sender"]["sessionid"])
        found = message["data"]["payload"]["candidate"]
        text = found["candidate"].removeprefix("candidate:")
        if peer is None or not text:
            return
        candidate = candidate_from_sdp(text)
        candidate.sdpMid, candidate.sdpMLineIndex = found["sdpMid"], found["sdpMLineIndex"]
        if peer.remoteDescription is None:
            self._early.append(candidate)
        else:
            await peer.addIceCandidate(candidate)

    def _wants(self, entry: dict[str, Any]) -> bool:
        if self.by_media_server:
            return entry["sessionId"] == self.session_id and bool(entry["inCall"])
        return bool(entry.get("internal"))

    def _publishers_ended(self) -> int:
        """Return of how many publishers the signaling server has noticed that they are gone."""
        server = self._lab.signaling_process
        return server.log.count(" destroyed\n") if server is not None else 0

    async def _offer(self, session_id: str) -> None:
        for gone in self._peers.values():
            ended = self._publishers_ended()
            await gone.close()  # two senders would share the track's packets between them
            async with asyncio.timeout(30):
                # Else the server would take the offer for the old one's.
                while self.by_media_server and self._publishers_ended() == ended:
                    await asyncio.sleep(0.02)
        self._peers.clear()
        peer = self._peers[session_id] = RTCPeerConnection()
        peer.addTrack(self.audio)
        if self.camera:
            peer.addTrack(self.video)
        if self.wire is not None:
            self.wire.tap(peer)
        for transceiver in peer.getTransceivers():
            transceiver.direction = "sendonly"  # a media server takes nothing else
        await peer.setLocalDescription(await peer.createOffer())
        payload = {"type": "offer", "sdp": peer.localDescription.sdp, "nick": self.user.title()}
        data = {"type": "offer", "to": session_id, "sid": "s1", "roomType": "video", "payload": payload}
        recipient = {"type": "session", "sessionid": session_id}
        await self._say("message", {"recipient": recipient, "data": data})
