"""Joining and leaving rooms, and what those present are told."""

import asyncio
from collections.abc import Awaitable, Callable

from callrec.wire.signaling import SignalingRefusal

from .client import BACKEND_URL
from .conftest import House

Build = Callable[..., Awaitable[House]]

PROPERTIES = {"name": "Room room1"}


async def test_a_join_is_answered_and_told_to_everybody(house: House) -> None:
    mira = await house.user("mira")
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-mira"})
    assert answer["room"] == {"roomid": "room1", "properties": PROPERTIES}
    own = {
        "sessionid": mira.id,
        "userid": "mira",
        "user": {"displayname": "Mira"},
        "roomsessionid": "nc-mira",
    }
    assert await mira.event("room", "join") == [own]
    assert house.conversation.joined == [("room1", "mira", "nc-mira")]

    guest = await house.user("")
    await guest.ask("room", {"roomid": "room1", "sessionid": "nc-guest"})
    guests = {"sessionid": guest.id, "userid": "", "roomsessionid": "nc-guest"}
    assert await guest.event("room", "join") == [guests]
    assert await guest.event("room", "join") == [own]
    assert await mira.event("room", "join") == [guests]


async def test_join_entries_tell_features(house: House) -> None:
    mira = await house.connect()
    await mira.hello("mira", features=["chat-relay"])
    await mira.ask("room", {"roomid": "room1", "sessionid": "nc-mira"})
    (entry,) = await mira.event("room", "join")
    assert entry["features"] == ["chat-relay"]


async def test_an_internal_client_joins_without_the_conversation_server(house: House) -> None:
    recorder = await house.recorder()
    answer = await recorder.ask("room", {"roomid": "room1"})
    assert answer["room"] == {"roomid": "room1"}
    (entry,) = await recorder.event("room", "join")
    assert (entry["userid"], "user" in entry, "roomsessionid" in entry) == ("", False, False)
    assert house.conversation.joined == []
    await house.user("mira", "room1")
    await recorder.send("bye", {})
    await recorder.until_closed()
    second = await house.recorder()
    answer = await second.ask("room", {"roomid": "room1"})
    assert answer["room"] == {"roomid": "room1", "properties": PROPERTIES}
    assert house.conversation.left == []


