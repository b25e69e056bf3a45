"""What somebody sends to do harm: paths, numbers, nesting, text that XML cannot hold, scripts in names."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest

from callrec.wire.checksum import signed_headers

from .conftest import API1, API4, RECORDING_SECRET, Client, World, config_for, serving
from .recording_world import OGG
from .storage import Embedded, Storage

CREDENTIALS = base64.b64encode(b"mira:secret-password").decode()
NOTIFICATIONS = "/ocs/v2.php/apps/notifications/api/v2/notifications"
SCRIPT = "<script>alert(1)</script>"


async def raw(world: World, method: str, target: str, *headers: str) -> int:
    """Send a request as it stands, which no client library would, and return the status."""
    url = urlsplit(world.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    lines = (f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Basic {CREDENTIALS}", *headers)
    writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode("latin-1"))
    status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


@pytest.fixture
async def mira(world: World) -> Client:
    return await world.user("mira", f"Mira {SCRIPT}")


async def test_no_path_leads_out_of_a_home(world: World, mira: Client) -> None:
    ole = await world.user("ole")
    for folder in ("/remote.php/dav/files/ole", "/remote.php/webdav"):
        assert (await ole.http.put(f"{folder}/secret.txt", content=b"his")).status_code in (201, 204)
    outs = (
        "/../ole/secret.txt",
        "/%2e%2e/ole/secret.txt",
        "//../ole/secret.txt",
        "/..%2fole%2fsecret.txt",
        "/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/..\\ole\\secret.txt",
        "/..%5cole%5csecret.txt",
        "/%c0%ae%c0%ae/ole/secret.txt",
        "/%EF%BC%8E%EF%BC%8E/ole/secret.txt",
        "/secret.txt%00.png",
        "/./secret.txt",
    )
    for home in ("/remote.php/dav/files/mira", "/remote.php/webdav", "/remote.php/dav/files/ole/../mira"):
        for out in outs:
            for method in ("GET", "PROPFIND", "DELETE"):
                assert await raw(world, method, home + out) in (400, 404, 405), (method, home + out)
    await mira.http.put("/remote.php/webdav/x", content=b"x")
    for out in outs:
        for destination in (f"/remote.php/webdav{out}", f"/remote.php/dav/files/mira{out}"):
            status = await raw(world, "COPY", "/remote.php/webdav/x", f"Destination: {destination}")
            assert status in (400, 403, 409), destination
    assert (await ole.http.get("/remote.php/webdav/secret.txt")).content == b"his"


async def test_numbers_and_nesting_without_end(mira: Client) -> None:
    for path in (f"{NOTIFICATIONS}/{'9' * 5000}", f"/index.php/f/{'9' * 5000}"):
        assert (await mira.ocs("GET", path)).status_code == 404
    assert (await mira.ocs("DELETE", f"{NOTIFICATIONS}/{'9' * 30}")).status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    nested = b"roomType=2&roomName=x&participants" + b"[a]" * 300_000 + b"=1"
    assert (await mira.ocs("POST", f"{API4}/room", content=nested, headers=form)).status_code < 500
    for body in (b"[" * 500_000, b'{"participants":' + b"[" * 900 + b"]" * 900 + b',"roomType":2}'):
        answer = await mira.ocs(
            "POST", f"{API4}/room", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400


async def test_answers_are_xml_whatever_was_said(world: World, mira: Client) -> None:
    token = await world.room(mira, name=f"{SCRIPT} \u0001 & \ufffe")
    for text in ("\u0000\u0001\u001b[0m \uffff", "]]> & </message>", "\U0001f600 \u2028 ü"):
        await mira.data("POST", f"{API1}/chat/{token}", json={"message": text}, status=201)
    lone = b'{"message":"\\ud83d"}'
    sent = await mira.ocs(
        "POST", f"{API1}/chat/{token}", content=lone, headers={"Content-Type": "application/json"}
    )
    assert sent.status_code in (201, 400)
    for path in (f"{API1}/chat/{token}?lookIntoFuture=0", f"{API4}/room", "/ocs/v1.php/cloud/user"):
        answer = await mira.ocs("GET", path, headers={"Accept": "*/*"})
        assert answer.headers["content-type"] == "application/xml; charset=utf-8"
        root = ElementTree.fromstring(answer.content)
        assert root.findtext("meta/status") == "ok"
    texts = [text.text for text in root.iter("displayname")]
    assert texts == [f"Mira {SCRIPT}"]


async def test_no_script_of_a_name_runs(world: World, mira: Client) -> None:
    token = await world.room(mira, kind=3, name=SCRIPT)
    stranger = await world.client()
    for path in (f"/call/{token}", "/"):
        assert SCRIPT not in (await stranger.http.get(path, headers={"Accept": "text/html"})).text
    flow = await stranger.http.post("/login/v2", headers={"User-Agent": SCRIPT})
    page = await stranger.http.get(urlsplit(flow.json()["login"]).path)
    assert "alert(1)" in page.text
    assert SCRIPT not in page.text

    await mira.http.put("/remote.php/webdav/page.html", content=SCRIPT.encode())
    answer = await mira.http.get("/remote.php/webdav/page.html")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    async with httpx.AsyncClient(base_url=world.url) as recorder:
        headers = {"OCS-APIRequest": "true", **signed_headers(RECORDING_SECRET, token.encode())}
        parts: list[Any] = [("owner", (None, "mira")), ("file", (f"../../{SCRIPT}\r\nX: y\u202e.ogg", OGG))]
        stored = await recorder.post(f"{API1}/recording/{token}/store", headers=headers, files=parts)
    assert stored.status_code == 200
    (told,) = await mira.data("GET", NOTIFICATIONS)
    name = told["messageRichParameters"]["file"]["name"]
    assert "/" not in name and name.isprintable() and name.endswith(".ogg")


async def test_secrets_are_kept_as_hashes(storage: Storage, web: Path) -> None:
    storage.prepare()
    config = config_for(storage.data, web, **storage.settings)
    async with serving(replace(config, public_url="https://talk.example.net")) as world:
        admin = await world.admin()
        password = (await admin.data("GET", "/ocs/v2.php/core/getapppassword"))["apppassword"]
        login = {"user": "admin", "password": "admin-password"}
        answer = await (await world.client()).http.post("/index.php/login", json=login)
        flow = (await admin.http.post("/login/v2")).json()
    cookie = answer.headers["set-cookie"]
    assert "; Secure" in cookie and "; HttpOnly" in cookie and "; SameSite=lax" in cookie
    if isinstance(storage, Embedded):
        value = cookie.partition("=")[2].partition(";")[0]
        kept = b"".join(path.read_bytes() for path in storage.data.glob("conversation.db*"))
        for secret in (password, value, "admin-password", flow["poll"]["token"], flow["login"][-128:]):
            assert len(secret) > 10 and secret.encode() not in kept
