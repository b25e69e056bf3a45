"""``callrec doctor`` against real servers at the far sides, well and unwell."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from callrec.app.doctor import recording, signaling
from callrec.app.doctor.examination import examine
from callrec.app.doctor.finding import Finding, Verdict
from tests.ports import free_port

SECRET = "a shared secret"
PUBLIC_URL = "https://talk.example"


@asynccontextmanager
async def serving(*routes: Route, date: bool = True) -> AsyncIterator[str]:
    """Serve *routes* on a local port and yield the URL; *date*: answers tell the time."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=list(routes))
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none", date_header=date)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


def answering(answer: Any, path: str = "/api/v1/welcome", **headers: str) -> Route:
    async def endpoint(_request: Request) -> Response:
        if isinstance(answer, str):
            return PlainTextResponse(answer, headers=headers)
        return JSONResponse(answer, headers=headers)

    return Route(path, endpoint)


def door(*statuses: int) -> Route:
    """Answer requests about rooms with *statuses*, in turn."""
    left = list(statuses)

    async def endpoint(_request: Request) -> Response:
        return Response(status_code=left.pop(0))

    return Route("/api/v1/room/{token}", endpoint, methods=["POST"])


def bad(findings: list[Finding]) -> list[tuple[str, Verdict]]:
    return [(f.check, f.verdict) for f in findings if f.verdict is not Verdict.OK]


async def test_a_recording_server_that_is_well() -> None:
    async with serving(answering({"version": "0.3.0"}), door(404, 403)) as url:
        findings = await recording.examine([(url, False)], SECRET, PUBLIC_URL)
    assert bad(findings) == []
    assert [f.check for f in findings] == ["recording server", "recording secret", "recording server's door"]


@pytest.mark.parametrize(
    "routes, check",
    [
        ([answering({"version": "1"}), door(403, 403)], "recording secret"),
        ([answering({"version": "1"}), door(404, 404)], "recording server's door"),
        ([answering({"version": "1"}), door(500, 403)], "recording secret"),
        ([answering("hello")], "recording server"),
        ([answering({"hello": "1"})], "recording server"),
        ([answering({"version": "1"}, **{"X-Spreed-Signaling-Features": "mcu"})], "recording server"),
        ([], "recording server"),
    ],
    ids=["wrong secret", "open door", "broken", "text", "no version", "signaling", "404"],
)
async def test_a_recording_server_that_is_unwell(routes: list[Route], check: str) -> None:
    async with serving(*routes) as url:
        findings = await recording.examine([(url, False)], SECRET, PUBLIC_URL)
    assert bad(findings) == [(check, Verdict.FAILED)]
    (finding,) = [f for f in findings if f.verdict is Verdict.FAILED]
    assert url in finding.text and finding.remedy


async def test_nobody_there_and_nothing_configured() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert bad(await recording.examine([(url, True)], SECRET, PUBLIC_URL)) == [
        ("recording server", Verdict.FAILED)
    ]
    assert bad(await signaling.examine([(url, True)])) == [("signaling server", Verdict.FAILED)]
    assert bad(await recording.examine([], SECRET, PUBLIC_URL)) == [("recording server", Verdict.WARNING)]
    assert bad(await signaling.examine([])) == [("signaling server", Verdict.FAILED)]


WELCOME = {"nextcloud-spreed-signaling": "Welcome", "version": "2.0"}
FEATURES = {"X-Spreed-Signaling-Features": "audio-video-permissions, incall-all"}
LONG_AGO = {"Date": "Sun, 01 Mar 2026 14:05:09 GMT"}


@pytest.mark.parametrize(
    "route, date, expected",
    [
        (answering(WELCOME, **FEATURES), True, []),
        (answering(WELCOME), True, [("signaling features", Verdict.FAILED)]),
        (answering({"version": "2.0"}), True, [("signaling server", Verdict.FAILED)]),
        (answering(WELCOME, **FEATURES), False, [("signaling clock", Verdict.WARNING)]),
        (answering(WELCOME, **FEATURES, **LONG_AGO), False, [("signaling clock", Verdict.WARNING)]),
    ],
    ids=["well", "old", "other", "timeless", "clock"],
)
async def test_signaling_servers(route: Route, date: bool, expected: list[tuple[str, Verdict]]) -> None:
    async with serving(route, date=date) as url:
        assert bad(await signaling.examine([(url, False)])) == expected


