"""``callrec server`` as a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.conversation.services import ended_with_us
from tests.conversation.storage import Storage
from tests.ports import free_port

START_TIMEOUT_S = 60
PUBLIC_URL = "http://talk.example.net"


@asynccontextmanager
async def server_process(data: Path, storage: Storage) -> AsyncIterator[str]:
    """Run a server with its own data directory on *storage*; yields its address when it answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLREC_")}
    environment |= {f"CALLREC_CONVERSATION__{key.upper()}": value for key, value in storage.settings.items()}
    environment |= {"CALLREC_PUBLIC_URL": PUBLIC_URL}
    command = [sys.executable, "-c", "from callrec.cli import main; main()"]
    arguments = ["server", "--data", str(data), "--port", str(port)]
    log = data.with_suffix(".log")
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C in pytest reaches it only by way of us.
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        with ended_with_us("kill", str(process.pid), stderr=asyncio.subprocess.DEVNULL):
            async with httpx.AsyncClient() as client, asyncio.timeout(START_TIMEOUT_S):
                while not await _answers(client, url):
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(0.05)  # nothing tells when a port begins to listen
            yield url
    finally:
        await process.wait()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/status.php")).status_code == 200
    except httpx.HTTPError:
        return False
