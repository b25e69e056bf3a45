"""Joining and leaving rooms, and what the others are told."""

from .person import refusal
from .place import PROPERTIES, Place, join_entry

PUT_OUT = {"id": "1", "type": "room", "room": {"roomid": ""}}


def in_room(room: str) -> dict[str, object]:
    return {"roomid": room, "properties": PROPERTIES[room]}


async def test_everybody_hears_of_everybody(place: Place) -> None:
    # enter() checks what each of them hears.
    await place.user("mira", "room1")
    await place.user("guest", "room1", user="")
    await place.recorder("room1")
    await place.user("tom", "room1")
    await place.user("ada", "room2")
    assert place.conversation.joined == [
        ("room1", "mira", "nc-mira"),
        ("room1", "", "nc-guest"),
        ("room1", "tom", "nc-tom"),
        ("room2", "ada", "nc-ada"),
    ]


async def test_a_recorder_that_comes_first_knows_no_properties(place: Place) -> None:
    await place.recorder("room1")
    await place.user("mira", "room1")
    assert place.conversation.joined == [("room1", "mira", "nc-mira")]


async def test_leaving(place: Place) -> None:
    mira, tom, rec = (
        await place.user("mira", "room1"),
        await place.user("tom", "room1"),
        await place.recorder("room1"),
    )
    await mira.send("room", {"roomid": ""}, "1")
    await mira.hears(PUT_OUT)
    mira.room = ""
    for other in (tom, rec):
        await other.hears({"left": "<mira>"})
    await place.conversation.until(lambda: place.conversation.left == [("room1", "mira", "nc-mira")])
    await rec.send("room", {"roomid": ""}, "1")
    await rec.hears(PUT_OUT)
    rec.room = ""
    await tom.hears({"left": "<rec>"})
    await mira.send("room", {"roomid": ""}, "1")  # in none already
    if place.embedded:  # every request is answered; the standalone server is silent
        await mira.hears(PUT_OUT)
    await place.enter(mira, "room1", "mira")
    assert place.conversation.left == [("room1", "mira", "nc-mira")]  # a recorder has no session there


async def test_another_room_is_a_leave_of_the_first(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await mira.send("room", {"roomid": "room2", "sessionid": "nc-mira-2"}, "1")
    entry = {**join_entry("mira", "mira"), "roomsessionid": "nc-mira-2"}
    await mira.hears({"id": "1", "type": "room", "room": in_room("room2")}, {"joined": entry})
    mira.room = "room2"
    await tom.hears({"left": "<mira>"})
    if place.embedded:  # the standalone server names another session, so its backend waits for pings to end
        await place.conversation.until(lambda: place.conversation.left == [("room1", "mira", "nc-mira")])


async def test_a_refused_join_keeps_the_room(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await mira.send("room", {"roomid": "nowhere", "sessionid": "nc-other"}, "1")
    await mira.hears(refusal("no_such_room", "1"))
    await tom.tell({"type": "room"})
    sender = {"type": "room", "sessionid": "<tom>", "userid": "tom"}
    await mira.hears({"type": "message", "message": {"sender": sender, "data": "x"}})


async def test_joining_twice(place: Place) -> None:
    mira, rec = await place.user("mira", "room1"), await place.recorder("room1")
    already = refusal("already_joined", "1", details={"room": in_room("room1")})
    for content in (
        {"roomid": "room1", "sessionid": "nc-mira"},
        {"roomid": "room1"},
        {"roomid": "room1", "sessionid": "nc-mira"},
    ):
        await mira.send("room", content, "1")
        await mira.hears(already)
    await rec.send("room", {"roomid": "room1"}, "1")
    await rec.hears(already)


async def test_joining_twice_renews_the_session(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await mira.send("room", {"roomid": "room1", "sessionid": "nc-new"}, "1")
    await mira.hears(refusal("already_joined", "1", details={"room": in_room("room1")}))
    entry = {"sessionId": "nc-new", "inCall": 7}
    await place.push("incall", incall=7, changed=[entry], users=[entry])
    for person in (mira, tom):
        await person.sees(mira=7)


async def test_the_same_session_on_a_second_socket(place: Place) -> None:
    old = await place.user("old", "room1", user="mira")
    await place.user("tom", "room1")
    new = await place.user("new", user="mira")
    await place.take_over(old, new, "mira")
    late = await place.connect("late")
    answer = await late.say_hello({"version": "1.0", "resumeid": old.client.resume_id})
    assert answer == refusal("no_such_session", "hello")
    assert place.conversation.left == []
