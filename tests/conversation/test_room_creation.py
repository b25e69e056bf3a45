"""New rooms: what is asked for, in which order it is refused, and rooms of two."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from callrec.conversation.one_to_one import pair_of

from .conftest import API1, API4, Client, World

CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"roomName": " "}, "name"),
    ({"roomType": 4}, "type"),
    ({"objectType": "room", "objectId": "x"}, "object-type"),
    ({"objectType": "event", "objectId": "x" * 65}, "object-id"),
    ({"objectType": "event", "objectId": ""}, "object"),
    ({"readOnly": 2}, "read-only"),
    ({"listable": 3}, "listable"),
    ({"messageExpiration": -1}, "message-expiration"),
    ({"lobbyState": 2}, "lobby"),
    ({"lobbyTimer": -5}, "lobby-timer"),
    ({"sipEnabled": 1}, "sip-enabled"),
    ({"permissions": 256}, "permissions"),
    ({"recordingConsent": 2}, "recording-consent"),
    ({"mentionPermissions": 2}, "mention-permissions"),
    ({"description": "x" * 2001}, "description"),
    ({"emoji": "🎈"}, "avatar"),
]
"""In the contract's order: of two wrong ones the earlier is named."""


async def test_wrong_parameters_are_named_in_order(world: World) -> None:
    mira = await world.user("mira")
    good = {"roomType": 3, "roomName": "Standup"}
    for wrong, word in WRONG:
        answer = await mira.data("POST", f"{API4}/room", json={**good, **wrong}, status=400)
        assert answer == {"error": word}
    for (first, word), (second, _) in itertools.pairwise(WRONG):
        answer = await mira.data("POST", f"{API4}/room", json={**good, **second, **first}, status=400)
        assert answer == {"error": word}
    long = await mira.data("POST", f"{API4}/room", json={**good, "password": "x" * 470}, status=400)
    assert long["error"] == "password"
    assert long["message"]
    assert await mira.data("GET", f"{API4}/room") == []


async def test_all_settings_at_once(world: World) -> None:
    mira = await world.user("mira")
    settings = {
        "objectType": "event",
        "objectId": "cal#1",
        "readOnly": 1,
        "listable": 1,
        "messageExpiration": 3600,
        "lobbyState": 1,
        "lobbyTimer": 4102444800,
        "recordingConsent": 1,
        "mentionPermissions": 1,
        "description": "What for",
    }
    config = f"{CONFIG}/recording_consent"
    await (await world.admin()).data("POST", config, data={"value": "2"})
    new = {"roomType": 3, "roomName": "Standup", "password": "open sesame", "permissions": 48, **settings}
    room = await mira.data("POST", f"{API4}/room", json=new, status=201)
    assert {key: room[key] for key in settings} == settings
    assert (room["hasPassword"], room["defaultPermissions"], room["permissions"]) == (True, 49, 254)
    # A group room has no password.
    room = await mira.data("POST", f"{API4}/room", json={"roomName": "G", "password": "x"}, status=201)
    assert not room["hasPassword"]


async def test_whom_to_invite(world: World) -> None:
    mira = await world.user("mira")
    await world.user("ole")
    nobody = {"roomName": "A", "participants": {"users": ["nobody"], "emails": ["a@example.net"]}}
    assert await mira.data("POST", f"{API4}/room", json=nobody, status=404) == {"error": "invite"}
    some = {"roomName": "A", "participants": {"users": ["ole", "nobody"], "emails": ["a@example.net"]}}
    room = await mira.data("POST", f"{API4}/room", json=some, status=202)
    assert room["invalidParticipants"] == {"emails": ["a@example.net"], "users": ["nobody"]}
    room = await mira.data("POST", f"{API4}/room", json={"roomName": "A", "participants": []}, status=201)
    assert room["name"] == "A"


async def system(client: Client, token: str) -> list[dict[str, Any]]:
    history = await client.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    return [message for message in history if message["systemMessage"]]


