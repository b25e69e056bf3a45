"""What the conversation server tells about a room."""

from typing import Any

from .place import Place, room_message

PROPERTIES = {"name": "New name"}


def room_list(kind: str, room: str = "room1", **content: Any) -> dict[str, Any]:
    return {"type": "event", "event": {"target": "roomlist", "type": kind, kind: {"roomid": room, **content}}}


async def test_messages_reach_everybody_in_the_room(place: Place) -> None:
    inside = [
        await place.user("mira", "room1"),
        await place.user("guest", "room1", user=""),
        await place.recorder("room1"),
    ]
    await place.user("tom", "room2")
    for data in (
        {"type": "chat", "chat": {"refresh": True}},
        {"type": "recording", "recording": {"status": 1}},
        {"type": "new", "new": [{"ü": None}]},
    ):
        await place.push("message", data=data)
        for client in inside:
            await client.hears(room_message(data))


async def test_new_properties(place: Place) -> None:
    mira, tom, rec = (
        await place.user("mira", "room1"),
        await place.user("tom", "room1"),
        await place.recorder("room1"),
    )
    elsewhere = await place.user("elsewhere", "room2", user="tom")
    await place.push("update", userids=["tom"], properties=PROPERTIES)
    news = {"type": "room", "room": {"roomid": "room1", "properties": PROPERTIES}}
    listed = room_list("update", properties=PROPERTIES)
    await mira.hears(news)
    await rec.hears(news)
    await tom.hears(news, listed)
    await elsewhere.hears(listed)
    place.properties["room1"] = PROPERTIES
    await place.recorder("room1", name="late")


async def test_invitations(place: Place) -> None:
    mira, ada = await place.user("mira"), await place.user("ada", "room2")
    await place.user("guest", "room2", user="")
    await place.push("invite", userids=["mira"], alluserids=["ada", "mira"], properties=PROPERTIES)
    await mira.hears(room_list("invite", properties=PROPERTIES))
    await ada.hears(room_list("update", properties=PROPERTIES))


async def test_a_disinvited_user_is_put_out(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    elsewhere = await place.user("elsewhere", "room2", user="tom")
    await place.push("disinvite", userids=["tom"], alluserids=["mira"], properties=PROPERTIES)
    told = room_list("disinvite", reason="disinvited")
    tom.room = ""
    if place.embedded:  # the socket stays, and hears that it is in no room
        await tom.hears(told, {"type": "room", "room": {"roomid": ""}})
    else:
        await tom.is_put_off(told)
    await elsewhere.hears(told)
    await mira.hears({"left": "<tom>"}, room_list("update", properties=PROPERTIES))
    await place.conversation.until(lambda: place.conversation.left == [("room1", "tom", "nc-tom")])


async def test_a_disinvited_session_is_put_out(place: Place) -> None:
    mira, guest = await place.user("mira", "room1"), await place.user("guest", "room1", user="")
    await place.push("disinvite", sessionids=["nc-guest", "nc-unknown"], alluserids=["mira"], properties={})
    guest.room = ""
    told = room_list("disinvite", reason="disinvited")
    if place.embedded:
        await guest.hears(told, {"type": "room", "room": {"roomid": ""}})
    else:
        await guest.is_put_off(told)
    await mira.hears({"left": "<guest>"}, room_list("update", properties={}))


async def test_a_deleted_room(place: Place) -> None:
    mira, rec = await place.user("mira", "room1"), await place.recorder("room1")
    listed, ada = await place.user("listed", user="ada"), await place.user("tom", "room2")
    await place.push("delete", userids=["ada", "mira"])
    told = room_list("disinvite", reason="deleted")
    for client in (mira, rec):
        client.room = ""
    out = {"type": "room", "room": {"roomid": ""}}
    if place.embedded:
        await mira.hears(told, out)
    else:
        await mira.is_put_off(told)
    await listed.hears(told)
    # The standalone one puts her off and closes the room at the same time.
    perhaps = [] if place.embedded else [{"left": "<mira>"}]
    await rec.hears({"type": "event", "event": {"target": "room", "type": "delete"}}, out, perhaps=perhaps)
    await ada.quiet()


async def test_a_push_to_an_empty_room_is_no_error(place: Place) -> None:
    await place.user("mira", "room1")
    pushes: list[tuple[str, dict[str, Any]]] = [
        ("message", {"data": {}}),
        ("incall", {"incall": 0, "all": True}),
        ("participants", {"changed": [], "users": [{"sessionId": "nc-1", "inCall": 1}]}),
        ("delete", {"userids": []}),
        ("update", {"userids": [], "properties": {}}),
    ]
    for kind, content in pushes:
        await place.push(kind, "room2", **content)
