"""What capture costs beside aiortc's own decoding receiver, measured side by side.

    .venv/bin/python -m benchmarks.capture_cost [--participants 2] [--seconds 10] [--rounds 3]

Both receive the same participants (640x480 VP8 at 25 pictures a second, and Opus) from one publishing process
over loopback; a receiver's cost is the CPU time of its process in the window, in percent of one core.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from aiortc import RTCPeerConnection, RTCSessionDescription
from tests.recorder.publisher import PICTURES_PER_S, ClipTrack, audio_clip, video_clip

from callrec.recorder.call.peer import Peer
from callrec.recorder.capture import seams
from callrec.recorder.capture.log import CaptureLog
from callrec.recorder.capture.timebase import new_anchor
from callrec.recorder.folder.paths import FolderPaths

TICK_S = 0.05
SETTLE_S = 3.0
"""Handshakes and the first keyframes are over by then."""


async def _publish(pipe: Connection, participants: int) -> None:
    peers = []
    for number in range(participants):
        peer = RTCPeerConnection()
        peer.addTrack(ClipTrack("audio", audio_clip(300 + 100 * number), 0.02))
        peer.addTrack(ClipTrack("video", video_clip(40 * number), 1 / PICTURES_PER_S))
        await peer.setLocalDescription(await peer.createOffer())
        pipe.send(peer.localDescription.sdp)
        answer = await asyncio.to_thread(pipe.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        peers.append(peer)
    await asyncio.to_thread(pipe.recv)
    await asyncio.gather(*(peer.close() for peer in peers))


async def _capture(pipe: Connection, participants: int, seconds: float) -> float:
    seams.install()
    with tempfile.TemporaryDirectory() as folder:
        paths = FolderPaths(Path(folder))
        paths.create()
        log = CaptureLog(paths, new_anchor())
        peers = []
        for number in range(participants):
            offer = await asyncio.to_thread(pipe.recv)
            peer = Peer(log, [], session_id=str(number), room_type="video", sid="", on_status=_ignore)
            pipe.send(await peer.answer(offer, f"users/{number}", video=True))
            peers.append(peer)

        async def duties() -> None:
            ticks = 0
            while True:
                await asyncio.sleep(TICK_S)
                ticks += 1
                for peer in peers:
                    await peer.tick(time.monotonic_ns() // 1_000_000, second=ticks % 20 == 0)

        tasks = [asyncio.create_task(duties()), asyncio.create_task(log.run())]
        cost = await _measure(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(peer.close() for peer in peers))
        log.close("benchmark")
    return cost


async def _decode(pipe: Connection, participants: int, seconds: float) -> float:
    peers, tasks = [], []

    async def drain(track: Any) -> None:
        while True:
            await track.recv()

    for _ in range(participants):
        peer = RTCPeerConnection()
        peer.on("track", lambda track: tasks.append(asyncio.ensure_future(drain(track))))
        offer = await asyncio.to_thread(pipe.recv)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        pipe.send(peer.localDescription.sdp)
        peers.append(peer)
    cost = await _measure(seconds)
    await asyncio.gather(*(peer.close() for peer in peers))
    await asyncio.gather(*tasks, return_exceptions=True)
    return cost


async def _measure(seconds: float) -> float:
    await asyncio.sleep(SETTLE_S)
    begin_cpu_s, begin_s = _cpu_s(), time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (_cpu_s() - begin_cpu_s) / (time.monotonic() - begin_s)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _ignore(session_id: str, message: dict[str, Any]) -> None:
    return


def _publisher(pipe: Connection, participants: int) -> None:
    asyncio.run(_publish(pipe, participants))


def _receiver(way: str, pipe: Connection, results: Connection, participants: int, seconds: float) -> None:
    work = _capture if way == "capture" else _decode
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results.send(runner.run(work(pipe, participants, seconds)))


def run_once(way: str, participants: int, seconds: float) -> float:
    """Return the receiver's cost in percent of a core."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    results, result = context.Pipe(duplex=False)
    publisher = context.Process(target=_publisher, args=(ours, participants))
    receiver = context.Process(target=_receiver, args=(way, theirs, result, participants, seconds))
    publisher.start()
    receiver.start()
    cost: float = results.recv()
    receiver.join()
    theirs.send("end")
    publisher.join()
    return cost


def main() -> None:
    """Print each round and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--participants", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    costs: dict[str, list[float]] = {"capture": [], "decode": []}
    for number in range(options.rounds):
        for way, values in costs.items():
            values.append(run_once(way, options.participants, options.seconds))
        print(f"round {number + 1}: " + ", ".join(f"{w} {v[-1]:.1f} % of a core" for w, v in costs.items()))
    capture, decode = (statistics.median(costs[way]) for way in ("capture", "decode"))
    each = options.participants
    print(f"median: capture {capture:.1f} % ({capture / each:.1f} a participant), decode {decode:.1f} %")
    print(f"aiortc's decoding receiver costs {decode / capture:.1f} times as much")


if __name__ == "__main__":
    main()
