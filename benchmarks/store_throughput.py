"""How fast a recording is stored, beside a bare handler that only writes the body to the disk.

    .venv/bin/python -m benchmarks.store_throughput [--bytes 2000000000] [--rounds 3] [--data DIRECTORY]

The real server (its own process, SQLite, local files) parses the multipart body, hashes it, syncs the file
and commits its row; the bare Starlette handler writes and syncs. Both take the same bytes from one client,
over loopback, into the same volume. Rates are in 10^6 bytes a second, from the first byte to the answer.
Memory is resident memory (10^6 bytes) of the process that serves: before the upload, at its peak during it,
and the difference. The database is there already: a start that makes or changes its schema takes about
10 MB more, until the next start. Bars: 200 MB/s, and 80 MB with all libraries, for 2 GB.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrec.app.programs import Ready, ServerProgram, run_server, serve
from callrec.settings import ConversationSettings
from callrec.wire.checksum import signed_headers

BOUNDARY = "benchmark-boundary"
SECRET = "the recording secret"
PASSWORD = "the admin's password"
OGG = b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead" + bytes(11)
CHUNK = os.urandom(1 << 20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _real(data: Path, port: int, ready: "SimpleQueue[Ready]") -> None:
    run_server(
        ServerProgram(
            data=data,
            host="127.0.0.1",
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            settings=ConversationSettings(),
            recording_secret=SECRET,
            signaling_secret="not used",
            admin_password=PASSWORD,
            recorder_url="http://127.0.0.1:9",
            log_level="error",
            log_json=False,
            ready=ready,
        )
    )


def _bare(data: Path, port: int, ready: "SimpleQueue[Ready]") -> None:
    async def take(request: Request) -> Response:
        with (data / "bare").open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        return Response()

    async def told() -> None:
        ready.put(Ready("", admin_created=True))

    app = Starlette(routes=[Route("/", take, methods=["POST"])])
    asyncio.run(serve(app, "127.0.0.1", port, when_started=told))


def _ocs(port: int, method: str, path: str, body: Mapping[str, Any]) -> Any:
    connection = HTTPConnection("127.0.0.1", port)
    credentials = b64encode(f"admin:{PASSWORD}".encode()).decode()
    headers = {
        "OCS-APIRequest": "true",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": f"Basic {credentials}",
    }
    connection.request(method, f"/ocs/v2.php/apps/spreed/api/{path}", json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["ocs"]["data"]


def _upload(port: int, path: str, headers: Mapping[str, str], size_bytes: int, number: int) -> float:
    """Send a recording; returns the seconds from the first byte to the answer."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="owner"\r\n\r\nadmin\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{number}.ogg"\r\n\r\n'
    ).encode() + OGG
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: close",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(head) + size_bytes + len(tail)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", port)) as client:
        began_s = time.monotonic()
        client.sendall("\r\n".join([*lines, "", ""]).encode() + head)
        left = size_bytes
        while left:
            piece = memoryview(CHUNK)[: min(left, len(CHUNK))]
            client.sendall(piece)
            left -= len(piece)
        client.sendall(tail)
        answer = client.recv(4096)
        took_s = time.monotonic() - began_s
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"{path} answered {answer.decode(errors='replace')}")
    return took_s


def _memory_bytes(process: BaseProcess, name: str) -> int:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


@dataclass(frozen=True)
class Result:
    """One upload to a fresh process."""

    bytes_per_s: float
    idle_bytes: int
    peak_bytes: int

    def line(self, name: str) -> str:
        """Return one line of the table."""
        figures = (self.bytes_per_s, self.idle_bytes, self.peak_bytes, self.peak_bytes - self.idle_bytes)
        return f"{name:32}" + "".join(f"{figure / 1e6:10.0f}" for figure in figures)


def median(results: Sequence[Result]) -> Result:
    """Return the median of each figure."""
    return Result(
        statistics.median(result.bytes_per_s for result in results),
        statistics.median_low([result.idle_bytes for result in results]),
        statistics.median_low([result.peak_bytes for result in results]),
    )


def run_once(way: str, data: Path, size_bytes: int, number: int) -> Result:
    """Upload once."""
    context = multiprocessing.get_context("spawn")
    ready: SimpleQueue[Ready] = context.SimpleQueue()
    port = _free_port()
    folder = data / f"{way.partition(' ')[0]}-{number}"
    folder.mkdir()
    if way == "server":
        # Imported here: the processes import this module again, and the bare one needs no database.
        from callrec.conversation.db.address import database_url
        from callrec.conversation.db.migrate import migrate

        migrate(database_url(folder, ConversationSettings()))
    process = context.Process(target=_real if way == "server" else _bare, args=(folder, port, ready))
    process.start()
    try:
        ready.get()
        path, headers = "/", {}
        if way == "server":
            token = _ocs(port, "POST", "v4/room", {"roomType": 2, "roomName": "Benchmark"})["token"]
            path = f"/ocs/v2.php/apps/spreed/api/v1/recording/{token}/store"
            headers = {"OCS-APIRequest": "true", **signed_headers(SECRET, token.encode())}
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak counts from here
        idle_bytes = _memory_bytes(process, "VmRSS")
        took_s = _upload(port, path, headers, size_bytes, number)
        peak_bytes = _memory_bytes(process, "VmHWM")
    finally:
        process.terminate()
        process.join()
        for file in sorted(folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        folder.rmdir()
    return Result(size_bytes / took_s, idle_bytes, peak_bytes)


def main() -> None:
    """Print each round, the medians, and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=2_000_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="where to write; default: the temporary directory")
    options = parser.parse_args()
    results: dict[str, list[Result]] = {"server": [], "bare Starlette handler": []}
    print(f"{'':32}{'MB/s':>10}{'idle MB':>10}{'peak MB':>10}{'added MB':>10}")
    with tempfile.TemporaryDirectory(dir=options.data) as folder:
        for number in range(options.rounds):
            for way, had in results.items():
                had.append(run_once(way, Path(folder), options.bytes, number))
                print(had[-1].line(f"{number + 1}: {way}"), flush=True)
    for way, had in results.items():
        print(median(had).line(f"median: {way}"))
    server, bare = (median(had).bytes_per_s for had in results.values())
    print(f"The server stores at {100 * server / bare:.0f} % of the rate of the bare handler.")


if __name__ == "__main__":
    main()
