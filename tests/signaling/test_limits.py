"""Garbage, floods, and clients that do not read."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from callrec.signaling.pace import Pace

from .client import Client
from .conftest import House

Build = Callable[..., Awaitable[House]]

GARBAGE = [
    "",
    "nonsense",
    "[]",
    "null",
    "7",
    "{}",
    '{"type": 5}',
    '{"type": "hello"}',
    '{"type": "hello", "hello": 5}',
    '{"type": "room", "room": {"roomid": 5}}',
    '{"type": "room", "id": 5, "room": {"roomid": "room1"}}',
    '{"type": "room", "room": {"roomid": "room1"',
    '{"type": "\\ud800"}',
    "[" * 10000,
    '{"type": "room", "room": {"roomid": ' + "[" * 10000 + "]" * 10000 + "}}",
]


@pytest.mark.parametrize("hello", [False, True])
async def test_garbage_is_refused_and_the_socket_lives(house: House, hello: bool) -> None:
    client = await house.connect()
    if hello:
        await client.hello("mira")
    for text in GARBAGE:
        if hello and "hello" in text:
            continue
        await client.socket.send(text)
        answer = await client.receive()
        assert answer["type"] == "error", text
        assert answer["error"]["code"] in ("invalid_format", "hello_expected"), text
    await client.socket.send(b"{}")
    assert (await client.receive())["error"]["code"] == "invalid_format"
    if not hello:
        assert (await client.hello("mira"))["type"] == "hello"


async def test_unknown_types_and_fields(house: House) -> None:
    mira = await house.user("mira")
    assert (await mira.ask("transient", {}))["error"]["code"] == "invalid_format"
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-mira", "new": {"field": 1}})
    assert answer["type"] == "room"


async def test_a_message_of_64_kib_is_taken_and_a_longer_one_closes(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await mira.waiting()
    text = json.dumps({"type": "message", "message": {"recipient": {"type": "room"}, "data": "ü"}})
    longest = text + " " * (65536 - len(text))
    await mira.socket.send(longest)
    assert (await tom.receive())["message"]["data"] == "ü"
    await mira.socket.send(longest + " ")
    with pytest.raises(ConnectionClosed) as closed:
        await mira.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert await tom.waiting() == []  # it may still come back


async def test_the_limit_holds_without_the_help_of_the_web_server(build: Build) -> None:
    house = await build({"ws_max_size": 100_000}, max_message_bytes=1000)
    mira = await house.user("mira")
    await mira.socket.send("ü" * 501)
    with pytest.raises(ConnectionClosed) as closed:
        await mira.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_client_that_answers_no_ping_loses_its_socket(build: Build) -> None:
    house = await build(websocket_ping_interval_s=0.05, websocket_pong_timeout_s=0.5, resume_timeout_s=0.05)
    mute, mira = await house.user("mute", "room1"), await house.user("mira", "room1")
    mute.socket.transport.pause_reading()
    assert await mira.event("room", "leave") == [mute.id]


async def flood(sender: Client, reader: Client, *, until: Callable[[dict[str, Any]], bool]) -> None:
    """Send long messages to the room until *reader*, which keeps up, sees what is awaited."""
    content = {"recipient": {"type": "room"}, "data": "x" * 60_000}
    async with asyncio.timeout(20):
        while True:
            await sender.send("message", content)
            if any(until(message) for message in [await reader.receive(), *await reader.waiting()]):
                return


async def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(build: Build) -> None:
    house = await build(max_queue_bytes=600_000, message_burst=100_000)
    stuck, mira, tom = [await house.user(name, "room1") for name in ("stuck", "mira", "tom")]
    await mira.waiting()
    stuck.socket.transport.pause_reading()
    await flood(
        mira,
        tom,
        until=lambda m: m.get("event", {}).get("leave") == [stuck.id],
    )
    await house.conversation.until(lambda: house.conversation.left == [("room1", "stuck", "nc-stuck")])
    again = await house.connect()
    assert (await again.resume(stuck.resume_id))["error"]["code"] == "no_such_session"


async def test_a_client_that_does_not_read_loses_its_socket_first(build: Build) -> None:
    house = await build(
        write_timeout_s=0.5, max_queue_bytes=1 << 30, resume_timeout_s=0.1, message_burst=100_000
    )
    stuck, mira, tom = [await house.user(name, "room1") for name in ("stuck", "mira", "tom")]
    await mira.waiting()
    stuck.socket.transport.pause_reading()
    await flood(mira, tom, until=lambda m: m.get("event", {}).get("leave") == [stuck.id])


async def test_a_fast_sender_is_read_more_slowly_and_loses_nothing(build: Build) -> None:
    house = await build(message_burst=5, messages_per_s=100)
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    started = asyncio.get_running_loop().time()
    for number in range(20):
        await mira.send("message", {"recipient": {"type": "room"}, "data": number})
    received = [(await tom.receive())["message"]["data"] for _ in range(20)]
    assert received == list(range(20))
    assert asyncio.get_running_loop().time() - started >= 0.14  # 15 over the burst, less what refilled


def test_pace() -> None:
    pace = Pace(per_s=10, burst=3, now_s=0)
    assert [pace.delay_s(0) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    assert pace.delay_s(0.3) == 0
    assert pace.delay_s(0.3) == pytest.approx(0.1)
    assert [pace.delay_s(100) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])