async def found(data: Path) -> dict[str, Finding]:
    return {finding.check: finding async for finding in examine(data)}


async def test_wrong_settings_are_named_and_nothing_else_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "callrec.toml").write_text("[recorder]\nprot = 1\n")
    findings = await found(tmp_path)
    assert list(findings) == ["settings"]
    assert findings["settings"].verdict is Verdict.FAILED and "recorder.prot" in findings["settings"].text


async def test_a_folder_where_nothing_has_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    findings = await found(tmp_path)
    assert findings["programs"].verdict is Verdict.FAILED
    assert findings["data directory mode"].verdict is Verdict.WARNING
    assert (await found(tmp_path / "none"))["data directory"].verdict is Verdict.FAILED


async def test_a_recorders_backends(tmp_path: Path) -> None:
    async with serving(answering({"installed": True}, "/status.php")) as url:
        backend = f'[[recorder.backends]]\nurl = "{url}"\nsecret = "x"\n'
        (tmp_path / "callrec.toml").write_text(backend)
        assert (await found(tmp_path))["backend"].text == f"{url} has no signaling_secret"
        (tmp_path / "callrec.toml").write_text(backend + 'signaling_secret = "y"\n')
        assert (await found(tmp_path))["backend"].verdict is Verdict.OK
    assert (await found(tmp_path))["backend"].verdict is Verdict.FAILED


async def test_a_shared_internal_secret_is_a_warning(tmp_path: Path) -> None:
    conf = tmp_path / "server.conf"
    conf.write_text(
        "[backend]\nbackends = a, b\n[a]\nurl = http://127.0.0.1:9\nsecret = x\n"
        "[b]\nurl = http://127.0.0.1:10\nsecret = y\n[signaling]\ninternalsecret = i\n"
    )
    findings = {finding.check: finding async for finding in examine(tmp_path, conf)}
    assert findings["internal secret"].verdict is Verdict.WARNING
    conf.write_text(conf.read_text().replace("internalsecret = i", "signalings ="))
    assert "internal secret" not in {finding.check async for finding in examine(tmp_path, conf)}


def test_the_command_against_a_running_serve(tmp_path: Path) -> None:
    callrec = Path(sys.executable).with_name("callrec")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}
    recorder_port = environment["CALLREC_RECORDER__PORT"] = str(free_port())
    port = str(free_port())
    data = tmp_path / "data"

    def doctor() -> tuple[int, dict[str, dict[str, str]]]:
        command = [str(callrec), "doctor", "--data", str(data), "--output", "json"]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
        assert result.stderr == ""
        return result.returncode, {f["check"]: f for f in json.loads(result.stdout)}

    serve = subprocess.Popen(
        [str(callrec), "serve", "--data", str(data), "--port", port],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    try:
        assert serve.stdout is not None
        while "Invite" not in (line := serve.stdout.readline()):
            assert line, "serve has ended"
        # The recorder may still be starting: its own first answer is what doctor asks for.
        for _ in range(30):
            code, findings = doctor()
            if code == 0:
                break
        assert code == 0, findings
        metrics = httpx.get(f"http://127.0.0.1:{recorder_port}/metrics").text
        assert "callrec_recordings_undelivered" in metrics  # where it can be scraped for good
        assert findings["recording secret"]["verdict"] == "ok"
        assert findings["signaling server"]["verdict"] == "ok"
        assert findings["database"]["verdict"] == "ok" and findings["files"]["verdict"] == "ok"
        assert findings["public URL"]["verdict"] == "warning"
    finally:
        serve.terminate()
        serve.communicate(timeout=60)
    code, findings = doctor()
    assert code == 1
    assert findings["server"]["verdict"] == "warning" and findings["public URL"]["verdict"] == "failed"
