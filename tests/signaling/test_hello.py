"""Who may open a session, and what they are told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from callrec.wire.signaling import SignalingRefusal

from .client import BACKEND_URL, Client, internal_params
from .conftest import House

Build = Callable[..., Awaitable[House]]


def code(answer: dict[str, Any]) -> str:
    assert answer["type"] == "error", answer
    return str(answer["error"]["code"])


async def test_the_welcome_page_names_the_features(house: House) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{house.url}/api/v1/welcome")
    assert answer.status_code == 200
    assert answer.json()["nextcloud-spreed-signaling"] == "Welcome"
    assert "incall-all" in answer.headers["X-Spreed-Signaling-Features"].split(", ")


async def test_welcome_comes_first(house: House) -> None:
    async with Client.connect(f"ws{house.url[4:]}/spreed") as client:
        welcome = await client.receive()
    assert welcome["type"] == "welcome"
    assert "welcome" in welcome["welcome"]["features"]
    assert "mcu" not in welcome["welcome"]["features"]


async def test_a_user_says_hello(house: House) -> None:
    client = await house.connect()
    answer = await client.hello("mira")
    assert answer["hello"]["userid"] == "mira"
    assert answer["hello"]["version"] == "1.0"
    assert "mcu" not in answer["hello"]["server"]["features"]
    assert len({client.id, client.resume_id}) == 2
    assert min(len(client.id), len(client.resume_id)) >= 22  # 128 bits in base64


async def test_a_user_shows_a_token(house: House) -> None:
    client = await house.connect()
    auth = {"url": f"{BACKEND_URL}/", "params": {"token": "mira:good"}}
    answer = await client.hello("", version="2.0", auth=auth)
    assert (answer["hello"]["userid"], answer["hello"]["version"]) == ("mira", "2.0")
    assert "hello-v2" in answer["hello"]["server"]["features"]


async def test_a_guest_says_hello(house: House) -> None:
    client = await house.connect()
    assert (await client.hello(""))["hello"]["userid"] == ""


async def test_hello_is_expected(house: House) -> None:
    client = await house.connect()
    assert code(await client.ask("room", {"roomid": "room1"})) == "hello_expected"
    assert (await client.hello("mira"))["type"] == "hello"


async def test_a_second_hello_is_ignored(house: House) -> None:
    client = await house.user("mira")
    await client.send("hello", {"version": "1.0", "resumeid": "x"})
    assert await client.waiting() == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"version": "3.0", "auth": {"url": BACKEND_URL, "params": {}}}, "invalid_hello_version"),
        ({"version": "2.0", "auth": {"url": BACKEND_URL, "params": {"ticket": "good"}}}, "invalid_format"),
        ({"version": "2.0", "auth": {"url": BACKEND_URL, "params": {"token": "mira:bad"}}}, "token_expired"),
        ({"version": "1.0"}, "invalid_format"),
        ({"auth": {"url": BACKEND_URL, "params": {}}}, "invalid_hello_version"),
        ({"version": "1.0", "auth": {"params": {"ticket": "good"}}}, "invalid_format"),
        ({"version": "1.0", "auth": {"url": BACKEND_URL}}, "invalid_format"),
        ({"version": "1.0", "auth": {"type": "federation", "params": {}}}, "invalid_format"),
        ({"version": "1.0", "auth": {"url": f"{BACKEND_URL}.evil", "params": {}}}, "invalid_backend"),
        ({"version": "1.0", "auth": {"url": "http://cloud.example", "params": {}}}, "invalid_backend"),
        ({"version": "1.0", "auth": {"url": BACKEND_URL, "params": {"ticket": "bad"}}}, "invalid_ticket"),
        ({"version": "1.0", "resumeid": "unknown"}, "no_such_session"),
        ({"version": "1.0", "features": ["x" * 65], "resumeid": "unknown"}, "invalid_format"),
    ],
)
async def test_hellos_that_are_refused(house: House, content: dict[str, Any], expected: str) -> None:
    client = await house.connect()
    assert code(await client.ask("hello", content)) == expected
    assert (await client.hello("mira"))["type"] == "hello"


async def test_a_failing_conversation_server_refuses_a_hello(house: House) -> None:
    client = await house.connect()
    house.conversation.failure = RuntimeError("database on fire")
    answer = await client.hello("mira")
    assert code(answer) == "auth_failed"
    assert "fire" not in answer["error"]["message"]
    house.conversation.failure = SignalingRefusal("no_such_user", "who?")
    assert code(await client.hello("mira")) == "no_such_user"


@pytest.mark.parametrize("backend", [BACKEND_URL, f"{BACKEND_URL}/", "wss://cloud.example"])
async def test_an_internal_client_says_hello(house: House, backend: str) -> None:
    client = await house.connect()
    answer = await client.hello_internal(internal_params(backend=backend))
    assert answer["hello"]["userid"] == ""


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "invalid_format"),
        (internal_params(backend=""), "invalid_format"),
        ({k: v for k, v in internal_params().items() if k != "backend"}, "invalid_format"),
        (internal_params(token=7), "invalid_format"),
        (internal_params(token="0" * 64), "invalid_token"),
        (internal_params(token="ü"), "invalid_token"),
        (internal_params(secret="another"), "invalid_token"),
        (internal_params(random="short"), "invalid_token"),
        (internal_params(backend="https://elsewhere.example"), "invalid_backend"),
    ],
)
async def test_internal_clients_that_are_refused(house: House, params: dict[str, Any], expected: str) -> None:
    client = await house.connect()
    assert code(await client.hello_internal(params)) == expected
    assert code(await client.ask("room", {"roomid": "room1"})) == "hello_expected"


async def test_without_a_secret_no_internal_client_comes_in(build: Build) -> None:
    house = await build(internal_secret="")
    client = await house.connect()
    assert code(await client.hello_internal(internal_params(secret=""))) == "invalid_client_type"


async def test_silence_is_not_waited_for(build: Build) -> None:
    house = await build(hello_timeout_s=0.05)
    client = await house.connect()
    assert await client.until_closed() == [{"type": "bye", "bye": {"reason": "hello_timeout"}}]


async def test_a_guest_without_a_room_is_not_kept(build: Build) -> None:
    house = await build(anonymous_timeout_s=0.05)
    client = await house.connect()
    user = await house.user("mira")
    await client.send("hello", {"version": "1.0", "auth": {"url": BACKEND_URL, "params": {"ticket": "good"}}})
    messages = await client.until_closed()
    assert messages[-1] == {"type": "bye", "bye": {"reason": "room_join_timeout"}}
    assert await user.waiting() == []


async def test_bye_is_answered(house: House) -> None:
    client = await house.user("mira", "room1")
    await client.send("bye", {}, "9")
    assert await client.until_closed() == [{"id": "9", "type": "bye", "bye": {"reason": ""}}]
    await house.conversation.until(lambda: house.conversation.left == [("room1", "mira", "nc-mira")])
    again = await house.connect()
    assert code(await again.resume(client.resume_id)) == "no_such_session"


async def test_a_closing_server_says_bye(house: House) -> None:
    clients = [await house.user("mira", "room1"), await house.recorder("room1"), await house.connect()]
    await asyncio.gather(house.server.close(), *(self_closing(client) for client in clients))
    assert house.conversation.left == []


async def self_closing(client: Client) -> None:
    assert (await client.until_closed())[-1] == {"type": "bye", "bye": {"reason": "server_shutdown"}}
