"""The real standalone signaling server of Debian's packages, in two versions: a process on a local port."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = "usr/bin/nextcloud-spreed-signaling-server"
FETCHED = Path(os.environ.get("CALLREC_TEST_SIGNALING_SERVERS", ROOT / ".cache/signaling-server"))
"""A folder per version, as the package's files lie below the root."""
VERSIONS = ("1.2", "2.0")
FETCH_TIMEOUT_S = 100
READY_TIMEOUT_S = 20

CONFIG = """
[http]
listen = 127.0.0.1:{port}
[app]
debug = false
[sessions]
hashkey = 0123456789abcdef0123456789abcdef
blockkey = 0123456789abcdef
[clients]
internalsecret = {internal_secret}
[backend]
backends = ours
allowall = false
timeout = 5
connectionsperhost = 8
[ours]
url = {backend_url}
secret = {secret}
[nats]
url = nats://loopback
[mcu]
{mcu}
[turn]
[stats]
"""


def find_program(version: str) -> Path:
    """Return the server's program; skips the test when there is none and none can be fetched."""
    program = FETCHED / version / PROGRAM
    if not program.exists():
        command = [str(ROOT / "scripts/fetch-signaling-server"), str(FETCHED)]
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=True)
        except subprocess.CalledProcessError as error:
            if not program.exists():  # it could be the other version that is missing
                pytest.skip(f"no standalone signaling server {version}: {error.stderr.strip()}")
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"no standalone signaling server: {error}")
    return program


class StandaloneServer:
    """The process for one backend; ``url`` is its address.

    *media_server*: Janus's WebSocket address. *version*: one of ``VERSIONS``.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        backend_url: str,
        secret: str,
        internal_secret: str,
        media_server: str | None = None,
        version: str = VERSIONS[0],
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._program = find_program(version)
        self._config = folder / "server.conf"
        self._log = folder / "signaling-server.log"
        self._process: asyncio.subprocess.Process | None = None
        self._config.write_text(
            CONFIG.format(
                port=port,
                backend_url=backend_url,
                secret=secret,
                internal_secret=internal_secret,
                mcu=f"type = janus\nurl = {media_server}" if media_server else "type =",
            )
        )

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text()

    async def start(self) -> None:
        """Start it and wait until it takes requests."""
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                str(self._program), "-config", str(self._config), stdout=output, stderr=output
            )
        async with asyncio.timeout(READY_TIMEOUT_S), httpx.AsyncClient() as http:
            while True:
                assert self._process.returncode is None, self._log.read_text()
                try:
                    if (await http.get(f"{self.url}/api/v1/welcome")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """kill -9: all of its state is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def standalone_server(
    folder: Path, port: int, *, backend_url: str, secret: str, internal_secret: str
) -> AsyncIterator[str]:
    """Run the server for one backend, without a media server; gives its address."""
    server = StandaloneServer(
        folder, port, backend_url=backend_url, secret=secret, internal_secret=internal_secret
    )
    await server.start()
    try:
        yield server.url
    finally:
        await server.kill()
