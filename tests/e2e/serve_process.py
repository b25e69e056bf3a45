"""``callrec serve`` (or ``server``) as a real process: its address, its events, its children, its end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

CALLREC = Path(sys.executable).with_name("callrec")
ADMIN_PASSWORD = "admin password of the tests"
WIDTH_PX, HEIGHT_PX = 1280, 720
"""Size of the films: smaller than the built-in one, as two cores carry browsers, recorder and composer."""

START_TIMEOUT_S = 40
STOP_TIMEOUT_S = 40
GONE_WITHIN_S = 5
_POLL_S = 0.005

Event = Mapping[str, Any]


class ServeProcess:
    """The product in a data directory of its own. Its log is JSON, so that its events can be waited for."""

    def __init__(self, data: Path, command: str = "serve", settings: Mapping[str, str] | None = None) -> None:
        """*settings*: more of them, as environment variables."""
        self.data = data
        self._command = command
        self._log = data.with_suffix(".log")
        self._out = data.with_suffix(".out")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.environment = dict(settings or {})
        """Beside what it is given always, for the next start."""
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it and its recorder, if it has one, are ready."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CALLREC_")},
            "CALLREC_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "CALLREC_LOG_JSON": "true",
            "CALLREC_RECORDER__WIDTH_PX": str(WIDTH_PX),
            "CALLREC_RECORDER__HEIGHT_PX": str(HEIGHT_PX),
            "CALLREC_RECORDER__RETRY_FIRST_S": "0.2",
            "CALLREC_RECORDER__PORT": "0",  # many run at once, on ports that are nobody's
            **self.environment,
        }
        command = [str(CALLREC), self._command, "--data", str(self.data), "--port", str(self._port)]
        with self._log.open("wb") as log, self._out.open("wb") as out:
            # In a session of its own: Ctrl-C in pytest must not reach it before the fixture does.
            self._process = subprocess.Popen(
                command, stdout=out, stderr=log, env=environment, start_new_session=True
            )
        await self.status_answers()
        programs = 2 if self._command == "serve" else 1
        await self.wait_event("program_ready", count=programs, timeout_s=START_TIMEOUT_S)

    @property
    def pid(self) -> int:
        """Pid of the supervisor."""
        assert self._process is not None, "started"
        return self._process.pid

    async def status_answers(self) -> None:
        """Wait until ``status.php`` says that the server is installed."""
        async with httpx.AsyncClient() as client, asyncio.timeout(START_TIMEOUT_S):
            while True:
                assert self._process is not None and self._process.poll() is None, self.log_text()
                try:
                    answer = await client.get(f"{self.url}/status.php")
                    if answer.status_code == 200 and answer.json()["installed"]:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)  # nothing tells when a port begins to listen

    def output(self) -> str:
        """Return what it printed."""
        return self._out.read_text()

    def invitation(self) -> str:
        """Return the invitation link that it printed."""
        found = re.search(r"Invite people with\s+(\S+)", self.output())
        assert found, self.output()
        return found[1]

    def log_text(self) -> str:
        """Return its log so far."""
        return self._log.read_text(errors="replace")

    def events(self, name: str, since: int = 0, **values: object) -> list[Event]:
        """Return the events whose name begins so after the first *since* lines of the log."""
        found = []
        for line in self.log_text().splitlines()[since:]:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a line that is just being written, or a child's traceback
            if str(event.get("event", "")).startswith(name) and values.items() <= event.items():
                found.append(event)
        return found

    def log_position(self) -> int:
        """Return how many lines the log has, to be given as *since*."""
        return len(self.log_text().splitlines())

    async def wait_event(
        self, name: str, *, since: int = 0, count: int = 1, timeout_s: float = 60, **values: object
    ) -> Event:
        """Wait for the *count*-th event of this name with these values, and return it."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := self.events(name, since, **values)) < count:
                    await asyncio.sleep(_POLL_S)  # a file cannot be awaited
        except TimeoutError:
            raise AssertionError(f"no event {name} {values}:\n{self.log_text()[-6000:]}") from None
        return found[count - 1]

    def child(self, program: str) -> int:
        """Return the pid of the running child that is *program* (``server`` or ``recorder``)."""
        pid = int(self.events("supervisor_started", program=program)[-1]["pid"])
        assert parent_of(pid) == self.pid, f"{program} is no child of serve"
        return pid

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End what is left of it, its children too: they are in its session."""
        if self._process is not None:
            for pid in self.left_over():
                os.kill(pid, signal.SIGKILL)
            self._process.wait()

    async def nobody_left(self) -> None:
        """Wait until no process of it is left: helpers of multiprocessing see its end a moment later."""
        async with asyncio.timeout(GONE_WITHIN_S):
            while self.left_over():
                await asyncio.sleep(0.02)

    def left_over(self) -> list[int]:
        """Return the living processes of its session."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            state, _, _, session = _stat(int(stat.parent.name))
            if session == self.pid and state not in "ZX":
                found.append(int(stat.parent.name))
        return found


def parent_of(pid: int) -> int:
    """Return the parent of a living process; 0 when it is gone."""
    state, parent, _, _ = _stat(pid)
    return 0 if state in "ZX" else parent


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used; 0 when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> tuple[str, int, int, int]:
    """Return state, parent, process group and session of a process, state X when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return "X", 0, 0, 0
    return fields[0], int(fields[1]), int(fields[2]), int(fields[3])
