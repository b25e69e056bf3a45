"""Messages from client to client."""

import json
from typing import Any

import pytest

from .client import Client, Message
from .conftest import House


def is_relayed(message: Message) -> bool:
    return message["type"] in ("message", "control")


async def relayed(client: Client) -> list[Message]:
    return [message for message in await client.waiting() if is_relayed(message)]


async def test_to_a_session(house: House) -> None:
    mira, tom, ada = [await house.user(name, "room1") for name in ("mira", "tom", "ada")]
    data = {"type": "offer", "from": "somebody else", "payload": {"sdp": "v=0\r\n", "ü": [1, None, 1.5]}}
    await mira.send("message", {"recipient": {"type": "session", "sessionid": tom.id}, "data": data})
    message = await tom.until(is_relayed)
    sender = {"type": "session", "sessionid": mira.id, "userid": "mira"}
    assert message == {"type": "message", "message": {"sender": sender, "data": data}}
    await mira.waiting()
    assert await relayed(ada) == []


async def test_order_is_kept(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    for number in range(200):
        await mira.send("message", {"recipient": {"type": "session", "sessionid": tom.id}, "data": number})
    received = [(await tom.until(is_relayed))["message"]["data"] for _ in range(200)]
    assert received == list(range(200))


async def test_to_a_user_reaches_all_sessions_in_the_room(house: House) -> None:
    first, second = await house.user("mira", "room1", "nc-1"), await house.user("mira", "room1", "nc-2")
    tom, outside = await house.user("tom", "room1"), await house.user("mira")
    await tom.send("message", {"recipient": {"type": "user", "userid": "mira"}, "data": "hi"})
    await tom.waiting()
    for client in (first, second):
        (message,) = await relayed(client)
        assert message["message"]["sender"] == {"type": "user", "sessionid": tom.id, "userid": "tom"}
    assert await relayed(outside) == []
    await first.send("message", {"recipient": {"type": "user", "userid": "mira"}, "data": "me"})
    await first.waiting()
    assert await relayed(second) == []


async def test_to_the_room_reaches_all_but_the_sender(house: House) -> None:
    mira, guest, recorder = (
        await house.user("mira", "room1"),
        await house.user("", "room1", "nc-guest"),
        await house.recorder("room1"),
    )
    other_room = await house.user("tom", "room2")
    await guest.send("message", {"recipient": {"type": "room"}, "data": {"type": "unshareScreen"}})
    assert await relayed(guest) == []
    for client in (mira, recorder):
        (message,) = await relayed(client)
        assert message["message"]["sender"] == {"type": "room", "sessionid": guest.id}
    assert await relayed(other_room) == []


async def test_to_the_call(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    recorder = await house.recorder("room1")
    await recorder.send("internal", {"type": "incall", "incall": {"incall": 1}})
    await recorder.waiting()
    await house.push("room1", "incall", incall=1, users=[{"sessionId": "nc-mira", "inCall": 1}])
    await mira.send("message", {"recipient": {"type": "call"}, "data": 1})
    await mira.waiting()
    assert await relayed(tom) == []
    assert len(await relayed(recorder)) == 1
    await tom.send("message", {"recipient": {"type": "call"}, "data": 2})
    await tom.waiting()
    assert [m["message"]["data"] for m in await relayed(mira)] == [2]


async def test_to_nobody_is_dropped_silently(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room2")
    roomless = await house.user("ada")
    for client, session in ((mira, "unknown"), (mira, mira.id), (mira, tom.id), (roomless, mira.id)):
        await client.send("message", {"recipient": {"type": "session", "sessionid": session}, "data": 1})
    await roomless.send("message", {"recipient": {"type": "room"}, "data": 1})
    for client in (mira, roomless, tom):
        assert await client.waiting() == []


async def test_control_needs_the_permission(house: House) -> None:
    house.conversation.permissions = {"nc-mira": ("publish-audio", "control"), "nc-tom": ("publish-audio",)}
    mira, tom, recorder = (
        await house.user("mira", "room1"),
        await house.user("tom", "room1"),
        await house.recorder("room1"),
    )
    content = {"recipient": {"type": "room"}, "data": {"action": "forceMute"}}
    assert (await tom.ask("control", content))["error"]["code"] == "not_allowed"
    await mira.send("control", content)
    await recorder.send("control", content)
    senders = [(await tom.until(is_relayed))["control"]["sender"]["sessionid"] for _ in range(2)]
    assert senders == [mira.id, recorder.id]
    # The right does not outlive the room.
    await mira.ask("room", {"roomid": ""})
    assert (await mira.ask("control", content))["error"]["code"] == "not_allowed"


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"data": 1},
        {"recipient": {"type": "session", "sessionid": "x"}},
        {"recipient": {"type": "session"}, "data": 1},
        {"recipient": {"type": "user"}, "data": 1},
        {"recipient": {"type": "planet"}, "data": 1},
        {"recipient": {"type": "session", "sessionid": 5}, "data": 1},
    ],
)
async def test_malformed_messages_are_refused(house: House, content: Any) -> None:
    mira = await house.user("mira", "room1")
    answer = await mira.ask("message", content)
    assert answer["error"]["code"] == "invalid_format"
    assert answer["error"]["message"].startswith("message")


@pytest.mark.parametrize("data", [r'"\ud800 lone surrogate"', "1e999", "[" * 3000 + "]" * 3000])
async def test_data_that_strict_readers_could_not_decode_is_refused(house: House, data: str) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    message = {"id": "1", "type": "message", "message": {"recipient": {"type": "room"}, "data": "HERE"}}
    await mira.socket.send(json.dumps(message).replace('"HERE"', data))
    answer = await mira.until(lambda m: m["type"] == "error")
    assert answer["error"]["code"] == "invalid_format"
    assert await relayed(tom) == []
