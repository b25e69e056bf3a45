"""What the conversation server pushes, and who sees what of it."""

from typing import Any

import pytest

from callrec.signaling.pushes import MalformedPush
from callrec.wire.constants import CallFlag

from .client import Client
from .conftest import House


def entry(session: str, in_call: int, **more: Any) -> dict[str, Any]:
    return {"sessionId": session, "nextcloudSessionId": session, "inCall": in_call, **more}


def flags(users: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {session: user["inCall"] for session, user in users.items()}


async def pair(house: House) -> tuple[Client, Client]:
    mira, tom = await house.user("mira", "room1"), await house.user("tom", "room1")
    await mira.waiting()
    return mira, tom


async def test_sessions_are_translated_and_unknown_ones_left_out(house: House) -> None:
    mira, tom = await pair(house)
    changed = [entry("nc-mira", CallFlag(7), userId="mira", lastPing=5, permissions=["control"])]
    users = [*changed, entry("nc-gone", 7), entry("0", 0)]
    await house.push("room1", "incall", incall=7, changed=changed, users=users)
    for client in (mira, tom):
        update = await client.event("participants", "update")
        seen = {
            "sessionId": mira.id,
            "nextcloudSessionId": "nc-mira",
            "inCall": 7,
            "userId": "mira",
            "lastPing": 5,
        }
        assert update == {"roomid": "room1", "users": [seen]}


async def test_entries_are_merged(house: House) -> None:
    mira, tom = await pair(house)
    await house.push(
        "room1",
        "participants",
        changed=[],
        users=[entry("nc-mira", 0, displayName="Mira"), entry("nc-tom", 0, displayName="Tom")],
    )
    await mira.participants()
    await house.push("room1", "incall", incall=7, users=[entry("nc-mira", 7), entry("nc-tom", 1)])
    users = await mira.participants()
    assert flags(users) == {mira.id: 7, tom.id: 1}
    assert users[tom.id]["displayName"] == "Tom"
    # Tom leaves the call: named once with 0, and no more among the users.
    await house.push("room1", "incall", changed=[entry("nc-tom", 0)], users=[entry("nc-mira", 7)])
    assert flags(await mira.participants()) == {mira.id: 7, tom.id: 0}
    # Whoever is not listed is not in the call, even if that was never said.
    await house.push("room1", "incall", users=[])
    assert flags(await mira.participants()) == {mira.id: 0, tom.id: 0}


async def test_nothing_is_sent_when_nobody_is_known(house: House) -> None:
    mira, _ = await pair(house)
    await house.push("room1", "incall", incall=7, changed=[entry("nc-gone", 7)], users=[entry("nc-gone", 7)])
    await house.push("room1", "incall", incall=7, users=[])
    assert await mira.waiting() == []


async def test_a_joining_client_gets_the_list(house: House) -> None:
    mira, tom = await pair(house)
    await house.push("room1", "incall", incall=7, users=[entry("nc-mira", 7)])
    await mira.waiting()
    ada = await house.user("ada")
    await ada.send("room", {"roomid": "room1", "sessionid": "nc-ada"})
    assert flags(await ada.participants()) == {mira.id: 7}
    recorder = await house.recorder()
    await recorder.send("room", {"roomid": "room1"})
    users = await recorder.participants()
    assert flags(users) == {mira.id: 7, recorder.id: 0}
    assert users[recorder.id]["internal"] is True
    assert "internal" not in users[mira.id]
    updates = [m["event"]["update"] for m in await tom.waiting() if m["event"]["target"] == "participants"]
    assert updates[-1]["users"] == list(users.values())


async def test_a_push_that_overtakes_the_join_is_not_lost(house: House) -> None:
    async def push_again(session: str) -> None:
        await house.push("room1", "incall", incall=7, changed=[entry(session, 7)], users=[entry(session, 7)])

    house.conversation.on_join = push_again
    mira = await house.user("mira")
    await mira.send("room", {"roomid": "room1", "sessionid": "nc-mira"})
    assert flags(await mira.participants()) == {mira.id: 7}


async def test_an_internal_client_says_whether_it_is_in_the_call(house: House) -> None:
    mira, _ = await pair(house)
    recorder = await house.recorder()
    await recorder.send("internal", {"type": "incall", "incall": {"incall": 1}})
    await recorder.send("room", {"roomid": "room1"})
    assert flags(await mira.participants()) == {recorder.id: 1}
    await recorder.send("internal", {"type": "incall", "incall": {"incall": 1}})
    await recorder.send("internal", {"type": "incall", "incall": {"incall": 0}})
    assert flags(await mira.participants()) == {recorder.id: 0}
    silent = await house.recorder("room1", features=())
    assert flags(await mira.participants()) == {recorder.id: 0, silent.id: 3}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"type": "addsession", "addsession": {}}, "add_failed"),
        ({"type": "removesession", "removesession": {}}, "remove_failed"),
        ({"type": "dialout"}, "invalid_request"),
        ({"type": "incall"}, "invalid_format"),
        ({"type": "incall", "incall": {"incall": 16}}, "invalid_format"),
        ({"type": "incall", "incall": {"incall": -1}}, "invalid_format"),
    ],
)
async def test_internal_messages_that_are_refused(
    house: House, content: dict[str, Any], expected: str
) -> None:
    recorder = await house.recorder("room1")
    assert (await recorder.ask("internal", content))["error"]["code"] == expected


