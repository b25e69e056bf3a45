"""Seconds from the stop to the owner's notification.

    .venv/bin/python -m benchmarks.latency [--minutes 1 10 60] [--together 1 8]

``callrec serve`` as it is, with real rooms and users. The calls are not waited for: the folder of each
recording is placed before the start as one that is being captured, whole as far as the end needs it. Four
cameras like webcams (720p VP8, 1.2 Mbit/s) and their sound lie in the log of the last half a minute; of
what was before lie the chunks, each a copy of one that was composed of the same cameras, so that the film
has its full length and size. What is composed after the stop is what is left on average when composing has
kept up: the 4 s that it stays behind, and half a chunk. The recorder rejoins the room and finds nobody there;
so it is added to the timeline that the people of the log came in again. It is told to stop as by the server,
reports, composes, joins and uploads; the owner's notifications are asked for until there is one.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
from tests.e2e.caller import API, Client, new_user
from tests.e2e.serve_process import ServeProcess

from benchmarks.call_clips import PICTURES_PER_S, clip
from benchmarks.call_folders import STARTED_MS, Call, Video, write_folder
from callrec import logs
from callrec.app.running import read as read_running
from callrec.clock import boot_id, monotonic_ns, wall_s
from callrec.recorder.compose.film import CHUNK_MS, ComposeOptions, whole_chunk
from callrec.recorder.compose.levels import HOP_MS, Levels, Piece
from callrec.recorder.compose.plan import Plan
from callrec.recorder.compose.worker import compose_once
from callrec.recorder.folder.manifest import Anchor, read_manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.timeline import Event, TimelineWriter, read_timeline
from callrec.wire.checksum import RECORDING_BACKEND, signed_headers
from callrec.wire.recording import Actor, Stop, encode_request

PEOPLE = 4
CLIP_S = 20
FPS = 25
OPTIONS = ComposeOptions(1920, 1080, FPS)
LOGGED_S = 90
"""Media in the log, …"""
BEFORE_STOP_S = 30
"""… from so long before the stop on: a machine that is late may stop later than planned."""
BEHIND_MS = 4000
"""A chunk is composed when the log is so much further: 3 s to look ahead, and what is not written yet."""
UNTIL_STOP_S = 40.0
"""From the placing of the folders to the stop: start, rejoining, and some rest."""
PATIENCE_S = 900.0
POLL_S = 0.1
"""How often all owners together ask for notifications: each time costs some ms of the cores that compose."""


@dataclass(frozen=True)
class Material:
    """What all calls are made of."""

    frames: list[bytes]
    chunk: bytes
    """A whole chunk of it, composed; the second one of a film, as the first has more levels."""
    levels: Piece
    """The levels of that chunk."""


def make_material(folder: Path) -> Material:
    """Encode the clip, and compose a chunk of it."""
    frames = clip("webcam", CLIP_S, 1)
    call = Call([[Video(frames * 2, PICTURES_PER_S)]] * PEOPLE, 2 * CLIP_S)
    write_folder(folder, call, "Film.mp4")
    compose_once(folder, OPTIONS)
    plan = Plan(folder, OPTIONS, STARTED_MS, "h264")
    levels = Levels(plan.chunks, STARTED_MS)
    _, piece = (levels.recall(whole_chunk(index, FPS)) for index in range(2))
    assert piece is not None, "it was composed"
    return Material(frames, whole_chunk(1, FPS).path(plan.chunks).read_bytes(), piece)


def place(folder: Path, material: Material, minutes: float, url: str, token: str, owner: str) -> None:
    """Place the folder of a recording that will be *minutes* long when it is stopped in ``UNTIL_STOP_S``.

    Half a chunk, and what composing stays behind, is missing then.
    """
    whole = round(minutes * 60_000 / CHUNK_MS)
    stop_ms = round(STARTED_MS + whole * CHUNK_MS + BEHIND_MS + CHUNK_MS / 2)
    frames = material.frames * (1 + LOGGED_S // CLIP_S)
    begins_ms = max(0, stop_ms - BEFORE_STOP_S * 1000)
    videos = [Video(frames[: LOGGED_S * PICTURES_PER_S], PICTURES_PER_S)]
    write_folder(folder, Call([videos] * PEOPLE, LOGGED_S, begins_ms=begins_ms), "Film.mp4")
    plan = Plan(folder, OPTIONS, STARTED_MS, "h264")
    plan.chunks.mkdir(parents=True)
    for index in range(whole):
        chunk = whole_chunk(index, FPS).path(plan.chunks)
        chunk.write_bytes(material.chunk)
        if index:
            hop = material.levels.first_hop + (index - 1) * CHUNK_MS // HOP_MS
            levels = msgspec.msgpack.encode(msgspec.structs.replace(material.levels, first_hop=hop))
            chunk.with_suffix(".levels").write_bytes(levels + zlib.crc32(levels).to_bytes(4))
    paths = FolderPaths(folder)
    at_ms = stop_ms - UNTIL_STOP_S * 1000
    anchor = Anchor(wall_s() - at_ms / 1000, monotonic_ns() - round(at_ms * 1e6), boot_id())
    manifest = msgspec.structs.replace(
        read_manifest(paths.manifest),
        recording_id=folder.name,
        backend=url,
        token=token,
        owner=owner,
        file_name=f"Recording {folder.name}.mp4",
        anchor=anchor,
        acknowledged_at=anchor.wall_s + 1,
        stop_ms=None,
        closed_at=None,
        state="capturing",
        state_at=anchor.wall_s + 1,
    )
    write_manifest(paths.manifest, manifest)


async def measure(folder: Path, material: Material, minutes: float, together: int) -> list[float]:
    """Return the seconds of each recording."""
    serve = ServeProcess(folder / "data")
    serve.environment = {
        "CALLREC_RECORDER__WIDTH_PX": str(OPTIONS.width_px),
        "CALLREC_RECORDER__HEIGHT_PX": str(OPTIONS.height_px),
        "CALLREC_RECORDER__EMPTY_TIMEOUT_S": "3600",  # the people are in the log only
        "CALLREC_RECORDER__KEEP_DELIVERED_S": "0",
    }
    try:
        await serve.start()
        async with AsyncExitStack() as stack:
            owners: dict[str, Client] = {}
            for number in range(together):
                owner = await stack.enter_async_context(new_user(serve.url, f"owner{number}"))
                room = await owner.ocs("POST", f"{API}/v4/room", roomType=3, roomName="Latency")
                owners[room["token"]] = owner
            assert serve.stop() == 0, serve.log_text()
            home = serve.data / "recorder" / "recordings"
            placing_s = time.monotonic()
            for number, (token, owner) in enumerate(owners.items()):
                place(home / f"20260301T140509-{number}", material, minutes, serve.url, token, owner.user)
            await asyncio.to_thread(os.sync)  # in a call it would long have been written
            await serve.start()
            await serve.wait_event("compose_begins", count=together)
            await asyncio.gather(*(let_in(path / "timeline.jsonl") for path in home.iterdir()))
            left_s = UNTIL_STOP_S - (time.monotonic() - placing_s)
            if left_s < 0:
                print(f"  the machine was {-left_s:.0f} s late: there was more to compose")
            await asyncio.sleep(left_s)
            return await asyncio.gather(
                *(one(serve, token, owner, POLL_S * together) for token, owner in owners.items())
            )
    finally:
        serve.kill()


async def let_in(timeline: Path) -> None:
    """Let all come in again whom the capture process did not find in the room."""
    async with asyncio.timeout(PATIENCE_S):
        while len(left := [e for e in read_timeline(timeline) if e.type == "left"]) < PEOPLE:
            await asyncio.sleep(POLL_S)
    writer = TimelineWriter(timeline)
    for event in left:
        writer.write(Event(event.ms, "joined", participant=event.participant))
    writer.close()


async def one(serve: ServeProcess, token: str, owner: Client, poll_s: float) -> float:
    """Stop a recording; return the seconds until its owner, who asks every *poll_s*, is told."""
    running = read_running(serve.data)
    secret = json.loads((serve.data / "secrets.json").read_text())["recording"]
    assert running is not None
    body = encode_request(Stop(Actor("users", owner.user)))
    headers = {**signed_headers(secret, body), RECORDING_BACKEND: f"{serve.url}/"}
    begin_s = time.monotonic()
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            f"{running.recorder_url}/api/v1/room/{token}", content=body, headers=headers
        )
    assert answer.status_code == 200, answer.text
    async with asyncio.timeout(PATIENCE_S):
        while not await owner.notifications():
            await asyncio.sleep(poll_s)  # as a page without signaling would
    return time.monotonic() - begin_s


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description="seconds from the stop to the owner's notification")
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 10, 60])
    parser.add_argument("--together", nargs="+", type=int, default=[1, 8])
    options = parser.parse_args()
    logs.configure("error", as_json=False)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before")
    print("| call | recordings that end together | s, median | s, last | load |\n|---|---|---|---|---|")
    folder = Path(tempfile.mkdtemp(prefix="callrec-latency-"))
    try:
        material = make_material(folder / "material")
        for together in options.together:
            for minutes in options.minutes:
                place_of_its_own = folder / f"{minutes}-{together}"
                place_of_its_own.mkdir()
                took_s = asyncio.run(measure(place_of_its_own, material, minutes, together))
                load = os.getloadavg()[0]
                cells = [
                    f"{minutes:g} min",
                    together,
                    f"{statistics.median(took_s):.1f}",
                    f"{max(took_s):.1f}",
                ]
                print(f"| {' | '.join(map(str, cells))} | {load:.1f} |", flush=True)
                shutil.rmtree(place_of_its_own)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
