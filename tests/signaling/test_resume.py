"""Sessions that lose their socket."""

from collections.abc import Awaitable, Callable

from .client import PATIENCE_S, Client
from .conftest import House
from .test_pushes import entry, flags

Build = Callable[..., Awaitable[House]]


async def lose(client: Client, watcher: Client) -> None:
    """Cut the socket, and let the server notice."""
    client.socket.close_timeout = PATIENCE_S  # it answers the close when it has seen it
    await client.socket.close()
    await watcher.waiting()


async def test_what_was_missed_is_delivered(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await lose(mira, tom)
    await tom.send("message", {"recipient": {"type": "session", "sessionid": mira.id}, "data": 1})
    assert await tom.waiting() == []
    refresh = {"type": "chat", "chat": {"refresh": True}}
    await house.push("room1", "message", data=refresh)
    await house.push("room1", "message", data={"type": "recording", "recording": {"status": 1}})
    await house.push("room1", "message", data=refresh)

    again = await house.connect()
    answer = await again.resume(mira.resume_id)
    assert answer["hello"] == {
        **answer["hello"],
        "sessionid": mira.id,
        "resumeid": mira.resume_id,
        "userid": "mira",
    }
    first, *events = await again.waiting()
    assert first["message"]["data"] == 1
    kinds = [e["event"].get("message", {}).get("data", {}).get("type") for e in events]
    assert kinds == ["chat", "recording", None]
    assert events[-1]["event"]["target"] == "participants"
    await again.send("message", {"recipient": {"type": "room"}, "data": 2})
    assert (await tom.until(lambda m: m["type"] == "message"))["message"]["sender"]["sessionid"] == mira.id
    assert house.conversation.left == []


async def test_a_queued_update_is_not_sent_twice(house: House) -> None:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await lose(mira, tom)
    await house.push("room1", "incall", incall=7, users=[entry("nc-tom", 7)])
    again = await house.connect()
    await again.resume(mira.resume_id)
    (update,) = await again.waiting()
    assert flags({u["sessionId"]: u for u in update["event"]["update"]["users"]}) == {tom.id: 7}


async def test_the_old_socket_says_bye(house: House) -> None:
    mira = await house.user("mira", "room1")
    await mira.waiting()
    again = await house.connect()
    await again.resume(mira.resume_id)
    assert await mira.until_closed() == [{"type": "bye", "bye": {"reason": "session_resumed"}}]
    assert (await again.ask("room", {"roomid": ""}))["type"] == "room"
    third = await house.connect()
    assert (await third.resume(mira.resume_id))["type"] == "hello"


async def test_a_recorder_resumes(house: House) -> None:
    mira = await house.user("mira", "room1")
    recorder = await house.recorder("room1")
    await recorder.send("internal", {"type": "incall", "incall": {"incall": 1}})
    await recorder.waiting()
    await lose(recorder, mira)
    again = await house.connect()
    await again.resume(recorder.resume_id)
    assert flags(await again.participants()) == {recorder.id: 1}


async def test_a_session_that_does_not_come_back_leaves(build: Build) -> None:
    house = await build(resume_timeout_s=0.05)
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    recorder = await house.recorder("room1")
    await tom.waiting()
    await mira.socket.close()
    assert await tom.event("room", "leave") == [mira.id]
    await house.conversation.until(lambda: house.conversation.left == [("room1", "mira", "nc-mira")])
    await recorder.socket.close()
    assert await tom.event("room", "leave") == [recorder.id]
    assert len(house.conversation.left) == 1
    again = await house.connect()
    assert (await again.resume(mira.resume_id))["error"]["code"] == "no_such_session"


async def test_more_than_fits_ends_a_session_without_socket(build: Build) -> None:
    house = await build(max_queue_messages=20)
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await lose(mira, tom)
    for number in range(21):
        await tom.send("message", {"recipient": {"type": "session", "sessionid": mira.id}, "data": number})
    assert await tom.event("room", "leave") == [mira.id]
