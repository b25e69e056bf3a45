"""The operator's HTTP: who gets in, and which answer each request has."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog
from starlette.applications import Starlette

from callrec import clock
from callrec.recorder.control import tickets
from callrec.recorder.control.operator_api import OperatorApi
from tests.recorder.operator.folders import FILM, TOKEN, Parts, make_folder, serving

SIGNED = {"Authorization": f"Bearer {TOKEN}"}
API = "/operator/api/recordings"


@pytest.fixture
async def parts(tmp_path: Path) -> Parts:
    home = tmp_path / "recordings"
    make_folder(home, "one", "uploading", attempts=2, next_attempt_at=clock.wall_s() + 900, error="away")
    make_folder(home, "live", "capturing")
    return Parts(home)


@pytest.fixture
async def http(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(parts) as url, httpx.AsyncClient(base_url=url, headers=SIGNED) as client:
        yield client


async def test_list_and_show(http: httpx.AsyncClient, parts: Parts) -> None:
    answer = await http.get(API)
    assert answer.status_code == 200 and abs(answer.json()["now"] - clock.wall_s()) < 60
    assert {entry["id"]: entry["state"] for entry in answer.json()["recordings"]} == {
        "one": "uploading",
        "live": "capturing",
    }
    shown = (await http.get(f"{API}/one")).json()
    assert shown["recording"]["error"] == shown["manifest"]["error"] == "away"
    assert shown["output"] == {parts.manifest("one").file_name: len(FILM)}


async def test_park_retry_delete(http: httpx.AsyncClient, parts: Parts) -> None:
    parked = await http.post(f"{API}/one/park")
    assert (parked.status_code, parked.json()["recording"]["state"]) == (200, "parked")
    again = await http.post(f"{API}/one/park")
    assert (again.status_code, again.json()["error"]) == (409, "not_parkable")
    retried = await http.post(f"{API}/one/retry")
    assert (retried.status_code, retried.json()["recording"]["state"]) == (200, "uploading")
    assert parts.begun == ["one"]
    deleted = await http.delete(f"{API}/one")
    assert (deleted.status_code, deleted.json()) == (200, {"delivered": False})
    assert parts.recordings.ids() == ["live"]
    live = await http.delete(f"{API}/live")
    assert (live.status_code, live.json()["error"]) == (409, "is_live")


@pytest.mark.parametrize(
    "method, path",
    [("GET", "/no"), ("DELETE", "/no"), ("POST", "/no/retry"), ("POST", "/no/park"), ("POST", "/no/film")],
)
async def test_none_such_is_404(http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, API + path)
    assert (answer.status_code, answer.json()["error"]) == (404, "no_such_recording")


@pytest.mark.parametrize("name", ["..", "..%2f..%2fone", "%2e%2e", "one%00", ".new-x"])
async def test_no_id_is_a_path(http: httpx.AsyncClient, parts: Parts, name: str) -> None:
    assert (await http.request("DELETE", f"{API}/{name}")).status_code in (404, 405)
    assert len(parts.recordings.ids()) == 2


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"Basic {TOKEN}",
        "Bearer é",
    ],
)
async def test_without_the_token_nobody_gets_in(
    http: httpx.AsyncClient, parts: Parts, given: str | None
) -> None:
    del http.headers["Authorization"]
    headers = [] if given is None else [(b"Authorization", given.encode())]
    changing = [("DELETE", "/one"), *(("POST", f"/one/{action}") for action in ("retry", "park", "film"))]
    for method, path in [("GET", ""), ("GET", "/one"), *changing]:
        with structlog.testing.capture_logs() as logs:
            answer = await http.request(method, API + path, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "token_refused")
        assert [line["reason"] for line in logs] == ["token_refused"] and TOKEN not in str(logs)
    assert parts.manifest("one").state == "uploading" and parts.begun == []


@pytest.mark.parametrize("method, path", [("POST", "/one/park"), ("DELETE", "/one"), ("GET", "")])
async def test_no_other_site_is_let_in(http: httpx.AsyncClient, parts: Parts, method: str, path: str) -> None:
    """A browser asks first whether it may send the header; without it a request is a stranger's."""
    asking = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    del http.headers["Authorization"]
    may = await http.request("OPTIONS", API + path, headers=asking)
    forged = await http.request(method, f"{API}{path}?token={TOKEN}", headers={"Origin": asking["Origin"]})
    assert (may.status_code, forged.status_code) == (405, 401)
    for answer in (may, forged):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert parts.manifest("one").state == "uploading"


