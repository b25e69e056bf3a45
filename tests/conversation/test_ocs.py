"""The OCS layer: envelope, order of checks, parameters, authentication, brute force."""

import base64
import json
from typing import Any

import msgspec
import pytest

from callrec.conversation.ocs.body import body_parameters, form_parameters
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.parameters import as_bool, as_int, convert
from callrec.conversation.ocs.throttle import subnet

from .conftest import ADMIN_PASSWORD, API1, API4, Client, World

V1_STORE = "/ocs/v1.php/apps/spreed/api/v1/recording"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_both_dialects(world: World) -> None:
    guest, admin = await world.client(), await world.admin()
    v2 = await admin.ocs("GET", "/ocs/v2.php/cloud/user")
    assert v2.text.startswith('{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":{"id":')
    v1 = (await admin.ocs("GET", "/ocs/v1.php/cloud/user")).json()["ocs"]["meta"]
    assert v1 == {"status": "ok", "statuscode": 100, "message": "OK", "totalitems": "", "itemsperpage": ""}
    refused = await guest.ocs("GET", "/ocs/v1.php/cloud/user")
    assert (refused.status_code, refused.json()["ocs"]["meta"]["statuscode"]) == (401, 997)
    # A 401 for another reason is none of HTTP there.
    unsigned = await guest.ocs("POST", f"{V1_STORE}/{await world.room(admin)}/store")
    assert (unsigned.status_code, unsigned.json()["ocs"]["meta"]["statuscode"]) == (200, 401)
    missing = await admin.ocs("GET", "/ocs/v1.php/cloud/users/nobody")
    assert (missing.status_code, missing.json()["ocs"]["meta"]["statuscode"]) == (200, 404)


async def test_order_of_checks(world: World) -> None:
    guest, admin, mira = await world.client(), await world.admin(), await world.user("mira")
    unknown = await guest.http.get("/ocs/v2.php/no/such/thing", params={"format": "json"})
    assert (unknown.status_code, unknown.json()["ocs"]["meta"]["statuscode"]) == (404, 998)
    no_token = await guest.ocs("GET", f"{API4}/room/NO", params={"format": "json"})
    assert no_token.json()["ocs"]["meta"]["statuscode"] == 998
    wrong_method = await admin.ocs("PUT", "/ocs/v2.php/cloud/user")
    assert (wrong_method.status_code, wrong_method.content) == (405, b"")
    assert (await guest.http.get("/elsewhere")).status_code == 404
    anonymous = await guest.http.get("/ocs/v2.php/cloud/user")
    assert (anonymous.status_code, anonymous.json()["ocs"]["meta"]["message"]) == (
        401,
        "Current user is not logged in",
    )
    forbidden = await mira.ocs("POST", "/ocs/v2.php/cloud/users", json={})
    assert (forbidden.status_code, forbidden.json()["ocs"]["data"]) == (403, [])
    for path in ("/ocs/v2.php/cloud/user", "/ocs/v2.php/cloud/capabilities"):
        bare = await admin.http.get(path)
        assert (bare.status_code, bare.json()) == (412, {"message": "CSRF check failed"})


async def test_wrong_credentials(world: World) -> None:
    stranger = await world.client("admin", "wrong")
    refused = await stranger.ocs("GET", "/ocs/v2.php/cloud/user")
    assert (refused.status_code, refused.json()["ocs"]["meta"]["message"]) == (401, "Unauthorised")
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="callrec"'
    silent = await stranger.ocs(
        "GET", "/ocs/v2.php/cloud/user", headers={"X-Requested-With": "XMLHttpRequest"}
    )
    assert silent.headers["WWW-Authenticate"].startswith("DummyBasic ")
    # On a public route he is a guest.
    await stranger.data("GET", "/ocs/v2.php/cloud/capabilities")
    garbage = await world.client()
    response = await garbage.ocs("GET", "/ocs/v2.php/cloud/user", headers={"Authorization": "Basic %%%"})
    assert response.status_code == 401


async def test_header_names_may_be_spelled_with_underscores(world: World) -> None:
    admin = await world.admin()
    response = await admin.http.get("/ocs/v2.php/cloud/user", headers={"ocs_apirequest": "true"})
    assert response.status_code == 200


async def test_app_passwords(world: World) -> None:
    mira = await world.user("mira")
    password = (await mira.data("GET", "/ocs/v2.php/core/getapppassword"))["apppassword"]
    basic, bearer = await world.client("mira", password), await world.client()
    await basic.data("GET", "/ocs/v2.php/core/getapppassword", status=403)
    assert (await basic.data("GET", "/ocs/v2.php/cloud/user"))["id"] == "mira"
    other = await world.client("admin", password)
    await other.data("GET", "/ocs/v2.php/cloud/user", status=401)
    authorization = {"Authorization": f"Bearer {password}"}
    # A bearer token needs no OCS header: no foreign page can send it.
    assert (await bearer.http.get("/ocs/v2.php/cloud/user", headers=authorization)).status_code == 200
    await basic.data("DELETE", "/ocs/v2.php/core/apppassword")
    assert (await bearer.http.get("/ocs/v2.php/cloud/user", headers=authorization)).status_code == 401


