"""Latency and throughput of the conversation server's API on SQLite, beside a bare Starlette handler.

    .venv/bin/python -m benchmarks.api_latency [--requests 300] [--clients 8]

The server runs in a process of its own, as ``callrec server`` does; the client is a few lines on a socket, so
that it costs little. The last column is the CPU time of the server for each request (for start and stop: for
a whole recording with its reports). Start and stop go to a recording server that only answers 200; between
them the room's status is set back by the reports that a recorder sends, which are not counted. Bar: a median
of 5 ms for one client on a quiet machine.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from callrec.app.programs import Ready, ServerProgram, run_server
from callrec.settings import ConversationSettings
from callrec.wire.checksum import signed_headers

PASSWORD = "a password for the benchmark"
SECRET = "a secret for the benchmark"
API = "/ocs/v2.php/apps/spreed/api"
ROOMS = 20
MESSAGES = 50


@dataclass
class Client:
    """One connection that is kept."""

    port: int
    headers: str = ""
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> tuple[int, bytes]:
        """Send one request and return status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: benchmark\r\nAccept: application/json\r\n"
            f"OCS-APIRequest: true\r\nContent-Type: application/json\r\n{self.headers}{headers}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.partition("\r\ncontent-length: ")[2].partition("\r\n")[0]
        answer = await reader.readexactly(int(length)) if length else b""
        return int(head.split(" ", 2)[1]), answer

    async def data(self, method: str, path: str, body: Any = None) -> Any:
        """Send an OCS request that must work and return its data."""
        status, answer = await self.ask(method, path, b"" if body is None else json.dumps(body).encode())
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer!r}")
        return json.loads(answer)["ocs"]["data"]


def user(port: int, name: str) -> Client:
    """Return a client that is signed in by password."""
    token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    return Client(port, f"Authorization: Basic {token}\r\n")


@dataclass
class Result:
    """What one client measured, and requests (or recordings) a second of all clients together.

    ``cpu_ms`` is what the server spent for each of them, which tells more than time on a busy machine.
    """

    name: str
    times_ms: list[float]
    rate: float
    cpu_ms: float

    def line(self) -> str:
        """Return one line of the table."""
        p95 = statistics.quantiles(self.times_ms, n=20)[18]
        median = statistics.median(self.times_ms)
        return f"{self.name:34}{median:10.2f}{p95:10.2f}{self.rate:12.0f}{self.cpu_ms:10.2f}"