async def test_leaving(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await mira.waiting()
    answer = await mira.ask("room", {"roomid": ""})
    assert answer["room"] == {"roomid": ""}
    assert house.conversation.left == [("room1", "mira", "nc-mira")]
    assert await tom.event("room", "leave") == [mira.id]
    await tom.send("message", {"recipient": {"type": "room"}, "data": {}})
    await tom.waiting()
    assert await mira.waiting() == []
    assert (await mira.ask("room", {"roomid": ""}))["room"] == {"roomid": ""}


async def test_joining_another_room_leaves_the_first(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await mira.join("room2", "nc-mira-2")
    assert await tom.event("room", "leave") == [mira.id]
    assert house.conversation.left == [("room1", "mira", "nc-mira")]


async def test_a_refused_join_keeps_the_room(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    for token in ("nowhere", "../room1", "ROOM1", "a"):
        answer = await mira.ask("room", {"roomid": token, "sessionid": "nc-2"})
        assert answer["error"]["code"] == "no_such_room"
    await tom.send("message", {"recipient": {"type": "session", "sessionid": mira.id}, "data": 1})
    assert (await mira.until(lambda m: m["type"] == "message"))["message"]["data"] == 1


async def test_a_client_needs_a_conversation_session(house: House) -> None:
    mira = await house.user("mira")
    for content in ({"roomid": "room1"}, {"roomid": "room1", "sessionid": "x" * 513}, {"sessionid": "x"}):
        assert (await mira.ask("room", content))["error"]["code"] == "invalid_format"
    assert house.conversation.joined == []


async def test_a_failing_conversation_server_fails_only_that_join(house: House) -> None:
    mira, tom = await house.user("mira"), await house.user("tom", "room1")
    house.conversation.failure = RuntimeError("database on fire")
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-mira"})
    assert answer["error"]["code"] == "room_join_failed"
    assert "fire" not in answer["error"]["message"]
    house.conversation.failure = SignalingRefusal("no_such_room", "not you")
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-mira"})
    assert answer["error"] == {"code": "no_such_room", "message": "not you"}
    house.conversation.failure = None
    await mira.join("room1", "nc-mira")
    assert await tom.event("room", "join")


async def test_whose_session_it_is_is_said_to_the_conversation_server_alone(house: House) -> None:
    mira, guest = await house.user("mira", "room1"), await house.connect()
    house.conversation.users.clear()
    params = {"userid": "", "ticket": "good", "guest": "the-mark"}
    await guest.hello("", auth={"url": BACKEND_URL, "params": params})
    await guest.join("room1", "nc-1")
    await guest.ask("room", {"roomid": "room1", "sessionid": "nc-2"})
    await guest.ask("room", {"roomid": ""})
    assert [user.guest for user in house.conversation.users] == ["the-mark"] * 3
    assert "the-mark" not in str(await mira.waiting())


async def test_a_join_that_hangs_holds_up_nobody_else(house: House) -> None:
    hang = asyncio.Event()

    async def hold(session: str) -> None:
        if session == "nc-slow":
            await hang.wait()

    house.conversation.on_join = hold
    slow = await house.user("slow")
    await slow.send("room", {"roomid": "room1", "sessionid": "nc-slow"}, "1")
    mira = await house.user("mira", "room1")
    hang.set()
    assert (await slow.until(lambda m: m.get("id") == "1"))["type"] == "room"
    assert await mira.event("room", "join")


async def test_joining_twice(house: House) -> None:
    mira = await house.user("mira", "room1")
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-mira"})
    assert answer["error"]["code"] == "already_joined"
    assert answer["error"]["details"]["room"] == {"roomid": "room1", "properties": PROPERTIES}
    assert len(house.conversation.joined) == 1


async def test_joining_twice_renews_the_conversation_session(house: House) -> None:
    mira = await house.user("mira", "room1")
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-new"})
    assert answer["error"]["code"] == "already_joined"
    await mira.waiting()
    await house.push("room1", "incall", incall=1, users=[{"sessionId": "nc-new", "inCall": 1}])
    assert (await mira.participants())[mira.id]["nextcloudSessionId"] == "nc-new"
    house.conversation.failure = SignalingRefusal("no_such_room", "not yours")
    answer = await mira.ask("room", {"roomid": "room1", "sessionid": "nc-toms"})
    assert answer["error"]["code"] == "no_such_room"


async def test_the_same_conversation_session_on_a_second_socket(house: House) -> None:
    old, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await old.waiting()
    await house.push("room1", "incall", incall=7, users=[{"sessionId": "nc-mira", "inCall": 7}])
    await tom.waiting()
    new = await house.user("mira")
    await new.send("room", {"roomid": "room1", "sessionid": "nc-mira"})
    assert (await old.until_closed())[-1] == {"type": "bye", "bye": {"reason": "room_session_reconnected"}}
    assert await tom.event("room", "leave") == [old.id]
    (entry,) = await tom.event("room", "join")
    assert entry["sessionid"] == new.id
    # Its place in the call goes with it.
    assert (await tom.participants())[new.id]["inCall"] == 7
    assert house.conversation.left == []
    again = await house.connect()
    assert (await again.resume(old.resume_id))["error"]["code"] == "no_such_session"


async def test_the_conversation_server_hears_who_is_alive(build: Build) -> None:
    house = await build(backend_ping_interval_s=0.05)
    await house.user("mira", "room1")
    await house.user("tom", "room1")
    await house.user("ada", "room2")
    await house.recorder("room1")
    expected = [("room1", ["nc-mira", "nc-tom"]), ("room2", ["nc-ada"])]
    await house.conversation.until(lambda: all(ping in house.conversation.pings for ping in expected))


async def test_a_leave_is_on_its_way_before_a_new_join(house: House) -> None:
    order = []

    async def slowly() -> None:
        await asyncio.sleep(0)
        order.append("left")

    async def joined(_: str) -> None:
        order.append("joined")

    house.conversation.on_leave, house.conversation.on_join = slowly, joined
    mira = await house.user("mira", "room1")
    await mira.send("room", {"roomid": ""})
    await mira.join("room1", "nc-mira")
    assert order == ["joined", "left", "joined"]
