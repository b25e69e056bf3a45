"""Rooms, who belongs to them, joining and leaving, guests."""

import asyncio

import pytest

from callrec.conversation.db.base import utc_now
from callrec.conversation.ocs.throttle import GUESTS_WINDOW

from .conftest import API1, API4, World

KEYS_THAT_CLIENTS_READ = [
    "id",
    "token",
    "type",
    "displayName",
    "participantType",
    "attendeeId",
    "attendeePin",
    "actorType",
    "actorId",
    "permissions",
    "attendeePermissions",
    "callPermissions",
    "defaultPermissions",
    "hasPassword",
    "hasCall",
    "lastActivity",
    "isFavorite",
    "notificationLevel",
    "lobbyState",
    "lobbyTimer",
    "sipEnabled",
    "canEnableSIP",
    "unreadMessages",
    "unreadMention",
    "unreadMentionDirect",
    "lastReadMessage",
    "lastCommonReadMessage",
    "lastMessage",
    "callStartTime",
    "avatarVersion",
    "lastPing",
    "sessionId",
    "callRecording",
    "recordingConsent",
    "callFlag",
    "canStartCall",
]


async def test_guests_of_one_network_are_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callrec.conversation.ocs.throttle.MAX_NEW_GUESTS", 3)
    mira, ole = await world.user("mira"), await world.user("ole")
    token, other = await world.room(mira, kind=3), await world.room(mira, kind=3)
    first = await world.client()
    await world.join(first, token)
    await world.join(first, token)  # no new one
    path = f"{API4}/room/{token}/participants/active"
    statuses = [(await (await world.client()).ocs("POST", path)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await first.ocs("POST", f"{API4}/room/{other}/participants/active")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    assert "Set-Cookie" not in refused.headers
    people = await mira.data("GET", f"{API4}/room/{token}/participants")
    assert [person["actorType"] for person in people] == ["users"] + ["guests"] * 3
    await world.join(first, token)
    await world.join(ole, token)  # users are none
    later = utc_now() + GUESTS_WINDOW
    monkeypatch.setattr("callrec.conversation.ocs.throttle.utc_now", lambda: later)
    await world.join(await world.client(), token)


async def test_the_life_of_a_room(world: World) -> None:
    mira, ole = await world.user("mira", "Mira M."), await world.user("ole")
    created = await mira.data(
        "POST",
        f"{API4}/room",
        json={"roomType": 3, "roomName": " Stand/up ü ", "participants": {"users": ["ole", "nobody"]}},
        status=202,
    )
    token = created["token"]
    assert created["invalidParticipants"] == {"users": ["nobody"]}
    assert (created["name"], created["participantType"], created["sessionId"]) == ("Stand/up ü", 1, "0")
    assert set(KEYS_THAT_CLIENTS_READ) <= set(created)
    assert world.pushes.take_kinds() == ["chat", "invite", "chat", "invite"]

    listed = await ole.ocs("GET", f"{API4}/room")
    assert len(listed.headers["X-Nextcloud-Talk-Hash"]) == 40
    assert int(listed.headers["X-Nextcloud-Talk-Modified-Before"]) > 0
    (room,) = listed.json()["ocs"]["data"]
    assert (room["token"], room["participantType"]) == (token, 3)
    assert room["lastMessage"]["message"] == "{actor} added you"
    only_new = {"modifiedSince": room["lastActivity"] + 100, "includeLastMessage": "false"}
    assert await ole.data("GET", f"{API4}/room", params=only_new) == []

    renamed = await mira.data("PUT", f"{API4}/room/{token}", params={"roomName": "Retro"})
    assert renamed["displayName"] == "Retro"
    _, update = world.pushes.take()
    assert list(update["update"]["properties"]) == [
        "name",
        "type",
        "lobby-state",
        "lobby-timer",
        "read-only",
        "listable",
        "active-since",
        "sip-enabled",
        "description",
    ]
    assert update["update"]["userids"] == ["mira", "ole"]
    assert update["update"]["properties"]["name"] == "Retro"
    await mira.data("PUT", f"{API4}/room/{token}", params={"roomName": " "}, status=400)
    await ole.data("PUT", f"{API4}/room/{token}", params={"roomName": "x"}, status=403)
    await ole.data("DELETE", f"{API4}/room/{token}", status=403)
    await mira.data("DELETE", f"{API4}/room/{token}")
    assert world.pushes.take() == [{"type": "delete", "delete": {"userids": ["mira", "ole"]}}]
    await mira.data("GET", f"{API4}/room/{token}", status=404)


@pytest.mark.parametrize(
    ("new", "error"),
    [
        ({"roomName": ""}, "name"),
        ({"roomName": "x" * 256}, "name"),
        ({"roomName": "x", "roomType": 9}, "type"),
        ({"roomName": "x", "participants": {"users": "mira"}}, "participants"),
    ],
)
async def test_new_rooms_are_checked(world: World, new: dict[str, object], error: str) -> None:
    mira = await world.user("mira")
    assert await mira.data("POST", f"{API4}/room", json=new, status=400) == {"error": error}


async def test_a_guest_comes_by_the_link(world: World) -> None:
    mira, guest, other = await world.user("mira"), await world.client(), await world.client()
    token = await world.room(mira, kind=3)
    stranger = await guest.data("GET", f"{API4}/room/{token}")
    assert (stranger["participantType"], stranger["permissions"], stranger["callRecording"]) == (4, 1, 0)
    room = await world.join(guest, token)
    assert len(room["sessionId"]) == 255
    assert (room["actorType"], len(room["actorId"]), room["participantType"]) == ("guests", 40, 4)
    assert guest.http.cookies["callrec_session"]
    again = await world.join(guest, token)
    assert again["attendeeId"] == room["attendeeId"]
    assert again["sessionId"] != room["sessionId"]
    assert (await world.join(other, token))["attendeeId"] != room["attendeeId"]
    world.pushes.take()

    await guest.data("POST", f"{API1}/guest/{token}/name", data={"displayName": " Ana "})
    (push,) = world.pushes.take()
    (changed,) = push["participants"]["changed"]
    assert changed["displayName"] == "Ana"
    assert changed["permissions"] == ["publish-audio", "publish-video", "publish-screen"]
    assert len(push["participants"]["users"]) == 3
    await mira.data("POST", f"{API1}/guest/{token}/name", data={"displayName": "x"}, status=403)
    assert await guest.data("GET", f"{API4}/room/{token}/participants", status=403) is None
    names = [p["displayName"] for p in await mira.data("GET", f"{API4}/room/{token}/participants")]
    assert names == ["mira", "Ana", ""]

    await mira.data("DELETE", f"{API4}/room/{token}/public")
    assert [p["actorId"] for p in await mira.data("GET", f"{API4}/room/{token}/participants")] == ["mira"]
    await guest.data("GET", f"{API4}/room/{token}", status=404)
    assert await guest.data("POST", f"{API4}/room/{token}/participants/active", status=404) is None


async def test_a_user_comes_by_the_link_and_leaves(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira, kind=3)
    await ole.data("GET", f"{API4}/call/{token}", status=404)
    assert (await world.join(ole, token))["participantType"] == 5
    await ole.data("GET", f"{API4}/call/{token}")
    await ole.data("DELETE", f"{API4}/room/{token}/participants/active")
    await ole.data("GET", f"{API4}/call/{token}", status=404)
    await ole.data("DELETE", f"{API4}/room/{token}/participants/active")  # never refused

    await world.join(ole, token)
    await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": "ole"})
    assert (await ole.data("GET", f"{API4}/room/{token}"))["participantType"] == 3


async def test_joining_twice_with_one_client(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    first = (await world.join(mira, token))["sessionId"]
    await mira.data("POST", f"{API4}/call/{token}")
    path = f"{API4}/room/{token}/participants/active"
    conflict = await mira.data("POST", path, json={"force": False}, status=409)
    assert (conflict["sessionId"], conflict["inCall"]) == (first, 7)
    world.pushes.take()
    await mira.data("POST", path, json={"force": True})
    kinds = [push["type"] for push in world.pushes.take()]
    assert kinds == ["message", "incall", "message", "disinvite"]
    assert not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]
    # Another device of the same user has a session of its own.
    phone = await world.client("mira")
    second = (await world.join(phone, token))["sessionId"]
    (me,) = await mira.data("GET", f"{API4}/room/{token}/participants")
    assert second in me["sessionIds"]
    assert len(me["sessionIds"]) == 2


async def test_moderators(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token = await world.room(mira, kind=3)
    add = f"{API4}/room/{token}/participants"
    await mira.data("POST", add, json={"newParticipant": "ole", "source": "users"})
    await mira.data("POST", add, json={"newParticipant": "ole"})
    assert await mira.data("POST", add, json={"newParticipant": "nobody"}, status=404) == {
        "error": "new-participant"
    }
    assert await mira.data("POST", add, json={"newParticipant": "x", "source": "emails"}, status=400) == {
        "error": "source"
    }
    await ole.data("POST", add, json={"newParticipant": "admin"}, status=403)
    await world.join(guest, token)
    ids = {p["actorType"] + p["actorId"][:4]: p["attendeeId"] for p in await mira.data("GET", add)}
    guest_id = next(value for key, value in ids.items() if key.startswith("guests"))
    moderators = f"{API4}/room/{token}/moderators"
    world.pushes.take()
    await mira.data("POST", moderators, json={"attendeeId": ids["usersole"]})
    assert world.pushes.take_kinds() == ["chat", "update", "participants"]
    await mira.data("POST", moderators, json={"attendeeId": ids["usersole"]}, status=400)
    await mira.data("POST", moderators, json={"attendeeId": ids["usersmira"]}, status=403)
    await ole.data("DELETE", moderators, json={"attendeeId": ids["usersmira"]}, status=400)
    await ole.data("POST", moderators, data={"attendeeId": str(guest_id)})
    assert (await guest.data("GET", f"{API4}/room/{token}"))["participantType"] == 6
    await guest.data("PUT", f"{API4}/room/{token}", json={"roomName": "By a guest"})
    await guest.data("DELETE", f"{API4}/room/{token}/public", status=401)
    await mira.data("DELETE", moderators, params={"attendeeId": guest_id})
    assert (await guest.data("GET", f"{API4}/room/{token}"))["participantType"] == 4

    remove = f"{API4}/room/{token}/attendees"
    assert await ole.data("DELETE", remove, data={"attendeeId": ids["usersmira"]}, status=403) == {
        "error": "owner"
    }
    world.pushes.take()
    await ole.data("DELETE", remove, data={"attendeeId": guest_id})
    assert world.pushes.take_kinds() == ["disinvite"]
    await guest.data("POST", f"{API4}/call/{token}", status=404)
    await ole.data("DELETE", remove, params={"attendeeId": guest_id}, status=404)
    await mira.data("DELETE", remove, data={"attendeeId": ids["usersole"]})
    assert world.pushes.take_kinds() == ["disinvite", "chat"]
    await ole.data("GET", add, status=404)


async def test_leaving_for_good(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": "ole"})
    path = f"{API4}/room/{token}/participants/self"
    assert await mira.data("DELETE", path, status=400) == {"error": "last-moderator"}
    await ole.data("DELETE", path)
    history = await mira.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    assert history[0]["message"] == "{actor} left the conversation"
    await mira.data("DELETE", path)
    await mira.data("GET", f"{API4}/room/{token}", status=404)


async def test_many_join_at_once(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira, kind=3)
    guests = [await world.client() for _ in range(20)]
    rooms = await asyncio.gather(*(world.join(guest, token) for guest in guests))
    assert len({room["attendeeId"] for room in rooms}) == 20
    await asyncio.gather(*(guest.data("POST", f"{API4}/call/{token}") for guest in guests))
    assert len(await mira.data("GET", f"{API4}/call/{token}", status=200)) == 20
    incall = [push["incall"] for _, push in world.pushes.all if push["type"] == "incall"]
    assert [len(push["users"]) for push in incall] == list(range(1, 21))
