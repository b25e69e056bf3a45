"""What a standalone signaling server asks over HTTP: signatures, answers, error words."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from callrec.wire.checksum import signaling_headers

from .conftest import API3, API4, Client, World

BACKEND = f"{API3}/signaling/backend"
SETTINGS = f"{API3}/signaling/settings"
SECRET = "the signaling secret"
CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/signaling_servers"


async def send(
    world: World, body: Any, *, headers: Mapping[str, str] | None = None, path: str = BACKEND
) -> httpx.Response:
    """Ask as a signaling server does."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = await world.client()
    signed = signaling_headers(SECRET, content) if headers is None else headers
    sent = {"Content-Type": "application/json", **signed}
    return await client.ocs("POST", path, content=content, headers=sent)


async def ask(world: World, kind: str, **content: Any) -> Any:
    """Ask, and return the data of the answer."""
    response = await send(world, {"type": kind, kind: content})
    assert response.status_code == 200
    return response.json()["ocs"]["data"]


def code(data: Any) -> str:
    assert data["type"] == "error", data
    return str(data["error"]["code"])


@pytest.fixture
async def mira(world: World) -> Client:
    """A user, on a server with a signaling secret."""
    value = {"servers": [{"server": "http://talk.example.net/signaling"}], "secret": SECRET}
    await (await world.admin()).data("POST", CONFIG, json={"value": json.dumps(value)})
    return await world.user("mira", "Mira M.")


async def test_auth(world: World, mira: Client) -> None:
    params = (await mira.data("GET", SETTINGS))["helloAuthParams"]["1.0"]
    answer = await ask(world, "auth", version="1.0", params=params)
    assert answer == {
        "type": "auth",
        "auth": {"version": "1.0", "userid": "mira", "user": {"displayname": "Mira M."}},
    }
    guest = (await (await world.client()).data("GET", SETTINGS))["helloAuthParams"]["1.0"]
    answer = await ask(world, "auth", version="1.0", params={**guest, "userid": ""})
    assert answer == {"type": "auth", "auth": {"version": "1.0"}}
    wrong = await ask(world, "auth", version="1.0", params={**params, "userid": "admin"})
    assert code(wrong) == "invalid_ticket"


async def test_room(world: World, mira: Client) -> None:
    token = await world.room(mira, kind=3, name="Open")
    session = (await world.join(mira, token))["sessionId"]
    room = {"version": "1.0", "roomid": token, "userid": "mira", "sessionid": session}
    joined = await ask(world, "room", **room)  # older servers name no action
    assert joined["type"] == "room"
    assert list(joined["room"]) == ["version", "roomid", "properties", "permissions"]
    assert joined["room"]["properties"]["name"] == "Open"
    assert list(joined["room"]["properties"]) == [
        "name",
        "type",
        "lobby-state",
        "lobby-timer",
        "read-only",
        "listable",
        "active-since",
        "sip-enabled",
        "description",
    ]
    assert joined["room"]["permissions"] == ["publish-audio", "publish-video", "publish-screen", "control"]
    assert await ask(world, "room", **room, action="join") == joined
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 7})
    assert (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]
    left = await ask(world, "room", **room, action="leave")
    assert left["room"]["roomid"] == token
    assert not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]
    assert (await ask(world, "room", **room, action="leave"))["type"] == "room"
    for wrong in ({"sessionid": "unknown"}, {"roomid": "nothere0"}, {"roomid": "No Room"}):
        assert code(await ask(world, "room", **(room | wrong))) == "no_such_room"


async def test_ping(world: World, mira: Client) -> None:
    token = await world.room(mira)
    session = (await world.join(mira, token))["sessionId"]
    entries = [{"userid": "mira", "sessionid": session}, {"sessionid": "0"}, {}]
    answer = await ask(world, "ping", version="1.0", roomid=token, entries=entries)
    assert answer == {"type": "room", "room": {"version": "1.0"}}


UNREADABLE: list[tuple[Any, str]] = [
    ({"type": "session", "session": {}}, "unknown_type"),
    ({"type": "auth"}, "invalid_request"),
    ({"type": "auth", "auth": {"params": []}}, "invalid_request"),
    ({"type": "auth", "auth": {"params": {"userid": [], "ticket": 1}}}, "invalid_ticket"),
    ({"type": "room", "room": {"roomid": 1}}, "invalid_request"),
    ({"type": "room", "room": {"roomid": "abcd", "action": "dance"}}, "invalid_request"),
    ({"type": "ping", "ping": {"roomid": "abcd", "entries": None}}, "invalid_request"),
    ({}, "invalid_request"),
    ([], "invalid_request"),
    (b"{", "invalid_request"),
    (b"", "invalid_request"),
    (b"\xff", "invalid_request"),
    (b"[" * 5000, "invalid_request"),
]


async def test_what_cannot_be_read(world: World, mira: Client) -> None:
    for body, expected in UNREADABLE:
        response = await send(world, body)
        assert response.status_code == 200, body
        assert code(response.json()["ocs"]["data"]) == expected, body


async def test_signatures(world: World, mira: Client) -> None:
    body = b'{"type":"ping","ping":{"roomid":"abcd","entries":[]}}'
    good = signaling_headers(SECRET, body)
    upper = {"SPREED_SIGNALING_RANDOM": good["Spreed-Signaling-Random"]}
    upper["spreed_signaling_checksum"] = good["Spreed-Signaling-Checksum"].upper()
    for headers in (good, upper):
        assert (await send(world, body, headers=headers)).json()["ocs"]["data"]["type"] == "room"
    for headers in (
        {},
        signaling_headers("another secret", body),
        signaling_headers(SECRET, body + b" "),
        {**good, "Spreed-Signaling-Random": good["Spreed-Signaling-Random"][:31]},
        {**good, "Spreed-Signaling-Checksum": ""},
    ):
        response = await send(world, body, headers=headers)
        assert response.status_code == 200
        assert code(response.json()["ocs"]["data"]) == "invalid_request"
    statuses = [(await send(world, body, headers={})).json()["ocs"]["meta"]["statuscode"] for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    # Whoever signs rightly is not locked out by the other's mistakes, whatever version it takes.
    v1 = BACKEND.replace("/v3/", "/v1/")
    assert (await send(world, body, path=v1)).json()["ocs"]["data"]["type"] == "room"


async def test_without_secret_nobody_is_believed(world: World) -> None:
    body = b'{"type":"ping","ping":{"roomid":"abcd","entries":[]}}'
    response = await send(world, body, headers=signaling_headers("", body))
    assert code(response.json()["ocs"]["data"]) == "invalid_request"