async def test_others_may_not_send_internal_messages(house: House) -> None:
    mira, tom = await pair(house)
    await mira.send("internal", {"type": "incall", "incall": {"incall": 7}})
    assert await mira.waiting() == []
    assert await tom.waiting() == []


async def test_the_call_ends_for_everybody(house: House) -> None:
    mira, tom = await pair(house)
    await house.push("room1", "incall", incall=7, users=[entry("nc-mira", 7), entry("nc-tom", 7)])
    await mira.participants()
    await house.push("room1", "incall", incall=0, all=True)
    assert await mira.event("participants", "update") == {"roomid": "room1", "incall": 0, "all": True}
    recorder = await house.recorder()
    await recorder.send("room", {"roomid": "room1"})
    assert flags(await recorder.participants()) == {mira.id: 0, tom.id: 0, recorder.id: 0}


async def test_whoever_leaves_is_forgotten(house: House) -> None:
    mira, tom = await pair(house)
    await house.push("room1", "incall", incall=7, users=[entry("nc-mira", 7), entry("nc-tom", 7)])
    await tom.ask("room", {"roomid": ""})
    recorder = await house.recorder()
    await recorder.send("room", {"roomid": "room1"})
    assert flags(await recorder.participants()) == {mira.id: 7, recorder.id: 0}


async def test_permissions_change_at_once(house: House) -> None:
    mira, tom = await pair(house)
    control = {"recipient": {"type": "session", "sessionid": mira.id}, "data": {"action": "forceMute"}}
    assert (await tom.ask("control", control))["error"]["code"] == "not_allowed"
    await house.push("room1", "participants", changed=[entry("nc-tom", 0, permissions=["control"])], users=[])
    await tom.send("control", control)
    message = await mira.until(lambda m: m["type"] == "control")
    assert message["control"]["data"] == {"action": "forceMute"}
    await house.push("room1", "participants", changed=[entry("nc-tom", 0)], users=[])
    await tom.send("control", control)
    await mira.until(lambda m: m["type"] == "control")
    await house.push("room1", "participants", changed=[entry("nc-tom", 0, permissions=[])], users=[])
    assert (await tom.ask("control", control))["error"]["code"] == "not_allowed"


async def test_room_messages_reach_everybody(house: House) -> None:
    mira, tom = await pair(house)
    recorder = await house.recorder("room1")
    data = {"type": "recording", "recording": {"status": 1}}
    await house.push("room1", "message", data=data)
    for client in (mira, tom, recorder):
        assert await client.event("room", "message") == {"roomid": "room1", "data": data}


async def test_new_properties(house: House) -> None:
    mira, tom = await pair(house)
    recorder = await house.recorder("room1")
    elsewhere = await house.user("tom")
    properties = {"name": "New name"}
    await house.push("room1", "update", userids=["tom"], properties=properties)
    expected = {"type": "room", "room": {"roomid": "room1", "properties": properties}}
    for client in (mira, tom, recorder):
        assert await client.until(lambda m: m["type"] == "room") == expected
    for client in (tom, elsewhere):
        update = await client.event("roomlist", "update")
        assert update == {"roomid": "room1", "properties": properties}
    assert await mira.waiting() == []
    late = await house.recorder()
    assert (await late.ask("room", {"roomid": "room1"}))["room"]["properties"] == properties


