"""Seconds from kill -9 of the recorder, or of a capture process, until media flows into the folder again.

    .venv/bin/python -m benchmarks.recovery [--calls 1 4] [--rounds 3]

``callrec serve`` as it is, with people who publish camera and sound from this machine, too, and offer them to
whoever joins their call. In each round it is started anew; in mid-call one capture process is killed, and
some seconds later the recorder's control, with which all its children end. Media flows again with the first
packet that a new process writes, of the call that has to wait longest. What lies in between are events of
the log, of each the last one where there are several calls.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
from collections.abc import Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.chaos.kills import Killer, Victim
from tests.chaos.person import in_call
from tests.e2e.caller import API, Client, new_user
from tests.e2e.serve_process import ServeProcess, cpu_s

from callrec.recorder.folder.manifest import read_manifest
from callrec.recorder.folder.paths import SEGMENT_SUFFIX, FolderPaths
from callrec.recorder.folder.rtpdump import read_records

HUES, TONES_HZ = (40, 120, 200, 80), (440, 550, 660, 880)
VICTIMS: tuple[Victim, ...] = ("capture", "recorder")
VIDEO = 1
FLOWING_S = 4.0
"""Between the first packets and a kill: by then everything has settled."""
PATIENCE_S = 60.0
POLL_S = 0.05
MEDIA = "first packet in the folder"
PHASES = {
    "supervisor_program_ended": "the supervisor has noticed",
    "supervisor_started": "the next process is begun",
    "capture_rejoins": "control knows what to go on with",
    "capture_begins": "the capture process runs",
    "call_joined": "it has joined the call",
    "peer_answered": "it has answered the offer",
    MEDIA: MEDIA,
    "program_ready": "control takes requests",
}


@dataclass(frozen=True)
class Round:
    """What one kill came to: seconds after it by phase, and the CPU seconds of the recorder until media."""

    phases_s: Mapping[str, float]
    cpu_s: float


@dataclass(frozen=True)
class Recorded:
    """One call that is being recorded."""

    owner: Client
    token: str


async def measure(folder: Path, calls: int) -> dict[str, Round]:
    """Return what a kill of each victim came to, with so many calls."""
    serve = ServeProcess(folder / "data")
    killer = Killer(serve)
    try:
        await serve.start()
        async with AsyncExitStack() as stack:
            for number in range(calls):
                owner = await stack.enter_async_context(new_user(serve.url, f"owner{number}"))
                room = await owner.ocs("POST", f"{API}/v4/room", roomType=3, roomName="Recovery")
                hue, tone_hz = HUES[number % len(HUES)], TONES_HZ[number % len(TONES_HZ)]
                await stack.enter_async_context(in_call(owner, room["token"], hue, tone_hz))
                await _record(Recorded(owner, room["token"]))
            rounds: dict[str, Round] = {}
            for victim in VICTIMS:
                await _all_flow(serve, _recordings(serve), ())
                await asyncio.sleep(FLOWING_S)
                rounds[victim] = await _kill(serve, killer, victim)
            return rounds
    finally:
        serve.kill()


async def _record(call: Recorded) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (await call.owner.ocs("GET", f"{API}/v4/room/{call.token}"))["hasCall"]:
            await asyncio.sleep(POLL_S)
        await call.owner.ocs("POST", f"{API}/v1/recording/{call.token}", status=VIDEO)
        while (await call.owner.ocs("GET", f"{API}/v4/room/{call.token}"))["callRecording"] != VIDEO:
            await asyncio.sleep(POLL_S)


async def _kill(serve: ServeProcess, killer: Killer, victim: Victim) -> Round:
    recordings = _recordings(serve)
    hit = recordings[:1] if victim == "capture" else recordings
    known = {path for recording in hit for path in _segments(serve, recording)}
    before_s = _cpu(serve)
    since = serve.log_position()
    kill = killer.kill(victim, hit[0])
    assert kill is not None, f"{victim} runs"
    flows_s = await _all_flow(serve, hit, known)
    used_s = sum(max(0.0, now_s - before_s.get(pid, 0.0)) for pid, now_s in _cpu(serve).items())
    if victim == "recorder":
        await serve.wait_event("program_ready", since=since)
    phases = {}
    for event in serve.events("", since):
        at_s = datetime.fromisoformat(event["timestamp"]).timestamp() - kill.at_s
        if event["event"] in PHASES and event.get("recording", hit[0]) in hit:
            phases[event["event"]] = at_s
    phases[MEDIA] = flows_s - kill.at_s
    return Round(phases, used_s)


def _recordings(serve: ServeProcess) -> list[str]:
    return sorted(folder.name for folder in _home(serve).glob("[!.]*"))


async def _all_flow(serve: ServeProcess, recordings: Iterable[str], known: Collection[Path]) -> float:
    """Wait until all *recordings* have packets in files that are not *known*; return when the last began."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            begun_s = [_first_packet_s(serve, recording, known) for recording in recordings]
            flowing_s = [at_s for at_s in begun_s if at_s is not None]
            if len(flowing_s) == len(begun_s):
                return max(flowing_s)
            await asyncio.sleep(POLL_S)


def _first_packet_s(serve: ServeProcess, recording: str, known: Collection[Path]) -> float | None:
    """Return when the first packet in files that are not *known* arrived (wall time), None without one."""
    paths = FolderPaths(_home(serve) / recording)
    files = [path for path in _segments(serve, recording) if path not in known]
    moments = [record.offset_ms for path in files for record, _ in read_records(path) if not record.rtcp]
    anchor = read_manifest(paths.manifest).anchor
    return anchor.wall_s + min(moments) / 1000 if moments else None


def _segments(serve: ServeProcess, recording: str) -> list[Path]:
    return list((_home(serve) / recording / "tracks").glob(f"*/*{SEGMENT_SUFFIX}"))


def _home(serve: ServeProcess) -> Path:
    return serve.data / "recorder" / "recordings"


def _cpu(serve: ServeProcess) -> dict[int, float]:
    """Return the CPU seconds of each process of the recorder."""
    server = int(serve.events("supervisor_started", program="server")[-1]["pid"])
    return {pid: cpu_s(pid) for pid in serve.left_over() if pid != server}


def main() -> None:
    """Print a table in Markdown for each victim and number of calls."""
    parser = argparse.ArgumentParser(description="seconds from kill -9 until media flows again")
    parser.add_argument("--calls", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for calls in options.calls:
        print(
            f"{calls} calls, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before", flush=True
        )
        rounds: dict[str, list[Round]] = {}
        for _ in range(options.rounds):
            folder = Path(tempfile.mkdtemp(prefix="callrec-recovery-"))
            try:
                for victim, came_to in asyncio.run(measure(folder, calls)).items():
                    rounds.setdefault(victim, []).append(came_to)
            finally:
                shutil.rmtree(folder)
        for victim, of in rounds.items():
            print(_table(victim, of), flush=True)


def _table(victim: str, rounds: list[Round]) -> str:
    lines = [f"\n| after kill -9 of the {victim} | s, median | s, worst |\n|---|---|---|"]
    for phase, meaning in PHASES.items():
        took_s = [one.phases_s[phase] for one in rounds if phase in one.phases_s]
        if took_s:
            lines.append(f"| {meaning} | {statistics.median(took_s):.2f} | {max(took_s):.2f} |")
    used_s = [one.cpu_s for one in rounds]
    lines.append(
        f"| CPU seconds of the recorder until then | {statistics.median(used_s):.1f} | {max(used_s):.1f} |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
