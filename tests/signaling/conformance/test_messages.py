"""Messages from client to client."""

import asyncio
import itertools
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.signaling.client import PATIENCE_S

from .person import Person, from_, refusal
from .place import Place

LONGEST_BYTES = 64 << 10


async def test_to_a_session(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await place.user("ada", "room1")
    data = {"type": "offer", "from": "somebody else", "payload": {"sdp": "v=0\r\n", "ü": [1, None, 1.5]}}
    await mira.tell({"type": "session", "sessionid": tom.session}, data)
    await tom.hears(from_("mira", data, user="mira"))


async def test_between_all_kinds_of_clients(place: Place) -> None:
    guest, rec = await place.user("guest", "room1", user=""), await place.recorder("room1")
    await guest.tell({"type": "session", "sessionid": rec.session})
    await rec.hears(from_("guest", "x"))
    await rec.tell({"type": "session", "sessionid": guest.session})
    await guest.hears(from_("rec", "x"))


async def test_to_a_user_reaches_all_its_sessions_but_not_those_of_the_sender(place: Place) -> None:
    one, two = await place.user("one", "room1", user="mira"), await place.user("two", "room1", user="mira")
    tom = await place.user("tom", "room1")
    await tom.tell({"type": "user", "userid": "mira"})
    for client in (one, two):
        await client.hears(from_("tom", "x", to="user", user="tom"))
    await one.tell({"type": "user", "userid": "mira"}, "to myself")
    await one.tell({"type": "user", "userid": "tom"})
    await tom.hears(from_("one", "x", to="user", user="mira"))


async def test_to_the_room_reaches_all_but_the_sender(place: Place) -> None:
    mira, guest, rec = (
        await place.user("mira", "room1"),
        await place.user("guest", "room1", user=""),
        await place.recorder("room1"),
    )
    await place.user("tom", "room2")
    await mira.tell({"type": "room"}, {"type": "unshareScreen"})
    for client in (guest, rec):
        await client.hears(from_("mira", {"type": "unshareScreen"}, to="room", user="mira"))


async def test_to_the_call(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await place.user("ada", "room1")
    people = [{"sessionId": f"nc-{name}", "inCall": 7} for name in ("mira", "tom")]
    await place.push("incall", incall=7, changed=people, users=people)
    await tom.sees(mira=7, tom=7)
    await mira.tell({"type": "call"})
    if place.version == "1.2":
        await mira.hears(refusal("invalid_format"))  # it has no feature recipient-call
    else:
        await tom.hears(from_("mira", "x", to="call", user="mira"))


async def test_to_nobody_is_dropped_without_a_word(place: Place) -> None:
    mira, lone = await place.user("mira", "room1"), await place.user("lone")
    for recipient in (
        {"type": "session", "sessionid": "unknown"},
        {"type": "session", "sessionid": mira.session},
        {"type": "user", "userid": "nobody"},
        {"type": "room"},
    ):
        await mira.tell(recipient)
    await lone.tell({"type": "room"})
    await mira.quiet()
    await lone.quiet()


async def test_ours_stay_in_the_room(place: Place) -> None:
    tom, out, lone = (
        await place.user("tom", "room1"),
        await place.user("out", "room2"),
        await place.user("lone"),
    )
    await tom.tell({"type": "session", "sessionid": out.session})
    await lone.tell({"type": "session", "sessionid": tom.session})
    await lone.tell({"type": "user", "userid": "tom"})
    if not place.embedded:  # whoever knows an id reaches it
        await out.hears(from_("tom", "x", user="tom"))
        await tom.hears(from_("lone", "x", user="lone"), from_("lone", "x", to="user", user="lone"))
    for client in (tom, out, lone):
        await client.quiet()


async def test_the_order_is_kept(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    for number in range(50):
        await mira.tell({"type": "session", "sessionid": tom.session}, number)
    received = [(await tom.next_line())["message"]["data"] for _ in range(50)]
    assert received == list(range(50))


async def test_control_needs_a_permission(place: Place) -> None:
    place.conversation.permissions = {"nc-mira": ("control",), "nc-tom": ("publish-audio",)}
    mira, tom, rec = (
        await place.user("mira", "room1"),
        await place.user("tom", "room1"),
        await place.recorder("room1"),
    )
    data = {"action": "forceMute", "peerId": "x"}
    await mira.tell({"type": "session", "sessionid": tom.session}, data, "control")
    await tom.hears(from_("mira", data, user="mira", kind="control"))
    await rec.tell({"type": "user", "userid": "tom"}, data, "control")
    await tom.hears(from_("rec", data, to="user", kind="control"))
    await tom.tell({"type": "room"}, data, "control")
    if place.embedded:  # who is refused should know; the standalone server is silent
        await tom.hears(refusal("not_allowed"))
    await tom.quiet()
    # A push changes the permissions at once, and leaves those alone that it does not name.
    for permissions, allowed in ((["control"], True), (None, True), ([], False)):
        entry: dict[str, Any] = {"sessionId": "nc-tom", "inCall": 0}
        if permissions is not None:
            entry["permissions"] = permissions
        await place.push("participants", changed=[entry], users=[entry])
        if not place.embedded:
            await until_control(tom, mira, allowed=allowed)
        await tom.tell({"type": "room"}, data, "control")
        for other in (mira, rec):
            if allowed:
                await other.hears(from_("tom", data, to="room", user="tom", kind="control"))
        if not allowed and place.embedded:
            await tom.hears(refusal("not_allowed"))


async def until_control(sender: Person, receiver: Person, *, allowed: bool) -> None:
    """Wait until the standalone server has taken a push of permissions: it answers before it does.

    Who is refused is told nothing there, so a message that everybody may send follows each attempt.
    """
    async with asyncio.timeout(PATIENCE_S):
        for number in itertools.count():
            recipient = {"type": "session", "sessionid": receiver.session}
            await sender.tell(recipient, number, "control")
            await sender.tell(recipient, number)
            line = await receiver.next_line()
            if passed := line["type"] == "control":
                assert (await receiver.next_line())["type"] == "message"
            if passed == allowed:
                return


async def test_control_is_lost_with_the_room_in_ours(place: Place) -> None:
    place.conversation.permissions = {"nc-mira": ("control",)}
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await mira.send("room", {"roomid": ""}, "1")
    await mira.hears({"id": "1", "type": "room", "room": {"roomid": ""}})
    mira.room = ""
    await tom.hears({"left": "<mira>"})
    await mira.tell({"type": "session", "sessionid": tom.session}, 1, "control")
    if place.embedded:
        await mira.hears(refusal("not_allowed"))
    else:
        await tom.hears(from_("mira", 1, user="mira", kind="control"))


MALFORMED = [
    None,
    {"data": 1},
    {"recipient": {"type": "session"}, "data": 1},
    {"recipient": {"type": "user"}, "data": 1},
    {"recipient": {"type": "planet"}, "data": 1},
    {"recipient": {"type": "room"}},
]


async def test_malformed_messages_are_refused(place: Place) -> None:
    mira = await place.user("mira", "room1")
    await place.user("tom", "room1")
    for content in MALFORMED:
        await mira.send("message", content, "1")
        await mira.hears(refusal("invalid_format", "1"))
    await mira.send("message", [], "1")  # the standalone server loses the id of what is no object
    await mira.hears(refusal("invalid_format", "1" if place.embedded else None))


async def test_garbage_is_refused_and_the_socket_lives(place: Place) -> None:
    mira = await place.user("mira", "room1")
    for text in ("nonsense", "[]", "{}", '{"type": 5}', '{"type": "room", "room": {"roomid": 5}}'):
        await mira.client.socket.send(text)
        await mira.hears(refusal("invalid_format", None))


async def test_an_unknown_type_does_no_harm(place: Place) -> None:
    mira = await place.user("mira", "room1")
    await mira.send("planet", {"name": "Mars"}, "1")
    if place.embedded:  # who is refused should know; the standalone server is silent
        await mira.hears(refusal("invalid_format", "1"))
    await mira.quiet()
    await mira.send("room", {"roomid": "", "colour": "red"}, "2")  # unknown fields too
    await mira.hears({"id": "2", "type": "room", "room": {"roomid": ""}})
    mira.room = ""


async def test_the_longest_message(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    text = json.dumps({"type": "message", "message": {"recipient": {"type": "room"}, "data": "x"}})
    longest = text.ljust(LONGEST_BYTES)
    await mira.client.socket.send(longest)
    await tom.hears(from_("mira", "x", to="room", user="mira"))
    await mira.client.socket.send(longest + " ")
    with pytest.raises(ConnectionClosed) as closed:
        await mira.client.receive()
    mira.closed = True
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
    await tom.quiet()  # it may come back
