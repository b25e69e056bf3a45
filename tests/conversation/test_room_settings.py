"""What moderators set about a room: effects, error words, who is told."""

from pathlib import Path
from typing import Any

from tests.waiting import eventually

from .conftest import API1, API4, Client, World, config_for, serving


async def history(client: Client, token: str) -> list[dict[str, Any]]:
    """Return the room's messages, newest first."""
    messages: list[dict[str, Any]] = await client.data(
        "GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0}
    )
    return messages


async def keys(client: Client, token: str) -> list[str]:
    """Return the keys of the room's system messages, newest first."""
    return [message["systemMessage"] for message in await history(client, token)]


async def put(client: Client, token: str, what: str, status: int = 200, **data: Any) -> Any:
    method = "POST" if what in ("message-expiration", "notify", "notify-calls") else "PUT"
    return await client.data(method, f"{API4}/room/{token}/{what}", json=data, status=status)


async def test_each_change_is_told_once(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira, kind=3)
    changes: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
        ("password", {"password": "open"}, "password_set", {"hasPassword": True}),
        ("password", {"password": ""}, "password_removed", {"hasPassword": False}),
        ("description", {"description": " For all "}, "description_set", {"description": "For all"}),
        ("description", {"description": ""}, "description_removed", {"description": ""}),
        ("read-only", {"state": 1}, "read_only", {"readOnly": 1}),
        ("read-only", {"state": 0}, "read_only_off", {"readOnly": 0}),
        ("listable", {"scope": 1}, "listable_users", {"listable": 1}),
        ("listable", {"scope": 2}, "listable_all", {"listable": 2}),
        ("listable", {"scope": 0}, "listable_none", {"listable": 0}),
        ("webinar/lobby", {"state": 1}, "lobby_non_moderators", {"lobbyState": 1}),
        ("webinar/lobby", {"state": 0}, "lobby_none", {"lobbyState": 0}),
    ]
    for what, data, key, shown in changes:
        world.pushes.take()
        room = await put(mira, token, what, **data)
        assert {name: room[name] for name in shown} == shown
        assert world.pushes.take_kinds() == ["chat", "update"], what
        assert (await keys(mira, token))[0] == key
        count = len(await keys(mira, token))
        if data != {"password": "open"}:  # a password that is set again may be another one
            await put(mira, token, what, **data)
            assert world.pushes.take_kinds() == []
            assert len(await keys(mira, token)) == count
    assert "You set the description" in [message["message"] for message in await history(mira, token)]

    await put(mira, token, "message-expiration", seconds=3600)
    assert world.pushes.take_kinds() == ["chat"]
    assert (await keys(mira, token))[0] == "message_expiration_enabled"
    room = await put(mira, token, "message-expiration", seconds=0)
    assert room["messageExpiration"] == 0
    assert (await keys(mira, token))[0] == "message_expiration_disabled"
    world.pushes.take()
    assert (await put(mira, token, "mention-permissions", mentionPermissions=1))["mentionPermissions"] == 1
    assert world.pushes.take_kinds() == []


