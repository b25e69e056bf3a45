"""kill -9 of a real recorder in the middle of an upload."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from callrec.recorder.folder.manifest import read_manifest
from tests.recorder.deliver.cloud import CONTENT, NAME, Cloud
from tests.recorder.deliver.far_server import running_far_server
from tests.recorder.operator.folders import make_folder
from tests.waiting import PATIENCE_S

CALLREC = Path(sys.executable).with_name("callrec")
ID = "20260922T120000-00000001"


def begun(data: Path, temporary: Path) -> "subprocess.Popen[bytes]":
    temporary.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}
    with (data / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [str(CALLREC), "recorder", "--data", str(data), "--port", str(port)],
            stdout=log,
            stderr=log,
            env={**environment, "TMPDIR": str(temporary)},
            start_new_session=True,
        )


async def test_killed(tmp_path: Path) -> None:
    data, temporary = tmp_path / "d", tmp_path / "t"
    async with running_far_server() as far:
        cloud = Cloud()
        far.answer = cloud.answer
        told = {"backend": far.url, "file_name": NAME, "end_reported": True, "acknowledged_at": 1.0}
        paths = make_folder(data / "recordings", ID, "uploading", **told)
        paths.film(NAME).write_bytes(CONTENT)
        (data / "callrec.toml").write_text(
            f'[recorder]\nupload_chunk_bytes = {1 << 20}\n[[recorder.backends]]\nurl = "{far.url}"\n'
            'secret = "secret of the backend"\n'
        )
        first = begun(data, temporary)
        try:
            await asyncio.wait_for(far.hang_at("/2 HTTP").wait(), PATIENCE_S)
        finally:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait(30)
        far.hangs = lambda _request: False
        again = begun(data, temporary)
        try:
            async with asyncio.timeout(90):
                while read_manifest(paths.manifest).state != "retained":
                    await asyncio.sleep(0.05)
            sockets = list((data / "run").iterdir())
        finally:
            again.terminate()
            again.wait(60)
    sent = [request.line.split()[1].rpartition("/")[2] for request in far.requests if "PUT" in request.line]
    assert sent == ["1", "2", "2", "3"] and cloud.links == len(cloud.stored) == 1
    assert cloud.files == {NAME: CONTENT}
    assert not paths.upload.exists()
    assert len(sockets) == 1, "what the first one left is gone"
    assert list(temporary.glob("pymp-*")) == list((data / "run").iterdir()) == []