async def test_groups(world: World) -> None:
    mira, ole, admin = await world.user("mira"), await world.user("ole"), await world.admin()
    groups = "/ocs/v2.php/cloud/groups"
    for wrong in ("", "a/b", "x" * 65):
        await admin.data("POST", groups, data={"groupid": wrong}, status=400)
    await mira.data("POST", groups, data={"groupid": "team"}, status=403)
    await admin.data("POST", groups, data={"groupid": "team"})
    again = await admin.ocs("POST", groups, data={"groupid": "team"})
    assert again.json()["ocs"]["meta"]["statuscode"] == 102
    for user in ("mira", "ole"):
        await admin.data("POST", f"/ocs/v2.php/cloud/users/{user}/groups", data={"groupid": "team"})
    await admin.data("POST", "/ocs/v2.php/cloud/users/ole/groups", data={"groupid": "none"}, status=404)
    new = {"userid": "ana", "password": "secret-password", "groups": ["team"]}
    await admin.data("POST", "/ocs/v2.php/cloud/users", json=new)
    assert (await admin.data("GET", "/ocs/v2.php/cloud/users/ana"))["groups"] == ["team"]
    missing = {"userid": "eve", "password": "secret-password", "groups": ["none"]}
    await admin.data("POST", "/ocs/v2.php/cloud/users", json=missing, status=404)
    await admin.data("GET", "/ocs/v2.php/cloud/users/eve", status=404)
    assert await admin.data("GET", groups, params={"search": "TE"}) == {"groups": ["team"]}
    assert await ole.data("GET", "/ocs/v2.php/cloud/users/ole/groups") == {"groups": ["team"]}
    await ole.data("GET", "/ocs/v2.php/cloud/users/mira/groups", status=403)

    room = await mira.data("POST", f"{API4}/room", json={"invite": "team", "source": "groups"}, status=201)
    assert room["name"] == "team"
    messages = await system(mira, room["token"])
    assert [message["systemMessage"] for message in messages] == [
        "user_added",
        "user_added",
        "group_added",
        "conversation_created",
    ]
    assert messages[2]["messageParameters"]["group"] == {"type": "group", "id": "team", "name": "team"}
    token = await world.room(mira)
    path = f"{API4}/room/{token}/participants"
    unknown = {"newParticipant": "none", "source": "groups"}
    assert await mira.data("POST", path, json=unknown, status=404) == {"error": "new-participant"}
    await mira.data("POST", path, json={"newParticipant": "team", "source": "groups"})
    assert len(await mira.data("GET", path)) == 3

    await admin.data("POST", f"{CONFIG}/start_conversations", data={"value": json.dumps(["team"])})
    await admin.data("DELETE", "/ocs/v2.php/cloud/users/ole/groups", params={"groupid": "team"})
    refused = await ole.data("POST", f"{API4}/room", json={"roomName": "A"}, status=403)
    assert refused == {"error": "permissions"}
    talk = (await ole.data("GET", "/ocs/v1.php/cloud/capabilities"))["capabilities"]["spreed"]
    assert not talk["config"]["conversations"]["can-create"]
    await mira.data("POST", f"{API4}/room", json={"roomName": "A"}, status=201)
    await admin.data("DELETE", f"{groups}/team")
    await admin.data("DELETE", f"{groups}/team", status=404)


@pytest.mark.parametrize(("source", "word"), [("federated_users", "federation"), ("phones", "sip")])
async def test_sources_that_are_not_offered(world: World, source: str, word: str) -> None:
    mira = await world.user("mira")
    path = f"{API4}/room/{await world.room(mira)}/participants"
    new = {"newParticipant": "x", "source": source}
    assert await mira.data("POST", path, json=new, status=501) == {"error": word}
    assert await mira.data("POST", path, json={**new, "source": "emails"}, status=400) == {"error": "source"}


