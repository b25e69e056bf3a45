"""Processes that publish clips by WebRTC as cheaply as Python can: encoded once, sent as they are."""

import asyncio
import fractions
import multiprocessing
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

import av
import numpy as np
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import is_rtcp
from tests.recorder.publisher import AUDIO_PACKETS_PER_S, CLIP_S, PICTURES_PER_S, ClipTrack, audio_clip

WIDTH_PX, HEIGHT_PX = 1280, 720
BIT_RATE_BPS = 1_200_000
FRAMES_PER_S = {"both": AUDIO_PACKETS_PER_S + PICTURES_PER_S, "sound": AUDIO_PACKETS_PER_S}
"""Of one publisher, by kind of media."""
LAST_PACKETS_S = 1.0
"""How long retransmissions may still come after the last packet."""

Sent = dict[int, set[int]]
"""Sequence numbers by SSRC."""


def camera_clip() -> list[bytes]:
    """Return VP8 frames like a webcam's: a noisy picture with something that moves."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    codec.bit_rate = BIT_RATE_BPS
    codec.time_base = fractions.Fraction(1, PICTURES_PER_S)
    codec.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "g": "50"}
    noise = np.random.default_rng(1)
    frames = []
    for number in range(PICTURES_PER_S * CLIP_S):
        picture = np.full((HEIGHT_PX * 3 // 2, WIDTH_PX), 128, np.uint8)
        picture[:HEIGHT_PX] = np.linspace(60, 180, WIDTH_PX) + noise.normal(0, 3, (HEIGHT_PX, WIDTH_PX))
        left = number * 8 % (WIDTH_PX - 200)
        picture[200:500, left : left + 200] = 220
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return frames


class Publishers:
    """A few processes that publish for *count* people to one receiver."""

    def __init__(self, count: int, processes: int, camera: list[bytes] | None) -> None:
        """*camera* None: sound only. ``receiver_ends`` are for the receiving process: offers come by them."""
        context = multiprocessing.get_context("spawn")
        self.receiver_ends: list[Connection] = []
        self._pipes: list[Connection] = []
        self._processes = []
        for share in range(min(count, processes)):
            offers, receiver_end = context.Pipe()
            ours, theirs = context.Pipe()
            people = range(share, count, processes)
            process = context.Process(target=_publisher, args=(theirs, offers, people, camera), daemon=True)
            process.start()
            theirs.close()
            offers.close()
            self.receiver_ends.append(receiver_end)
            self._pipes.append(ours)
            self._processes.append(process)

    def wait_connected(self) -> None:
        """Return when media of all flows."""
        for pipe in self._pipes:
            pipe.recv()

    def begin_window(self) -> None:
        """Count frames from now on."""
        for pipe in self._pipes:
            pipe.send("count")

    def fall_silent(self) -> tuple[Sent, int]:
        """Send no more; return all that was sent, retransmissions included, and the frames of the window."""
        for pipe in self._pipes:
            pipe.send("silence")
        sent: Sent = {}
        frames = 0
        for pipe in self._pipes:
            more, frames_here = pipe.recv()
            sent |= more
            frames += frames_here
        return sent, frames

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.send("end")
        for process in self._processes:
            process.join()


def _publisher(pipe: Connection, offers: Connection, people: range, camera: list[bytes] | None) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_publish(pipe, offers, people, camera))


async def _publish(pipe: Connection, offers: Connection, people: range, camera: list[bytes] | None) -> None:
    sent: Sent = {}
    peers, tracks = [], []
    for person in people:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        tracks.append(ClipTrack("audio", audio_clip(440), 1 / AUDIO_PACKETS_PER_S))
        peer.addTrack(tracks[-1])
        if camera is not None:
            tracks.append(ClipTrack("video", camera, 1 / PICTURES_PER_S))
            peer.addTrack(tracks[-1])
        for transport in {sender.transport for sender in peer.getSenders()}:
            transport._send_rtp = _noting(transport._send_rtp, sent)  # type: ignore[method-assign,assignment]
        connected = _connected(peer)
        await peer.setLocalDescription(await peer.createOffer())
        offers.send((f"person{person}", peer.localDescription.sdp))
        answer = await asyncio.to_thread(offers.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        peers.append(peer)
        await connected.wait()
    offers.send(None)
    pipe.send("connected")
    await asyncio.to_thread(pipe.recv)
    before = sum(track.sent for track in tracks)
    await asyncio.to_thread(pipe.recv)
    frames = sum(track.sent for track in tracks) - before
    for track in tracks:
        track.silent = True
    await asyncio.sleep(LAST_PACKETS_S)
    pipe.send((sent, frames))
    await asyncio.to_thread(pipe.recv)
    await asyncio.gather(*(peer.close() for peer in peers))


def _connected(peer: RTCPeerConnection) -> asyncio.Event:
    connected = asyncio.Event()

    def look() -> None:
        if peer.connectionState == "connected":
            connected.set()

    peer.on("connectionstatechange", look)
    return connected


def _noting(
    send: Callable[[bytes], Coroutine[Any, Any, None]], sent: Sent
) -> Callable[[bytes], Coroutine[Any, Any, None]]:
    async def sending(data: bytes) -> None:
        if not is_rtcp(data):
            ssrc, number = int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big")
            sent.setdefault(ssrc, set()).add(number)
        await send(data)

    return sending
