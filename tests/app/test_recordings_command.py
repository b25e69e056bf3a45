"""``callrec recordings`` beside a real recorder, and without one."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from callrec import clock
from callrec.cli import recordings
from callrec.recorder.folder.manifest import Manifest, read_manifest
from tests.ports import free_port
from tests.recorder.folder.samples import MANIFEST
from tests.recorder.operator.folders import FILM, make_folder
from tests.waiting import until

CALLREC = Path(sys.executable).with_name("callrec")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}
UPLOADING = "20260922T120000-00000001"


async def callrec(data: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(CALLREC), "recordings", *map(str, arguments), "--data", str(data)]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
        env={**ENVIRONMENT, **environment},
        check=False,
    )


async def answer(data: Path, *arguments: str | Path) -> Any:
    done = await callrec(data, *arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def refusal(data: Path, *arguments: str | Path) -> str:
    done = await callrec(data, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The backend is away; a recording waits to be uploaded, others are kept."""
    data = tmp_path / "data"
    home = data / "recordings"
    waiting: dict[str, Any] = {
        "attempts": 3,
        "next_attempt_at": clock.wall_s() + 86400,
        "error": "store: HTTP 503",
    }
    make_folder(home, UPLOADING, "uploading", end_reported=True, **waiting)
    make_folder(home, "kept", "retained", end_reported=True)
    make_folder(home, "failed", "failed", token="\x1b[2Jtoken")
    (data / "callrec.toml").write_text(
        f'[recorder]\nretry_first_s = 600\n[[recorder.backends]]\nurl = "{MANIFEST.backend}"\n'
        'secret = "secret of the backend"\nconnect_url = "http://127.0.0.1:9"\n'
    )
    return data


def manifest_of(data: Path, recording_id: str = UPLOADING) -> Manifest:
    return read_manifest(data / "recordings" / recording_id / "manifest.json")


async def until_state(data: Path, state: str, attempts: int = 0) -> None:
    def reached() -> bool:
        now = manifest_of(data)
        return now.state == state and now.attempts >= attempts

    await until(reached)


@pytest.fixture
async def recorder(data: Path) -> AsyncIterator[str]:
    port = free_port()
    with (data / "log.txt").open("wb") as log:
        command = [str(CALLREC), "recorder", "--data", str(data), "--port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True)
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(90):
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)  # nothing tells when a port begins to listen
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def test_a_state_that_is_none_is_told(tmp_path: Path) -> None:
    said = CliRunner().invoke(recordings.app, ["list", "--state", "park", "--data", str(tmp_path)])
    assert said.exit_code == 2 and "'park' is none of: accepted, joining" in said.stderr


@pytest.mark.timeout(600)  # starts twenty processes, which a busy machine takes its time for
async def test_an_operator_s_day(data: Path, recorder: str, tmp_path: Path) -> None:
    assert {e["id"]: e["state"] for e in await answer(data, "list")} == {
        UPLOADING: "uploading", "kept": "retained", "failed": "failed",
    }  # fmt: skip
    assert [e["id"] for e in await answer(data, "list", "--state", "failed")] == ["failed"]
    listed = await callrec(data, "list")
    assert "�[2Jtoken" in listed.stdout and "\x1b" not in listed.stdout

    # Tried at once, in vain, with all attempts before it again.
    await until_state(data, "uploading", attempts=4)
    assert (await answer(data, "retry", UPLOADING))["attempts"] == 0
    await until_state(data, "uploading", attempts=1)
    assert manifest_of(data).error == "request-upload: ConnectError"

    # Parked: its workflow is over. Let go on, it has another, at once.
    for _ in range(2):
        assert (await answer(data, "park", UPLOADING))["state"] == "parked"
        assert (await answer(data, "retry", UPLOADING))["state"] == "uploading"
        await until_state(data, "uploading", attempts=1)
    assert "nothing_to_retry" in await refusal(data, "retry", "kept")
    assert "not_parkable" in await refusal(data, "park", "kept")
    assert "no_such_recording" in await refusal(data, "show", "../kept")

    shown = await callrec(data, "show", UPLOADING)
    assert "possible      retry, park, delete" in shown.stdout.splitlines()
    exported = await answer(data, "export", UPLOADING, tmp_path)
    assert Path(exported["file"]).read_bytes() == FILM
    assert "file_exists" in await refusal(data, "export", UPLOADING, exported["file"])

    asked = await callrec(data, "delete", UPLOADING)
    assert asked.returncode == 1 and "NOT delivered" in asked.stdout
    assert (await callrec(data, "delete", UPLOADING, "--yes")).returncode == 0
    assert not (data / "recordings" / UPLOADING).exists()
    log = (data / "log.txt").read_text()
    assert "operator_deleted" in log and "Traceback" not in log


async def test_the_token_is_for_its_owner_alone(data: Path, recorder: str) -> None:
    file = data / "operator.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = json.loads(file.read_text())["token"]
    assert len(token) > 40 and token not in (data / "log.txt").read_text()
    async with httpx.AsyncClient(base_url=recorder) as client:
        assert (await client.get("/operator/")).status_code == 200
        assert (await client.get("/operator/api/recordings")).status_code == 401
        signed = {"Authorization": f"Bearer {token}"}
        assert (await client.get("/operator/api/recordings", headers=signed)).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert 'route="/operator/api/recordings"' in metrics
    wrong = await callrec(data, "list", CALLREC_RECORDER__OPERATOR_TOKEN="not the recorder's token")
    assert wrong.returncode == 2 and "token_refused" in wrong.stderr


async def test_without_a_recorder_one_can_look_and_copy(data: Path, tmp_path: Path) -> None:
    assert [e["id"] for e in await answer(data, "list", "--state", "uploading")] == [UPLOADING]
    shown = await answer(data, "show", UPLOADING)
    assert shown["recording"]["film_bytes"] == len(FILM) and shown["manifest"]["attempts"] == 3
    for command in ("retry", "park", "delete"):
        line = await refusal(data, command, UPLOADING)
        assert line == f"callrec: recorder_away: no recorder runs in {data}, and only it can do this"
    exported = await answer(data, "export", "kept", tmp_path / "kept.tar", "--folder")
    with tarfile.open(exported["file"]) as archive:
        names = archive.getnames()
    assert {"kept", "kept/manifest.json", "kept/tracks/0/0.rtpdump"} <= set(names)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    (tmp_path / "nothing").mkdir()
    assert (await callrec(tmp_path / "nothing", "list")).stdout == "no recordings\n"
    line = await refusal(tmp_path / "missing", "list")
    assert line == f"callrec: data directory {tmp_path / 'missing'}: no such directory"
    mistaken = await callrec(data, "list", "--state", "parkt")
    assert mistaken.returncode == 2 and "none of: accepted, joining" in " ".join(mistaken.stderr.split())