@pytest.mark.parametrize("token, status", [(TOKEN, 409), ("another", 401)])
async def test_bodies_are_not_kept(http: httpx.AsyncClient, parts: Parts, token: str, status: int) -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 20)

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signed = {"Authorization": f"Bearer {token}"}
    answer = await http.post(f"{API}/live/park", content=large(), headers=signed)
    assert answer.status_code == status
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 32 << 10


async def test_many_at_once_are_one(http: httpx.AsyncClient, parts: Parts) -> None:
    """Who comes second hears what has changed meanwhile."""

    async def together(method: str, path: str) -> list[int]:
        answers = await asyncio.gather(*(http.request(method, API + path) for _ in range(8)))
        return sorted(answer.status_code for answer in answers)

    assert await together("POST", "/one/park") == [200, *[409] * 7]
    assert await together("POST", "/one/retry") == [200, *[409] * 7] and parts.begun == ["one"]
    assert await together("DELETE", "/one") == [200, *[404] * 7]


async def test_the_page_and_its_files_are_strict(http: httpx.AsyncClient) -> None:
    del http.headers["Authorization"]
    for path in ("/operator/", "/operator/page/main.js", "/operator/page/style.css"):
        answer = await http.get(path)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    assert (await http.get("/operator/page/../operator_api.py")).status_code == 404


async def test_a_film_is_downloaded_once_by_a_ticket(
    http: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (await http.post(f"{API}/one/film")).json()
    assert (given["name"], given["bytes"]) == (parts.manifest("one").file_name, len(FILM))
    del http.headers["Authorization"]
    answer = await http.get(given["path"])
    assert (answer.status_code, answer.content) == (200, FILM)
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert (await http.get(given["path"])).json()["error"] == "no_such_ticket"
    http.headers.update(SIGNED)
    monkeypatch.setattr(tickets, "GOOD_FOR_S", 0.0)
    late = (await http.post(f"{API}/one/film")).json()
    assert (await http.get(late["path"])).status_code == 404
    no_film = await http.post(f"{API}/live/film")
    assert (no_film.status_code, no_film.json()["error"]) == (409, "no_film")


async def test_a_full_disk_is_503(
    http: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("callrec.recorder.lifecycle.recordings.write_manifest", fail)
    answer = await http.post(f"{API}/one/park")
    assert (answer.status_code, answer.json()["error"]) == (503, "disk_failed")
    assert parts.manifest("one").state == "uploading"


@pytest.mark.parametrize(
    "client, networks, allowed",
    [
        ("127.0.0.1", (), True),
        ("::1", (), True),
        ("10.1.2.3", (), False),
        ("10.1.2.3", ("10.1.0.0/16",), True),
        ("10.9.9.9", (), True),  # the address listened on: this machine itself
        (None, (), False),
    ],
)
@pytest.mark.parametrize("path", ["/operator/", API, "/operator/films/x"])
async def test_only_allowed_networks_get_that_far(
    parts: Parts, client: str | None, networks: tuple[str, ...], allowed: bool, path: str
) -> None:
    api = OperatorApi(TOKEN, networks)
    api.operator = parts.operator
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"authorization", SIGNED["Authorization"].encode())], "scheme": "http",
        "client": (client, 1) if client else None, "server": ("10.9.9.9", 8000), "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }  # fmt: skip
    await Starlette(routes=api.routes)(scope, receive, send)  # type: ignore[arg-type]  # a bare ASGI client
    await parts.close()
    assert (statuses == [403]) is not allowed


def test_without_a_token_there_is_no_api() -> None:
    with pytest.raises(ValueError, match="without a token"):
        OperatorApi("", ())
