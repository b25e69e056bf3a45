"""The administrator's check of a recording server."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from callrec.conversation.db.tables_users import User
from callrec.conversation.outbound import recorder_welcome
from tests.conversation.certificates import certified
from tests.conversation.recording_world import API, World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def admin(world: World) -> httpx.AsyncClient:
    async with world.core.db.write() as tx:
        await tx.execute(update(User).values(is_admin=True))
    return await world.client("mira")


@asynccontextmanager
async def answering(text: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server that gives the same answer to everything, and return its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        if "Content-Length: 9" in text:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"


def response(body: str = '{"version":"0.3.0"}', status: str = "200 OK", **headers: str) -> str:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n{body}"


def trickling(text: str) -> str:
    """Announce more than comes, and keep the connection open."""
    return text.replace("Content-Length: ", "Content-Length: 9")


async def check(world: World, admin: httpx.AsyncClient, url: str, **server: Any) -> tuple[int, Any]:
    servers = [{"server": "http://127.0.0.1:9"}, {"server": url, **server}]
    await world.set_config({"servers": servers, "secret": ""})
    answer = await admin.get(f"{API}/recording/welcome/1")
    return answer.status_code, answer.json()["ocs"]["data"]


async def test_a_recorder_that_is_well(world: World, admin: httpx.AsyncClient) -> None:
    now = format_datetime(datetime.datetime.now(datetime.UTC), usegmt=True)
    async with answering(response(Date=now)) as url:
        assert await check(world, admin, f"{url}/") == (200, {"version": "0.3.0"})
    for index, expected in (("2", 404), ("99999999999999999999", 404)):
        answer = await admin.get(f"{API}/recording/welcome/{index}")
        assert (answer.status_code, answer.json()["ocs"]["data"]) == (expected, None)
    answer = await admin.get(f"{API}/recording/welcome/x", params={"format": "json"})
    assert answer.json()["ocs"]["meta"]["statuscode"] == 998
    ole = await world.add_user("ole")
    assert (await ole.get(f"{API}/recording/welcome/1")).status_code == 403


async def test_what_is_not_well(world: World, admin: httpx.AsyncClient) -> None:
    late = format_datetime(datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=60), usegmt=True)
    for text, word in (
        (response(X_Spreed_Signaling_Features="mcu"), "IS_SIGNALING_SERVER"),
        (response(Date=late), "TIME_OUT_OF_SYNC"),
        (response("[]"), "JSON_INVALID"),
        (response("hello"), "JSON_INVALID"),
        (response("x" * 70_000), "JSON_INVALID"),
        (response("junk", Content_Encoding="gzip"), "JSON_INVALID"),
        (response("\0\0", Content_Type="application/json"), "JSON_INVALID"),
        (response("", status="200 OK"), "JSON_INVALID"),
        (response(status="500 Oops"), "500"),
        (response(status="404 Not Found"), "404"),
        (response(status="302 Found", Location="http://127.0.0.1:9"), "302"),
        ("junk\r\n\r\n", "CAN_NOT_CONNECT"),
    ):
        async with answering(text) as url:
            assert await check(world, admin, url) == (500, {"error": word}), text[:60]
    for url in ("http://127.0.0.1:9", "127.0.0.1:9", "http://[::1", "ftp://127.0.0.1"):
        assert await check(world, admin, url) == (500, {"error": "CAN_NOT_CONNECT"})


async def test_an_answer_that_trickles_in(
    world: World, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_welcome, "TIMEOUT_S", 0.3)
    async with answering(trickling(response())) as url:
        assert await check(world, admin, url) == (500, {"error": "CAN_NOT_CONNECT"})


async def test_certificates(
    world: World, admin: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answering(response(), certified(tmp_path, expired=True)) as url:
        assert await check(world, admin, url) == (200, {"version": "0.3.0"})  # not verified
        assert await check(world, admin, url, verify=True) == (500, {"error": "CAN_NOT_CONNECT"})
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))  # its issuer is trusted
        assert await check(world, admin, url, verify=True) == (500, {"error": "CERTIFICATE_EXPIRED"})