async def test_invitations(house: House) -> None:
    mira, ada, guest = await house.user("mira"), await house.user("ada"), await house.user("")
    properties = {"name": "New room"}
    await house.push(
        "room2", "invite", userids=["mira"], alluserids=["ada", "mira", ""], properties=properties
    )
    expected = {"roomid": "room2", "properties": properties}
    assert await mira.event("roomlist", "invite") == expected
    assert await mira.waiting() == []
    assert await ada.event("roomlist", "update") == expected
    assert await guest.waiting() == []


async def test_disinvited_users_are_put_out(house: House) -> None:
    mira, tom = await pair(house)
    elsewhere = await house.user("tom", "room2", "nc-tom-2")
    await house.push("room1", "disinvite", userids=["tom"], alluserids=["mira"], properties={"name": "x"})
    assert await tom.event("roomlist", "disinvite") == {"roomid": "room1", "reason": "disinvited"}
    assert await tom.receive() == {"type": "room", "room": {"roomid": ""}}
    assert await mira.event("room", "leave") == [tom.id]
    assert (await mira.event("roomlist", "update"))["roomid"] == "room1"
    await house.conversation.until(lambda: house.conversation.left == [("room1", "tom", "nc-tom")])
    assert await elsewhere.event("roomlist", "disinvite")
    assert await elsewhere.waiting() == []


async def test_disinvited_sessions_are_put_out(house: House) -> None:
    mira, _ = await pair(house)
    guest = await house.user("", "room1", "nc-guest")
    await house.push("room1", "disinvite", sessionids=["nc-guest", "nc-unknown"])
    assert await guest.event("roomlist", "disinvite") == {"roomid": "room1", "reason": "disinvited"}
    assert await guest.receive() == {"type": "room", "room": {"roomid": ""}}
    assert await mira.event("room", "leave") == [guest.id]


async def test_a_deleted_room_is_left_by_all(house: House) -> None:
    mira, _ = await pair(house)
    recorder = await house.recorder("room1")
    listed = await house.user("ada")
    await house.push("room1", "delete", userids=["ada"])
    assert await mira.until(lambda m: m["type"] == "room") == {"type": "room", "room": {"roomid": ""}}
    messages = await recorder.waiting()
    assert {"type": "event", "event": {"target": "room", "type": "delete"}} in messages
    assert messages[-1] == {"type": "room", "room": {"roomid": ""}}
    assert await listed.event("roomlist", "disinvite") == {"roomid": "room1", "reason": "deleted"}
    assert house.conversation.left == []


async def test_a_push_to_an_empty_room_is_no_error(house: House) -> None:
    for kind, content in (
        ("message", {"data": {}}),
        ("incall", {"incall": 0, "all": True}),
        ("participants", {"users": [entry("nc-1", 1)]}),
        ("delete", {"userids": []}),
        ("disinvite", {"userids": ["x"], "sessionids": ["y"]}),
        ("update", {"userids": [], "properties": {}}),
    ):
        await house.push("room2", kind, **content)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({}, "type"),
        ({"type": "dialout", "dialout": {}}, "type"),
        ({"type": ["incall"]}, "type"),
        ({"type": "message"}, "message"),
        ({"type": "message", "message": {}}, "data"),
        ({"type": "message", "message": {"data": object()}}, "message"),
        ({"type": "incall", "incall": {"users": [{"inCall": 1}]}}, "sessionId"),
        ({"type": "incall", "incall": {"users": [{"sessionId": 5}]}}, "sessionId"),
        ({"type": "incall", "incall": {"users": [entry("x", "1")]}}, "inCall"),  # type: ignore[arg-type]
        (
            {"type": "participants", "participants": {"users": [entry("x", 1, permissions="all")]}},
            "permissions",
        ),
        ({"type": "update", "update": {"userids": []}}, "properties"),
        ({"type": "delete", "delete": {"userids": [1]}}, "userids"),
    ],
)
async def test_malformed_pushes_name_the_field(house: House, request_: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedPush, match=field):
        await house.server.push("room1", request_)
