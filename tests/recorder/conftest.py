"""A recorder as a real process, and the far sides that it, or a part of it, speaks to."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.recorder.deliver.cloud import Cloud
from tests.recorder.deliver.far_server import FarServer, running_far_server
from tests.recorder.janus import Janus, running_janus
from tests.recorder.lab import SECRET, SIGNALING_SECRET, Control, Lab, running_lab

CALLREC = Path(sys.executable).with_name("callrec")


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def janus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Janus]:
    """A media server for all tests; each has a signaling server of its own, whose end closes what it had."""
    with running_janus(tmp_path_factory.mktemp("janus")) as janus:
        yield janus


@pytest.fixture
async def far() -> AsyncIterator[FarServer]:
    """A backend of raw bytes."""
    async with running_far_server() as server:
        yield server


@pytest.fixture
def cloud(far: FarServer) -> Cloud:
    """A backend that takes uploads, behind the far server."""
    cloud = Cloud()
    far.answer = cloud.answer
    return cloud


class RecorderProcess:
    """``callrec recorder`` in a process group of its own."""

    def __init__(self, data: Path, lab_url: str) -> None:
        self.data = data
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.environment: dict[str, str] = {}
        """Beside that of the tests, for the next start."""
        data.mkdir(parents=True, exist_ok=True)
        (data / "callrec.toml").write_text(
            f"""
[recorder]
empty_timeout_s = 5
retry_first_s = 0.2
retry_longest_s = 1
keep_delivered_s = 0
width_px = 640
height_px = 360
[[recorder.backends]]
url = "{lab_url}"
secret = "{SECRET}"
signaling_secret = "{SIGNALING_SECRET}"
"""
        )
        self.log = data / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(CALLREC), "recorder", "--data", str(self.data), "--port", str(self._port)],
                stderr=log,
                stdout=log,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )
        await self.ready()

    async def ready(self) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(90):  # a busy machine
            while True:
                try:
                    if (await client.get(f"{self.url}/api/v1/welcome")).status_code == 200:
                        return
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)  # nothing tells when a port begins to listen

    def kill_everything(self) -> None:
        """kill -9 of the whole process group, as a power button would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def signal_everything(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def children(self, name: str) -> list[int]:
        """Return the pids of the processes of this recorder whose command line holds *name*."""
        assert self._process is not None
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
                command = (stat.parent / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if int(fields[3]) == self._process.pid and name in command:
                found.append(int(stat.parent.name))
        return found

    def terminate(self) -> int:
        """SIGTERM; return the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill_everything()


@pytest.fixture
def recorder_process(lab: Lab, tmp_path: Path) -> Iterator[RecorderProcess]:
    process = RecorderProcess(tmp_path / "recorder", lab.url)
    yield process
    process.close()
    print(process.log.read_text() if process.log.exists() else "no log")


@pytest.fixture
async def control(lab: Lab, recorder_process: RecorderProcess) -> Control:
    await recorder_process.start()
    return Control(recorder_process.url, lab.url)
