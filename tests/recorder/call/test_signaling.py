"""The recorder's signaling client against a scripted server on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import ServerConnection

from callrec.errors import JoinRefused
from callrec.recorder.call import signaling as signaling_module
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.call.signaling import FINAL_CODES, SignalingLost, connect, raise_refusal
from callrec.wire.checksum import verify
from tests.recorder.folder.samples import ANCHOR

SECRET = "the-internal-secret"
TOKEN = "k3x9p2aa"
HELLO = {"id": "hello", "type": "hello", "hello": {"sessionid": "own", "server": {"features": ["mcu"]}}}

Script = Callable[[ServerConnection, list[dict[str, Any]]], Awaitable[None]]


def order(connect_url: str = "https://talk.example") -> CaptureOrder:
    return CaptureOrder(
        root=Path("recording"),
        anchor=ANCHOR,
        token=TOKEN,
        backend_url="https://talk.example",
        connect_url=connect_url,
        backend_secret="",
        signaling_secret=SECRET,
        video=True,
        empty_timeout_s=30,
    )


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Run *script* for each client; yield the URL and what clients say after their hello."""
    heard: list[dict[str, Any]] = []

    async def serve(client: ServerConnection) -> None:
        assert client.request is not None and client.request.path == "/signaling/spreed"
        await script(client, heard)
        async for text in client:
            heard.append(json.loads(text))

    async with websockets.serve(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", heard


async def welcome(client: ServerConnection, heard: list[dict[str, Any]]) -> None:
    """Send what servers send first, then answer the hello."""
    await client.send(json.dumps({"type": "welcome", "welcome": {"features": []}}))
    heard.append(json.loads(await client.recv()))
    await client.send(json.dumps(HELLO))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_hello_join_and_bye() -> None:
    async with server(welcome) as (url, heard):
        async with connect(order(url), "wss://talk.example/signaling") as connection:
            assert connection.session_id == "own" and connection.features == {"mcu"}
            await connection.send_to("other", {"type": "answer"})
        await until(lambda: heard[-1]["type"] == "bye")
    hello, in_call, room, message, _ = heard
    auth = hello["hello"]["auth"]
    assert (hello["hello"]["version"], auth["type"]) == ("1.0", "internal")
    assert auth["params"]["backend"] == "https://talk.example"  # the public URL, whatever is connected to
    assert verify(SECRET, auth["params"]["random"], auth["params"]["token"], b"")
    assert in_call["internal"] == {"type": "incall", "incall": {"incall": 1}}
    assert room == {"id": "room", "type": "room", "room": {"roomid": TOKEN}}
    assert message["message"]["recipient"] == {"type": "session", "sessionid": "other"}
    assert SECRET not in json.dumps(heard)


def refusing(code: str) -> Script:
    async def script(client: ServerConnection, heard: list[dict[str, Any]]) -> None:
        await client.recv()
        error = {"code": code, "message": "no"}
        await client.send(json.dumps({"id": "hello", "type": "error", "error": error}))

    return script


@pytest.mark.parametrize("code", sorted(FINAL_CODES))
async def test_a_refusal_for_good_is_told_apart(code: str) -> None:
    async with server(refusing(code)) as (url, _):
        with pytest.raises(JoinRefused, match=code):
            async with connect(order(url), "https://talk.example/signaling"):
                pass


@pytest.mark.parametrize("code", ["too_many_requests", "timeout", "internal_error", "unheard_of"])
async def test_another_error_is_worth_another_try(code: str) -> None:
    async with server(refusing(code)) as (url, _):
        with pytest.raises(SignalingLost, match=code):
            async with connect(order(url), "https://talk.example/signaling"):
                pass


@pytest.mark.parametrize("message", [{}, {"error": None}, {"error": {}}])
def test_an_error_without_a_code_is_worth_another_try(message: dict[str, Any]) -> None:
    with pytest.raises(SignalingLost):
        raise_refusal(message)


async def test_nobody_there_is_worth_another_try() -> None:
    async with server(welcome) as (url, _):
        pass
    with pytest.raises(SignalingLost):
        async with connect(order(url), "https://talk.example/signaling"):
            pass


async def test_a_server_that_says_nothing_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(client: ServerConnection, heard: list[dict[str, Any]]) -> None:
        return

    monkeypatch.setattr(signaling_module, "ANSWER_TIMEOUT_S", 0.05)
    async with server(silent) as (url, _):
        with pytest.raises(SignalingLost, match="no answer to hello"):
            async with connect(order(url), "https://talk.example/signaling"):
                pass


async def test_odd_messages_are_passed_over_and_the_end_is_told() -> None:
    async def odd(client: ServerConnection, heard: list[dict[str, Any]]) -> None:
        await welcome(client, heard)
        for text in ("", "{", "[]", "7", "null", '"x"', "[" * 100_000, '{"a":' * 100_000):
            await client.send(text)
        await client.send(b"\xff\xfe")
        await client.send('{"type":"event","event":{}}')
        await client.close()

    got = []
    async with server(odd) as (url, _):
        with pytest.raises(SignalingLost):
            async with connect(order(url), "https://talk.example/signaling") as connection:
                async for message in connection.messages():
                    got.append(message)
    assert got == [{"type": "event", "event": {}}]
