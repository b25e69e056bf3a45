"""What capture costs, and what it loses, beside aiortc's own decoding receiver.

    .venv/bin/python -m benchmarks.capture [--publishers 1 4 8 16 64] [--media both sound] [--seconds 10]
                                       [--recordings 10]

A few processes publish encoded clips by loopback. One process for each recording receives them, first the
capture of a recorder (its real peers, with a stand-in for signaling), then aiortc as it is. The cost is the
CPU time of the receiving processes in the window, in percent of one core. Real time is the share of the
clips' frames that were published in the window, for aiortc: that came out of it; below 95 % the machine was
too slow, and the cost is compared with nothing. Memory is the processes' resident size at the end of the
window, and by how much it has grown since the first offer: the rest is the program, which the captures of a
recorder share. Lost is what was sent and is not in the recording folders: it has to be 0.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from tests.recorder.publisher import AUDIO_PACKETS_PER_S, CLIP_S, PICTURES_PER_S
from tests.recorder.wire import original

from benchmarks.publishers import FRAMES_PER_S, HEIGHT_PX, WIDTH_PX, Publishers, Sent, camera_clip
from callrec import logs
from callrec.recorder.call.call import TICK_S
from callrec.recorder.call.peers import Peers
from callrec.recorder.call.roster import Roster
from callrec.recorder.call.signaling import SignalingConnection
from callrec.recorder.capture import seams
from callrec.recorder.capture.log import CaptureLog
from callrec.recorder.capture.timebase import new_anchor
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader, TrackReader

SETTLE_S = 2.0
"""After the last handshake: the first keyframes are over by then."""
QUIET_LOAD = 2.0
"""Load average above which the machine has other work, and the numbers are not worth keeping."""
REAL_TIME = 0.95
MAX_SECONDS = 120
"""Sequence numbers would come round."""

Answer = Callable[[str, str], Awaitable[str]]
"""Takes who offers and the offer's SDP, returns the answer's."""


@dataclass(frozen=True)
class Cost:
    """Of a receiving process, or of several together."""

    cpu_percent: float
    memory_bytes: int
    grown_bytes: int
    frames: int
    """That came out of it in the window; 0 for capture, which decodes none."""


@dataclass(frozen=True)
class Row:
    """What was measured with one kind of receiver."""

    cost: Cost
    real_time: float
    sent: int
    lost: int


class Signaling(SignalingConnection):
    """Stands in for a signaling server: hands answers to who waits for them."""

    def __init__(self) -> None:
        self.session_id, self.features, self.resumed = "the-recorder", frozenset(), False
        self.answers: dict[str, asyncio.Future[str]] = {}

    async def send_to(self, session_id: str, data: dict[str, Any], message_id: str | None = None) -> None:
        self.answers.pop(session_id).set_result(data["payload"]["sdp"])


async def _capture(pipe: Connection, offers: list[Connection], seconds: float, root: Path) -> None:
    seams.install()
    paths = FolderPaths(root)
    paths.create()
    log, roster, signaling = CaptureLog(paths, new_anchor()), Roster(), Signaling()
    peers = Peers(log, roster, video=True)

    async def answer(session_id: str, sdp: str) -> str:
        future = signaling.answers[session_id] = asyncio.get_running_loop().create_future()
        roster.joined_room([{"sessionid": session_id, "userid": session_id}])
        roster.update([{"sessionId": session_id, "inCall": 7}])
        offer = {"type": "offer", "sdp": sdp}
        peers.on_message(session_id, {"type": "offer", "sid": "1", "roomType": "video", "payload": offer})
        answered: str = await future
        return answered

    async def duties() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await peers.tick(time.monotonic_ns() // 1_000_000)

    async with asyncio.TaskGroup() as group:
        peers.use(signaling, [], group)
        tasks = [group.create_task(duties()), group.create_task(log.run())]
        await _serve(pipe, offers, answer, seconds, lambda: 0)
        for task in tasks:
            task.cancel()
        await peers.close()
    log.close("benchmark")


async def _decode(pipe: Connection, offers: list[Connection], seconds: float, root: Path) -> None:
    peers, tasks = [], []
    frames = 0

    async def drain(track: Any) -> None:
        nonlocal frames
        while True:
            await track.recv()
            frames += 1

    async def answer(session_id: str, sdp: str) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", lambda track: tasks.append(asyncio.ensure_future(drain(track))))
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        peers.append(peer)
        return str(peer.localDescription.sdp)

    await _serve(pipe, offers, answer, seconds, lambda: frames)
    await asyncio.gather(*(peer.close() for peer in peers))
    await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    pipe: Connection, offers: list[Connection], answer: Answer, seconds: float, frames: Callable[[], int]
) -> None:
    """Answer all offers, measure when told to, and return when the publishers are done."""
    before_bytes = _memory_bytes()
    await asyncio.gather(*(_answer_all(end, answer) for end in offers))
    await asyncio.to_thread(pipe.recv)
    begin_cpu_s, begin_s, begin_frames = _cpu_s(), time.monotonic(), frames()
    await asyncio.sleep(seconds)
    cpu_percent = 100 * (_cpu_s() - begin_cpu_s) / (time.monotonic() - begin_s)
    memory_bytes = _memory_bytes()
    pipe.send(Cost(cpu_percent, memory_bytes, memory_bytes - before_bytes, frames() - begin_frames))
    await asyncio.to_thread(pipe.recv)


async def _answer_all(offers: Connection, answer: Answer) -> None:
    while (offer := await asyncio.to_thread(offers.recv)) is not None:
        offers.send(await answer(*offer))


def _memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


WAYS = {"callrec": _capture, "aiortc": _decode}


def _receiver(way: str, pipe: Connection, offers: list[Connection], seconds: float, root: Path) -> None:
    logs.configure("error", as_json=False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(WAYS[way](pipe, offers, seconds, root))


def _missing(root: Path, sent: Sent) -> int:
    """Return how many of the packets that were sent are not in the folder."""
    reader = FolderReader.at(root)
    repairs = set()
    for track in reader.tracks():
        repairs |= set(track.rtx_ssrcs)
        for record in TrackReader(reader.paths, track).poll():
            if not record.rtcp:
                (ssrc, number), _ = original(track, bytes(record.packet))
                sent.get(ssrc, set()).discard(number)
    return sum(len(numbers) for ssrc, numbers in sent.items() if ssrc not in repairs)


class Call:
    """*count* people who publish to one receiver."""

    def __init__(self, way: str, count: int, camera: list[bytes] | None, options: Any, root: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.root = root
        self.publishers = Publishers(count, options.processes, camera)
        self.pipe, theirs = context.Pipe()
        arguments = (way, theirs, self.publishers.receiver_ends, options.seconds, root)
        self.receiver = context.Process(target=_receiver, args=arguments)
        self.receiver.start()

    def close(self) -> None:
        """End the receiver, then who publishes."""
        self.pipe.send("end")
        self.receiver.join()
        self.publishers.close()


def run_once(way: str, count: int, camera: list[bytes] | None, options: Any) -> Row:
    """Let *count* people publish to each of the receivers."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.recordings) as pool:
        roots = [Path(folder) / str(number) for number in range(options.recordings)]
        calls = [Call(way, count, camera, options, root) for root in roots]
        for call in calls:
            call.publishers.wait_connected()
        time.sleep(SETTLE_S)
        for call in calls:
            call.publishers.begin_window()
            call.pipe.send("measure")
        costs: list[Cost] = [call.pipe.recv() for call in calls]
        published = list(pool.map(lambda call: call.publishers.fall_silent(), calls))
        total = sum(len(numbers) for sent, _ in published for numbers in sent.values())
        for call in calls:
            call.close()
        nominal = len(calls) * count * options.seconds * FRAMES_PER_S["both" if camera else "sound"]
        fields = ("cpu_percent", "memory_bytes", "grown_bytes", "frames")
        cost = Cost(*(sum(getattr(each, field) for each in costs) for field in fields))
        frames = sum(frames for _, frames in published) if way == "callrec" else cost.frames
        lost = 0
        if way == "callrec":
            lost = sum(_missing(call.root, sent) for call, (sent, _) in zip(calls, published, strict=True))
        return Row(cost, frames / nominal, total, lost)