async def test_error_words(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    group, public = await world.room(mira), await world.room(mira, kind=3)
    of_two = (await mira.data("POST", f"{API4}/room", json={"roomType": 1, "invite": "ole"}, status=201))[
        "token"
    ]
    event = {"roomName": "E", "objectType": "event", "objectId": "1"}
    event_token = (await mira.data("POST", f"{API4}/room", json=event, status=201))["token"]
    refused: list[tuple[str, str, dict[str, Any], str]] = [
        (group, "password", {"password": "x"}, "type"),
        (public, "password", {"password": "x" * 470}, "value"),
        (event_token, "description", {"description": "x"}, "event"),
        (of_two, "description", {"description": "x"}, "type"),
        (group, "description", {"description": "x" * 2001}, "value"),
        (of_two, "read-only", {"state": 1}, "type"),
        (group, "read-only", {"state": 2}, "value"),
        (of_two, "listable", {"scope": 1}, "type"),
        (group, "listable", {"scope": 3}, "value"),
        (of_two, "webinar/lobby", {"state": 1}, "type"),
        (group, "webinar/lobby", {"state": 2}, "value"),
        (group, "webinar/lobby", {"state": 1, "timer": -1}, "value"),
        (group, "permissions/call", {"permissions": 2}, "mode"),
        (of_two, "permissions/default", {"permissions": 2}, "type"),
        (group, "permissions/default", {"permissions": 256}, "value"),
        (of_two, "mention-permissions", {"mentionPermissions": 1}, "type"),
        (group, "mention-permissions", {"mentionPermissions": 2}, "value"),
        (group, "message-expiration", {"seconds": -1}, "value"),
        (group, "notify", {"level": 4}, "level"),
        (group, "notify-calls", {"level": 2}, "level"),
    ]
    for token, what, data, word in refused:
        answer = await put(mira, token, what, 400, **data)
        assert answer["error"] == word, what
    await mira.data("PUT", f"{API4}/room/{event_token}", json={"roomName": "x"}, status=400)
    assert await put(mira, group, "webinar/sip", 412, state=1) == {"error": "config"}
    await mira.data("POST", f"{API4}/room/{group}/participants", json={"newParticipant": "ole"})
    member, stranger = ole, await world.user("eve")
    for _, what, data, _ in refused[:18]:
        await put(member, group, what, 403, **data)
        assert await put(stranger, group, what, 404, **data) == []


async def test_marks_are_ones_own(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    marks = {"favorite": "isFavorite", "archive": "isArchived", "important": "isImportant"}
    marks["sensitive"] = "isSensitive"
    for path, key in marks.items():
        assert (await mira.data("POST", f"{API4}/room/{token}/{path}"))[key] is True
        assert (await ole.data("GET", f"{API4}/room/{token}"))[key] is False
        assert (await mira.data("DELETE", f"{API4}/room/{token}/{path}"))[key] is False
    room = await put(mira, token, "notify", level=3)
    assert room["notificationLevel"] == 3
    assert (await put(mira, token, "notify", level=0))["notificationLevel"] == 2
    assert (await put(mira, token, "notify-calls", level=0))["notificationCalls"] == 0


async def test_a_read_only_room_has_no_call(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira, kind=3)
    for client in (mira, ole):
        await world.join(client, token)
        await client.data("POST", f"{API4}/call/{token}")
    world.pushes.take()
    await put(mira, token, "read-only", state=1)
    assert world.pushes.take_kinds() == ["chat", "update", "chat", "incall"]
    assert (await keys(mira, token))[:2] == ["call_ended", "read_only"]
    room = await mira.data("GET", f"{API4}/room/{token}")
    assert (room["hasCall"], room["callFlag"], room["participantFlags"]) == (False, 0, 0)
    assert await ole.data("POST", f"{API4}/call/{token}", status=403) == []
    assert await ole.data("GET", f"{API4}/call/{token}", status=403) == []


async def test_the_lobby(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token = await world.room(mira, kind=3)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    for client in (mira, ole, guest):
        await world.join(client, token)
        await client.data("POST", f"{API4}/call/{token}")
    world.pushes.take()
    room = await put(mira, token, "webinar/lobby", state=1)
    assert (room["lobbyState"], room["hasCall"]) == (1, True)
    assert world.pushes.take_kinds() == ["chat", "update", "chat", "incall", "chat", "incall"]
    assert (await keys(mira, token))[:3] == ["call_left", "call_left", "lobby_non_moderators"]
    assert [peer["actorId"] for peer in await mira.data("GET", f"{API4}/call/{token}")] == ["mira"]
    for client in (ole, guest):
        for method, path in (("GET", f"call/{token}"), ("POST", f"call/{token}")):
            assert await client.data(method, f"{API4}/{path}", status=412) == []
    assert await ole.data("GET", f"{API4}/room/{token}/participants", status=412) == []
    seen = await world.join(ole, token)  # waiting is being there
    assert (seen["hasCall"], seen["canStartCall"], seen["lastMessage"]) == (False, False, None)
    assert seen["callStartTime"] == 0

    # A permission lets one pass.
    people = await mira.data("GET", f"{API4}/room/{token}/participants")
    (attendee_id,) = [person["attendeeId"] for person in people if person["actorId"] == "ole"]
    let_in = {"attendeeId": attendee_id, "method": "add", "permissions": 8}
    (person,) = await mira.data("PUT", f"{API4}/room/{token}/attendees/permissions", json=let_in)
    assert person["permissions"] == 255
    await ole.data("POST", f"{API4}/call/{token}")
    assert (await ole.data("GET", f"{API4}/room/{token}"))["hasCall"]

    await put(mira, token, "webinar/lobby", state=0)
    await guest.data("POST", f"{API4}/call/{token}")


async def test_the_lobby_opens_by_itself(tmp_path: Path, web: Path) -> None:
    config = config_for(tmp_path / "data", web, session_timeout_s=0.4)
    async with serving(config) as world:
        mira, ole = await world.user("mira"), await world.user("ole")
        token = await world.room(mira)
        await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
        room = await put(mira, token, "webinar/lobby", state=1, timer=4102444800)
        assert (room["lobbyState"], room["lobbyTimer"]) == (1, 4102444800)
        await ole.data("GET", f"{API4}/room/{token}/participants", status=412)
        room = await put(mira, token, "webinar/lobby", state=1, timer=1)
        assert (room["lobbyState"], room["lobbyTimer"]) == (0, 0)
        await ole.data("GET", f"{API4}/room/{token}/participants")

        async def told() -> bool:
            return (await keys(mira, token))[0] == "lobby_timer_reached"

        await eventually(told)


async def test_listed_rooms(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token = await world.room(mira, name="Open 100% house")
    await ole.data("GET", f"{API4}/room/{token}", status=404)
    assert await ole.data("POST", f"{API4}/room/{token}/participants/active", status=404) is None
    await put(mira, token, "listable", scope=1)
    for term, found in (("", 1), ("100% H", 1), ("100_", 0), ("closed", 0)):
        assert len(await ole.data("GET", f"{API4}/listed-room", params={"searchTerm": term})) == found
    assert await mira.data("GET", f"{API4}/listed-room") == []
    await guest.data("GET", f"{API4}/listed-room", status=401)
    await guest.data("GET", f"{API4}/room/{token}", status=404)
    stranger = await ole.data("GET", f"{API4}/room/{token}")
    assert (stranger["participantType"], stranger["permissions"]) == (4, 1)
    assert (await world.join(ole, token))["participantType"] == 3
    assert (await keys(mira, token))[0] == "user_added"
    assert await ole.data("GET", f"{API4}/listed-room") == []


async def test_the_password_of_a_room(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token = await world.room(mira)
    room = await mira.data("POST", f"{API4}/room/{token}/public", json={"password": "open sesame"})
    assert room["hasPassword"]
    assert (await keys(mira, token))[:2] == ["password_set", "guests_allowed"]
    await world.join(mira, token)  # who belongs to it needs none
    path = f"{API4}/room/{token}/participants/active"
    for client in (ole, guest):
        for wrong in ({}, {"password": "open"}):
            assert await client.data("POST", path, json=wrong, status=403) == {"error": "password"}
        await client.data("POST", path, json={"password": "open sesame"})
        await client.data("POST", path)  # known by now
    for _ in range(10):
        await (await world.client()).data("POST", path, json={"password": "guess"}, status=403)
    for password in ("guess", "open sesame"):
        refused = await (await world.client()).ocs("POST", path, json={"password": password})
        assert refused.status_code == 429
    await guest.data("POST", path)
    await mira.data("DELETE", f"{API4}/room/{token}/public")
    assert not (await mira.data("POST", f"{API4}/room/{token}/public"))["hasPassword"]


async def test_the_state_of_a_session(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    path = f"{API4}/room/{token}/participants/state"
    assert await mira.data("PUT", path, json={"state": 0}, status=404) is None
    await world.join(mira, token)
    assert await mira.data("PUT", path, json={"state": 2}, status=400) is None
    assert (await mira.data("PUT", path, json={"state": 0}))["token"] == token


async def test_joining_while_in_the_call_elsewhere(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    room = await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 3})
    path = f"{API4}/room/{token}/participants/active"
    held = await mira.data("POST", path, json={"force": False}, status=409)
    assert (held["sessionId"], held["inCall"]) == (room["sessionId"], 3)
    assert held["lastPing"] > 0
    await mira.data("POST", path)


async def test_messages_that_disappear(tmp_path: Path, web: Path) -> None:
    config = config_for(tmp_path / "data", web, session_timeout_s=0.4)
    async with serving(config) as world:
        mira = await world.user("mira")
        token = await world.room(mira)
        await put(mira, token, "message-expiration", seconds=1)
        said = await mira.data("POST", f"{API1}/chat/{token}", json={"message": "gone soon"}, status=201)
        assert said["expirationTimestamp"] in (said["timestamp"] + 1, said["timestamp"] + 2)

        async def gone() -> bool:
            return said["id"] not in [message["id"] for message in await history(mira, token)]

        await eventually(gone)
        assert (await keys(mira, token))[0] == "message_expiration_enabled"


async def test_who_may_write_and_read(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token = await world.room(mira, kind=3)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    await world.join(guest, token)
    chat, message = f"{API1}/chat/{token}", {"message": "hello"}
    await put(mira, token, "webinar/lobby", state=1)
    for client in (ole, guest):
        for future in (0, 1):
            assert await client.data("GET", chat, params={"lookIntoFuture": future}, status=412) == []
        assert await client.data("POST", chat, json=message, status=412) == []
    await mira.data("POST", chat, json=message, status=201)
    await put(mira, token, "webinar/lobby", state=0)
    await put(mira, token, "read-only", state=1)
    for client in (mira, ole):
        assert await client.data("POST", chat, json=message, status=403) == []
    await put(mira, token, "read-only", state=0)
    await put(mira, token, "permissions/default", permissions=2)
    assert await ole.data("POST", chat, json=message, status=403) == []
    await mira.data("POST", chat, json=message, status=201)
    # Writing brings the other one into a room of two.
    room = await mira.data("POST", f"{API4}/room", json={"roomType": 1, "invite": "ole"}, status=201)
    await mira.data("POST", f"{API1}/chat/{room['token']}", json=message, status=201)
    assert room["token"] in [seen["token"] for seen in await ole.data("GET", f"{API4}/room")]


async def test_what_others_have_read(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    await mira.data("POST", f"{API1}/chat/{token}", json={"message": "hello"}, status=201)
    before = await mira.data("GET", f"{API4}/room/{token}")
    private = {"key": "read_status_privacy", "value": "1"}
    await ole.data("POST", f"{API1}/settings/user", json=private)
    after = await mira.data("GET", f"{API4}/room/{token}")
    assert before["lastCommonReadMessage"] < after["lastCommonReadMessage"] == after["lastReadMessage"]