async def test_a_room_of_two(world: World) -> None:
    mira, ole = await world.user("mira", "Mira M."), await world.user("ole", "Ole O.")

    async def open_room(client: Client, other: str, status: int) -> Any:
        return await client.data("POST", f"{API4}/room", json={"roomType": 1, "invite": other}, status=status)

    assert await open_room(mira, "nobody", 404) == {"error": "invite"}
    assert await open_room(mira, "mira", 403) == {"error": "invite"}
    room = await open_room(mira, "ole", 201)
    token = room["token"]
    assert (room["type"], room["name"], room["displayName"]) == (1, "ole", "Ole O.")
    assert (room["notificationLevel"], room["canDeleteConversation"]) == (1, False)
    assert (await open_room(mira, "ole", 200))["token"] == token
    assert await ole.data("GET", f"{API4}/room") == []

    # A call brings the other one in.
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}")
    (seen,) = await ole.data("GET", f"{API4}/room")
    assert (seen["token"], seen["name"], seen["displayName"]) == (token, "mira", "Mira M.")
    await mira.data("DELETE", f"{API4}/call/{token}")
    assert [message["systemMessage"] for message in await system(mira, token)][:2] == [
        "call_missed",
        "call_left",
    ]
    (told,) = await ole.data("GET", "/ocs/v2.php/apps/notifications/api/v2/notifications")
    assert told["subject"] == "You missed a call from Mira M."

    await ole.data("DELETE", f"{API4}/room/{token}/participants/self")
    assert await ole.data("GET", f"{API4}/room") == []
    assert (await open_room(ole, "mira", 200))["token"] == token

    for method, path, data, error in (
        ("PUT", f"room/{token}", {"roomName": "x"}, {"error": "type"}),
        ("DELETE", f"room/{token}", {}, None),
        ("POST", f"room/{token}/public", {}, {"error": "type"}),
        ("PUT", f"room/{token}/webinar/lobby", {"state": 1}, {"error": "type"}),
        ("POST", f"room/{token}/participants", {"newParticipant": "admin"}, {"error": "room-type"}),
        ("DELETE", f"room/{token}/attendees", {"attendeeId": seen["attendeeId"]}, {"error": "participant"}),
    ):
        status = 404 if error == {"error": "participant"} else 400
        assert await mira.data(method, f"{API4}/{path}", json=data, status=status) == error
    people = await mira.data("GET", f"{API4}/room/{token}/participants")
    ids = [person["attendeeId"] for person in people if person["actorId"] == "ole"]
    put = {"attendeeId": ids[0], "permissions": 4}
    refused = await mira.data("PUT", f"{API4}/room/{token}/attendees/permissions", json=put, status=400)
    assert refused == {"error": "room-type"}


async def test_what_is_left_of_a_room_of_two(world: World) -> None:
    mira, ole, admin = await world.user("mira"), await world.user("ole", "Ole O."), await world.admin()
    room = await mira.data("POST", f"{API4}/room", json={"roomType": 1, "invite": "ole"}, status=201)
    token = room["token"]
    await ole.data("POST", f"{API4}/room", json={"roomType": 1, "invite": "mira"})
    await admin.data("DELETE", "/ocs/v2.php/cloud/users/ole")
    room = await world.join(mira, token)
    assert (room["type"], room["readOnly"], room["displayName"]) == (5, 1, "Ole O.")
    await mira.data("POST", f"{API4}/call/{token}", status=403)
    await mira.data("GET", f"{API4}/call/{token}", status=403)


async def test_many_open_the_same_room(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    rooms = await asyncio.gather(
        *(
            client.ocs("POST", f"{API4}/room", json={"roomType": 1, "invite": other})
            for client, other in ((mira, "ole"), (ole, "mira")) * 5
        )
    )
    assert sorted(room.status_code for room in rooms) == [200] * 9 + [201]
    assert len({room.json()["ocs"]["data"]["token"] for room in rooms}) == 1


def test_a_pair_has_one_name() -> None:
    assert pair_of("ole", "mira") == pair_of("mira", "ole") == "mira/ole"