Step = Callable[[Client], Awaitable[float]]
"""Does one thing and returns how many seconds the measured part of it took."""


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(name: str, pid: int, steps: list[tuple[Client, Step]], requests: int) -> Result:
    """Measure one client alone, then all together; *pid* is the server's process."""
    client, step = steps[0]
    for _ in range(5):
        await step(client)
    before_s = cpu_s(pid)
    times_ms = [await step(client) * 1000 for _ in range(requests)]
    cpu_ms = (cpu_s(pid) - before_s) * 1000 / requests
    share = max(1, requests // len(steps))

    async def work(client: Client, step: Step) -> None:
        for _ in range(share):
            await step(client)

    began = time.perf_counter()
    await asyncio.gather(*(work(client, step) for client, step in steps))
    return Result(name, times_ms, share * len(steps) / (time.perf_counter() - began), cpu_ms)


def timed(method: str, path: str, body: bytes = b"", expected: int = 200) -> Step:
    """Return the step of one request."""

    async def step(client: Client) -> float:
        began = time.perf_counter()
        status, answer = await client.ask(method, path, body)
        took_s = time.perf_counter() - began
        if status != expected:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        return took_s

    return step


def recording(token: str, *, measured: str) -> Step:
    """Return the step of a whole recording, of which start or stop is *measured*."""
    path = f"{API}/v1/recording/{token}"
    actor = {"type": "users", "id": "admin"}
    started = {"type": "started", "started": {"token": token, "status": 1, "actor": actor}}
    stopped = {"type": "stopped", "stopped": {"token": token, "actor": actor}}
    start, stop = timed("POST", path, b'{"status":1}'), timed("DELETE", path)

    async def report(client: Client, message: Any) -> None:
        body = json.dumps(message).encode()
        headers = "".join(f"{k}: {v}\r\n" for k, v in signed_headers(SECRET, body).items())
        status, answer = await client.ask("POST", f"{API}/v1/recording/backend", body, headers)
        if status != 200:
            raise RuntimeError(f"report: {status} {answer!r}")

    async def step(client: Client) -> float:
        start_s = await start(client)
        await report(client, started)
        stop_s = await stop(client)
        await report(client, stopped)
        return start_s if measured == "start" else stop_s

    return step


def far_servers(ports: "SimpleQueue[int]") -> None:
    """Body of a process: the recording server that answers 200, and the bare handler."""

    async def answer(_request: Request) -> JSONResponse:
        return JSONResponse({})

    app = Starlette(routes=[Route("/bare", answer), Route("/api/v1/room/{token}", answer, methods=["POST"])])
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    ports.put(listener.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve([listener]))


async def measure_all(
    port: int, far_port: int, requests: int, clients: int, server: int, far: int
) -> list[Result]:
    """Furnish the server and measure."""
    admin = user(port, "admin")
    tokens = [
        (await admin.data("POST", f"{API}/v4/room", {"roomType": 3, "roomName": f"Room {number}"}))["token"]
        for number in range(max(ROOMS, clients))
    ]
    for token in tokens[:clients]:
        await admin.data("POST", f"{API}/v4/room/{token}/participants/active")
        await admin.data("POST", f"{API}/v4/call/{token}", {"flags": 1})
    for number in range(MESSAGES):
        await admin.data("POST", f"{API}/v1/chat/{tokens[0]}", {"message": f"Message {number}"})
    poll = f"{API}/v1/chat/{tokens[0]}?lookIntoFuture=1&timeout=0&lastKnownMessageId=999999"
    history = f"{API}/v1/chat/{tokens[0]}?lookIntoFuture=0&limit=50"

    def everybody(step: Step) -> list[tuple[Client, Step]]:
        return [(user(port, "admin"), step) for _ in range(clients)]

    def each_his_room(measured: str) -> list[tuple[Client, Step]]:
        return [(user(port, "admin"), recording(t, measured=measured)) for t in tokens[:clients]]

    def bare() -> list[tuple[Client, Step]]:
        return [(Client(far_port), timed("GET", "/bare")) for _ in range(clients)]

    few = max(20, requests // 4)
    return [
        await measure("bare Starlette handler", far, bare(), requests),
        await measure("recording: start", server, each_his_room("start"), few),
        await measure("recording: stop", server, each_his_room("stop"), few),
        await measure(
            f"room list, {len(tokens)} rooms", server, everybody(timed("GET", f"{API}/v4/room")), requests
        ),
        await measure("one room", server, everybody(timed("GET", f"{API}/v4/room/{tokens[0]}")), requests),
        await measure(
            "chat poll, nothing new", server, everybody(timed("GET", poll, expected=304)), requests
        ),
        await measure("chat, 50 messages", server, everybody(timed("GET", history)), requests),
        await measure("bare Starlette handler, again", far, bare(), requests),
    ]


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ports: SimpleQueue[int] = context.SimpleQueue()
    invitations: SimpleQueue[Ready] = context.SimpleQueue()
    far = context.Process(target=far_servers, args=(ports,), daemon=True)
    far.start()
    far_port = ports.get()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        program = ServerProgram(
            data=Path(folder),
            host="127.0.0.1",
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            settings=ConversationSettings(),
            recording_secret=SECRET,
            signaling_secret=SECRET,
            admin_password=PASSWORD,
            recorder_url=f"http://127.0.0.1:{far_port}",
            log_level="info",
            log_json=True,
            ready=invitations,
        )
        log = (Path(folder) / "log").open("wb")  # as a service manager takes it; the terminal would be slow
        server = context.Process(target=serve, args=(program, log.name))
        server.start()
        invitations.get()
        try:
            results = asyncio.run(
                measure_all(port, far_port, options.requests, options.clients, server.pid or 0, far.pid or 0)
            )
        finally:
            server.terminate()
            server.join()
            far.kill()
            log.close()
    print(f"{'':34}{'median ms':>10}{'p95 ms':>10}{'requests/s':>12}{'CPU ms':>10}")
    for result in results:
        print(result.line())


def serve(program: ServerProgram, log: str) -> None:
    """Body of the server's process."""
    sys.stderr = Path(log).open("w")  # noqa: SIM115 - as long as the process
    run_server(program)


if __name__ == "__main__":
    main()