async def test_guessing_passwords_is_stopped(world: World) -> None:
    guesser = await world.client("admin", "guess")
    statuses = [(await guesser.ocs("GET", "/ocs/v2.php/cloud/user")).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429, 429]
    right = await world.client("admin", ADMIN_PASSWORD)
    assert (await right.ocs("GET", "/ocs/v2.php/cloud/user")).status_code == 429


async def test_guessing_room_tokens_is_stopped(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    token = await world.room(mira, kind=3)
    statuses = [(await guest.ocs("GET", f"{API4}/room/none{n:04}")).status_code for n in range(11)]
    assert statuses == [404] * 10 + [429]
    assert (await guest.ocs("GET", f"{API4}/room/{token}")).status_code == 429
    await mira.data("GET", f"{API4}/room/{token}")  # participants are not locked out


@pytest.mark.parametrize(
    "sent",
    [
        {"params": {"roomName": "New"}},
        {"data": {"roomName": "New"}},
        {"json": {"roomName": "New"}},
        {"files": {"roomName": (None, "New")}},
        {"json": {"roomName": "New", "token": "aaaaaaaa"}, "params": {"roomName": "Query"}},
    ],
)
async def test_parameters_of_any_kind(world: World, sent: dict[str, Any]) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    assert (await mira.data("PUT", f"{API4}/room/{token}", **sent))["name"] == "New"


async def test_bodies_are_limited_and_checked(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    path = f"{API1}/chat/{token}"
    assert (await mira.ocs("POST", path, json={"message": "x" * (1 << 20)})).status_code == 413

    async def endless() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    assert (await mira.ocs("POST", path, content=endless(), headers=FORM)).status_code == 413
    broken = await mira.ocs("POST", path, content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["ocs"]["data"]) == (400, {"error": "body"})
    deep = b"[" * 100_000
    response = await mira.ocs("POST", path, content=deep, headers={"Content-Type": "application/json"})
    assert response.status_code == 400


async def test_an_unexpected_error_is_996(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await world.admin()
    await admin.data("GET", "/ocs/v2.php/cloud/user")

    async def broken(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("callrec.conversation.routes.users.require_user", broken)
    response = await admin.ocs("GET", "/ocs/v2.php/cloud/user")
    assert (response.status_code, response.json()["ocs"]) == (
        500,
        {
            "meta": {"status": "failure", "statuscode": 996, "message": "Internal Server Error\n"},
            "data": [],
        },
    )


class Kinds(msgspec.Struct):
    number: int
    flag: bool = True
    text: str = "none"
    names: list[str] = []
    maybe: int | None = None


def test_lenient_conversion() -> None:
    assert convert({"number": "12", "flag": "false", "text": 5, "maybe": "7", "extra": 1}, Kinds) == Kinds(
        12, False, "5", [], 7
    )
    assert convert({"number": [1], "flag": None}, Kinds).number == 0
    for parameters, name in (
        ({}, "number"),
        ({"number": 1, "names": "x"}, "names"),
        ({"number": None}, "number"),
    ):
        with pytest.raises(OcsError) as refused:
            convert(dict(parameters), Kinds)
        assert refused.value.data == {"error": name}


@pytest.mark.parametrize(
    ("value", "number"),
    [("-3x", -3), ("x", 0), (1.9, 1), (True, 1), ("9" * 30, (1 << 63) - 1), (float("inf"), 0), ({}, 0)],
)
def test_integers(value: Any, number: int) -> None:
    assert as_int(value) == number


def test_truth() -> None:
    assert [as_bool(value) for value in ("1", "true", 1, True)] == [True] * 4
    assert [as_bool(value) for value in ("", "0", "False", 0)] == [False] * 4


def test_nested_names() -> None:
    parsed = form_parameters("a[]=1&a[]=2&b[users][]=mira&c=%E4%BD%A0&d[x]=1&d=2&d[y]=3&e[=1&[]=4")
    assert parsed["a"] == ["1", "2"]
    assert parsed["b"] == {"users": ["mira"]}
    assert parsed["c"] == "你"
    assert parsed["d"] == "2"


def test_bodies_of_other_types_hold_no_parameters() -> None:
    assert body_parameters("text/plain", b"a=1") == {}
    assert body_parameters(None, b"a=1") == {}
    assert body_parameters("application/json", b"[1]") == {}
    with pytest.raises(OcsError):
        body_parameters("multipart/form-data; boundary=x", b"--x\r\nbroken")


def test_networks() -> None:
    assert subnet("192.0.2.7") == "192.0.2.7"
    assert subnet("::ffff:192.0.2.7") == "192.0.2.7"
    assert subnet("2001:db8:1:2:3::4") == subnet("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert subnet(None) == "unknown"


async def test_a_colon_in_a_password_is_part_of_it(world: World) -> None:
    admin = await world.admin()
    await admin.data("POST", "/ocs/v2.php/cloud/users", json={"userid": "mira", "password": "a:b:ü"})
    token = base64.b64encode("mira:a:b:ü".encode()).decode()
    client = Client((await world.client()).http)
    response = await client.ocs("GET", "/ocs/v2.php/cloud/user", headers={"Authorization": f"Basic {token}"})
    assert json.loads(response.content)["ocs"]["data"]["id"] == "mira"
