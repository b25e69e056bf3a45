"""Login flow v2: an app asks, a person grants, the app gets a password once."""

import re
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import update

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_logins import LoginFlow

from .conftest import World

BASE = "http://talk.example.net"
ORIGIN = {"Origin": BASE}


async def begin(world: World, agent: str = "Phone <1>") -> dict[str, Any]:
    http = (await world.client()).http
    response = await http.post("/index.php/login/v2", headers={"User-Agent": agent})
    assert response.status_code == 200
    flow: dict[str, Any] = response.json()
    return flow


async def poll(world: World, flow: dict[str, Any]) -> httpx.Response:
    http = (await world.client()).http
    return await http.post(local(flow["poll"]["endpoint"]), data={"token": flow["poll"]["token"]})


def local(url: str) -> str:
    assert url.startswith(BASE)
    return url.removeprefix(BASE)


async def browser(world: World) -> httpx.AsyncClient:
    return (await world.client()).http


async def sign_in(http: httpx.AsyncClient, path: str, password: str = "secret-password") -> httpx.Response:
    return await http.post(path, data={"user": "mira", "password": password}, headers=ORIGIN)


def proof_in(page: httpx.Response) -> str:
    found = re.search(r'name="proof" value="([0-9a-f]+)"', page.text)
    assert found
    return found[1]


async def test_the_whole_flow(world: World) -> None:
    await world.user("mira", "Mira M.")
    flow = await begin(world)
    assert set(flow) == {"poll", "login"}
    assert len(flow["poll"]["token"]) == 128
    waiting = await poll(world, flow)
    assert (waiting.status_code, waiting.json()) == (404, [])

    http, path = await browser(world), local(flow["login"])
    page = await http.get(path)
    assert page.status_code == 200
    assert "Phone &lt;1&gt;" in page.text
    assert "<script" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    signed_in = await sign_in(http, path)
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, path)
    page = await http.get(path)
    assert "Mira M." in page.text
    assert (await poll(world, flow)).status_code == 404
    granted = await http.post(path, data={"proof": proof_in(page)}, headers=ORIGIN)
    assert (granted.status_code, "granted" in granted.text) == (200, True)

    result = (await poll(world, flow)).json()
    assert (result["server"], result["loginName"]) == (BASE, "mira")
    assert len(result["appPassword"]) == 72
    app = await world.client("mira", result["appPassword"])
    assert (await app.data("GET", "/ocs/v2.php/cloud/user"))["id"] == "mira"
    assert (await poll(world, flow)).status_code == 404  # once
    assert (await http.get(path)).status_code == 404
    # It logs out by itself.
    await app.data("DELETE", "/ocs/v2.php/core/apppassword")
    await app.data("GET", "/ocs/v2.php/cloud/user", status=401)


async def test_only_the_person_himself_grants(world: World) -> None:
    await world.user("mira")
    flow = await begin(world)
    http, path = await browser(world), local(flow["login"])
    await sign_in(http, path)
    proof = proof_in(await http.get(path))
    foreign = {"Origin": "https://evil.example"}
    assert (await http.post(path, data={"proof": proof}, headers=foreign)).status_code == 403
    assert (await http.post(path, data={"proof": "0" * 64}, headers=ORIGIN)).status_code == 403
    other = await begin(world)
    assert (await http.post(local(other["login"]), data={"proof": proof}, headers=ORIGIN)).status_code == 403
    stranger = await browser(world)
    assert (await stranger.post(path, data={"proof": proof}, headers=ORIGIN)).status_code == 403
    assert (await stranger.post(path, data={"user": "mira"}, headers=foreign)).status_code == 403
    wrong = await sign_in(stranger, path, "wrong")
    assert (wrong.status_code, "Wrong name or password" in wrong.text) == (401, True)
    assert (await stranger.post(path, content=b"x" * 9000, headers=ORIGIN)).status_code == 413
    assert (await poll(world, flow)).status_code == 404


async def test_flows_end(world: World) -> None:
    await world.user("mira")
    flow = await begin(world)
    http, path = await browser(world), local(flow["login"])
    await sign_in(http, path)
    await http.post(path, data={"proof": proof_in(await http.get(path))}, headers=ORIGIN)
    async with world.core.db.write() as tx:
        await tx.execute(update(LoginFlow).values(created_at=utc_now() - timedelta(minutes=21)))
    assert (await poll(world, flow)).status_code == 404
    assert (await http.get(path)).status_code == 404
    await begin(world)  # sweeps
    for token in ("", "x" * 200, flow["login"].rpartition("/")[2]):
        assert (await http.post("/login/v2/poll", data={"token": token})).status_code == 404
    assert (await http.get("/login/v2/flow/unknown")).status_code == 404


async def test_odd_names_of_apps(world: World) -> None:
    for agent, shown in (("", "Unknown app"), ("x" * 1000, "x" * 120)):
        flow = await begin(world, agent)
        page = await (await browser(world)).get(local(flow["login"]))
        assert shown in page.text
        assert "x" * 121 not in page.text