def _cells(row: Row, count: int, ours: Row | None) -> tuple[str, ...]:
    cost = row.cost
    ratio = ""
    if ours is not None:
        compares = min(row.real_time, ours.real_time) >= REAL_TIME
        ratio = f"{cost.cpu_percent / ours.cost.cpu_percent:.1f}" if compares else "–"
    return (
        f"{cost.cpu_percent:.1f}",
        f"{cost.cpu_percent / count:.2f}",
        ratio,
        f"{row.real_time:.0%}",
        f"{cost.memory_bytes / 2**20:.0f}",
        f"{cost.grown_bytes / 2**20:.0f}",
        str(row.sent),
        "–" if ours else str(row.lost),
    )


def main() -> None:
    """Print a row for each way, number of publishers, and kind of media. Exit code 1: packets were lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--publishers", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--media", nargs="+", choices=["both", "sound"], default=["both", "sound"])
    parser.add_argument("--seconds", type=float, default=8, help=f"up to {MAX_SECONDS}")
    parser.add_argument("--recordings", type=int, default=1, help="at once, each with its own publishers")
    parser.add_argument("--processes", type=int, default=2, help="that publish to a recording")
    parser.add_argument("--without-aiortc", action="store_true", help="measure callrec only")
    options = parser.parse_args()
    if (
        not 0 < options.seconds <= MAX_SECONDS
        or min(*options.publishers, options.recordings, options.processes) < 1
    ):
        parser.error(f"--seconds up to {MAX_SECONDS}, at least one publisher, recording and process")
    camera = camera_clip()
    kbps = 8 * sum(map(len, camera)) / CLIP_S / 1000
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {load:.1f} before", end="")
    print(": busy, keep none of these numbers" if load >= QUIET_LOAD else "")
    print(f"both: {WIDTH_PX}x{HEIGHT_PX} VP8, {PICTURES_PER_S} pictures/s, {kbps:.0f} kbit/s, and sound")
    print(f"sound: Opus, {AUDIO_PACKETS_PER_S} packets/s")
    line = "{:5}  {:>10}  {:8}  {:>11}  {:>4}  {:>14}  {:>9}  {:>10}  {:>5}  {:>7}  {:>4}"
    heads = ("media", "publishers", "receiver", "% of a core", "each", "aiortc/callrec", "real time")
    print(line.format(*heads, "memory MiB", "grown", "sent", "lost"))
    lost = 0
    for media, count in itertools.product(options.media, options.publishers):
        clip = camera if media == "both" else None
        ours: Row | None = None
        for way in ("callrec",) if options.without_aiortc else WAYS:
            row = run_once(way, count, clip, options)
            people = count * options.recordings
            print(line.format(media, people, way, *_cells(row, people, ours)), flush=True)
            ours = ours or row
            lost += row.lost
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
