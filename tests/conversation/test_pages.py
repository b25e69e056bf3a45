"""The page, its files, signing in and out by cookie."""

from dataclasses import replace
from pathlib import Path

from .conftest import ADMIN_PASSWORD, API4, World, config_for, serving

LOGIN = "/index.php/login"
GOOD = {"user": "admin", "password": ADMIN_PASSWORD}


async def test_the_page_and_its_files(world: World) -> None:
    http = (await world.client()).http
    for path in ("/", "/call/k3x9p2aa", "/index.php/call/k3x9p2aa", "/static/main.js"):
        response = await http.get(path)
        assert response.status_code == 200, path
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"]
    for path in (
        "/static/../conftest.py",
        "/static/%2e%2e/data/conversation.db",
        "/static/none.js",
        "/call/X",
    ):
        assert (await http.get(path)).status_code == 404, path
    status = (await http.get("/status.php")).json()
    assert (status["installed"], status["maintenance"], status["productname"]) == (True, False, "callrec")


async def test_the_page_is_told_where_it_lives(tmp_path: Path, web: Path) -> None:
    config = replace(config_for(tmp_path / "data", web), public_url='https://talk.example/sub"<')
    async with serving(config) as world:
        page = (await (await world.client()).http.get("/")).text
    assert '<base href="/sub&quot;&lt;/">' in page
    assert '<meta name="public-url" content="https://talk.example/sub&quot;&lt;">' in page


async def test_signing_in_and_out(world: World) -> None:
    client = await world.client()
    for sent in ({"json": GOOD}, {"data": GOOD}):
        response = await client.http.post(LOGIN, **sent)  # type: ignore[arg-type]  # one of two forms
        assert (response.status_code, response.json()["id"]) == (200, "admin")
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
    assert (await client.data("GET", "/ocs/v2.php/cloud/user"))["id"] == "admin"
    room = await client.data("POST", f"{API4}/room", json={"roomName": "x"}, status=201)
    await world.join(client, room["token"])
    # The cookie without the header that no foreign page can send is worth nothing.
    assert (await client.http.get("/ocs/v2.php/cloud/user")).status_code == 412
    assert (await client.http.post("/index.php/logout")).status_code == 412
    old = dict(client.http.cookies)
    assert (await client.ocs("POST", "/index.php/logout")).status_code == 200
    await client.data("GET", "/ocs/v2.php/cloud/user", status=401)
    stolen = await world.client()
    stolen.http.cookies.update(old)
    await stolen.data("GET", "/ocs/v2.php/cloud/user", status=401)


async def test_sign_ins_that_are_refused(world: World) -> None:
    http = (await world.client()).http
    foreign = await http.post(LOGIN, json=GOOD, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    own = await http.post(LOGIN, json=GOOD, headers={"Origin": "http://talk.example.net"})
    assert own.status_code == 200
    assert (await http.post(LOGIN, json={"user": "admin"})).status_code == 400
    assert (await http.post(LOGIN, content=b"x" * 9000)).status_code == 413
    statuses = [
        (await http.post(LOGIN, json={"user": "admin", "password": "guess"})).status_code for _ in range(11)
    ]
    assert statuses == [401] * 10 + [429]
    assert (await http.post(LOGIN, json=GOOD)).status_code == 429
