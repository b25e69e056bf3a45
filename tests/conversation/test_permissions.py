"""What somebody may do: role, own permissions, room, server; the calls that follow from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.permissions import (
    custom,
    is_kept_out,
    lobby_of,
    parsed_default,
    permissions_of,
    signaling_words,
)
from callrec.wire.constants import MEMBER_PERMISSIONS, MODERATOR_PERMISSIONS, ParticipantType, Permission

from .conftest import API4, Client, World

CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"
NOTIFICATIONS = "/ocs/v2.php/apps/notifications/api/v2/notifications"
API1_SETTINGS = "/ocs/v2.php/apps/spreed/api/v1/settings"


@pytest.mark.parametrize(
    ("role", "own", "room", "expected"),
    [
        (1, 0, 0, 254),
        (2, 3, 3, 254),
        (6, 3, 0, 254),
        (3, 0, 0, 246),
        (3, 0, 5, 5),
        (3, 17, 5, 17),
        (4, 1, 0, 1),
    ],
)
def test_the_first_that_says_counts(role: int, own: int, room: int, expected: int) -> None:
    attendee = Attendee(participant_type=role, permissions=own)
    assert permissions_of(Room(default_permissions=room), attendee, MEMBER_PERMISSIONS) == expected


def test_what_is_stored_and_told() -> None:
    assert [custom(value) for value in (0, 8, 48, 49)] == [0, 9, 49, 49]
    assert [parsed_default(value) for value in (None, "", "x", "256", "-1", "22")] == [246] * 5 + [22]
    words = ["publish-audio", "publish-video", "publish-screen"]
    assert signaling_words(ParticipantType.MODERATOR, MODERATOR_PERMISSIONS) == [*words, "control"]
    assert signaling_words(ParticipantType.USER, Permission.PUBLISH_VIDEO) == ["publish-video"]


def test_lobby() -> None:
    now = datetime.now(UTC)
    room = Room(lobby_state=1, lobby_timer=None)
    assert lobby_of(room) == 1
    assert is_kept_out(room, ParticipantType.USER, MEMBER_PERMISSIONS)
    assert not is_kept_out(room, ParticipantType.USER, Permission.IGNORE_LOBBY)
    assert not is_kept_out(room, ParticipantType.GUEST_MODERATOR, Permission.DEFAULT)
    room.lobby_timer = now + timedelta(seconds=1)
    assert (lobby_of(room, now), lobby_of(room, now + timedelta(seconds=1))) == (1, 0)


async def attendee_id(client: Client, token: str, actor_id: str) -> int:
    people = await client.data("GET", f"{API4}/room/{token}/participants")
    (found,) = [person["attendeeId"] for person in people if person["actorId"] == actor_id]
    return int(found)


async def change(client: Client, token: str, status: int = 200, **data: Any) -> Any:
    path = f"{API4}/room/{token}/attendees/permissions"
    return await client.data(
        "PUT", path, data={key: str(value) for key, value in data.items()}, status=status
    )


async def test_permissions_of_one_and_of_all(world: World) -> None:
    mira, ole, eve = await world.user("mira"), await world.user("ole"), await world.user("eve")
    token = await world.room(mira)
    for user in ("ole", "eve"):
        await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": user})
    ole_id, mira_id = await attendee_id(mira, token, "ole"), await attendee_id(mira, token, "mira")
    world.pushes.take()
    (person,) = await change(mira, token, attendeeId=ole_id, method="set", permissions=8)
    assert (person["permissions"], person["attendeePermissions"]) == (9, 9)
    (push,) = world.pushes.take()
    assert push["type"] == "participants"
    assert [entry["actorId"] for entry in push["participants"]["changed"]] == ["ole"]
    assert push["participants"]["changed"][0]["permissions"] == []
    (person,) = await change(mira, token, attendeeId=ole_id, method="add", permissions=6)
    assert person["permissions"] == 15
    (person,) = await change(mira, token, attendeeId=ole_id, method="remove", permissions=255)
    assert person["permissions"] == 1
    (person,) = await change(mira, token, attendeeId=ole_id, method="set", permissions=0)
    assert (person["permissions"], person["attendeePermissions"]) == (246, 0)
    assert await change(mira, token, 404, attendeeId=999, permissions=1) == {"error": "participant"}
    assert await change(mira, token, 403, attendeeId=mira_id, permissions=1) == {"error": "moderator"}
    for wrong, word in (({"method": "toggle"}, "method"), ({"permissions": 256}, "value")):
        data = {"attendeeId": ole_id, "permissions": 1, **wrong}
        assert await change(mira, token, 400, **data) == {"error": word}
    assert await change(ole, token, 403, attendeeId=ole_id, permissions=255) == []

    await change(mira, token, attendeeId=ole_id, permissions=255)
    world.pushes.take()
    path = f"{API4}/room/{token}/permissions/default"
    room = await mira.data("PUT", path, json={"permissions": 4 | 16})
    assert (room["defaultPermissions"], room["permissions"]) == (21, 254)
    assert world.pushes.take_kinds() == ["participants"]
    seen = await ole.data("GET", f"{API4}/room/{token}")
    assert (seen["permissions"], seen["attendeePermissions"], seen["canStartCall"]) == (21, 0, False)

    # What follows: he may not start a call, not send video, not write.
    await world.join(ole, token)
    await world.join(mira, token)
    assert await ole.data("POST", f"{API4}/call/{token}", status=403) == []
    await mira.data("POST", f"{API4}/call/{token}")
    await ole.data("POST", f"{API4}/call/{token}", json={"flags": 7})
    assert (await ole.data("GET", f"{API4}/room/{token}"))["participantFlags"] == 3
    await mira.data("PUT", path, json={"permissions": 2})
    await world.join(eve, token)
    assert await eve.data("POST", f"{API4}/call/{token}", status=403) == []  # may start, not join


async def test_a_promoted_one_starts_afresh(world: World) -> None:
    mira = await world.user("mira")
    await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    ole_id = await attendee_id(mira, token, "ole")
    await change(mira, token, attendeeId=ole_id, permissions=4)
    for method in ("POST", "DELETE"):
        await mira.data(method, f"{API4}/room/{token}/moderators", json={"attendeeId": ole_id})
    people = await mira.data("GET", f"{API4}/room/{token}/participants")
    assert [(person["permissions"], person["attendeePermissions"]) for person in people] == [
        (254, 0),
        (246, 0),
    ]


async def test_the_server_says_who_may(world: World) -> None:
    mira, guest, admin = await world.user("mira"), await world.client(), await world.admin()
    token = await world.room(mira, kind=3)
    await admin.data("POST", f"{CONFIG}/default_permissions", data={"value": "22"})
    assert (await world.join(guest, token))["permissions"] == 22
    await world.join(mira, token)

    async def start_calls(value: int) -> None:
        await admin.data("POST", f"{CONFIG}/start_calls", data={"value": str(value)})

    await start_calls(1)
    assert not (await guest.data("GET", f"{API4}/room/{token}"))["canStartCall"]
    assert await guest.data("POST", f"{API4}/call/{token}", status=403) == []
    await mira.data("POST", f"{API4}/call/{token}")
    await guest.data("POST", f"{API4}/call/{token}")
    await start_calls(3)
    for client in (mira, guest):
        await client.data("GET", f"{API4}/call/{token}", status=403)
    talk = (await mira.data("GET", "/ocs/v2.php/cloud/capabilities"))["capabilities"]["spreed"]
    assert not talk["config"]["call"]["enabled"]
    assert talk["config"]["permissions"]["default"] == 22
    await start_calls(2)
    assert (await mira.data("GET", f"{API4}/room/{token}"))["canStartCall"]


async def test_who_hears_of_a_call(world: World) -> None:
    mira, ole, eve = await world.user("mira"), await world.user("ole"), await world.user("eve")
    token = await world.room(mira, name="Standup")
    for user in ("ole", "eve"):
        await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": user})
    await eve.data("POST", f"{API4}/room/{token}/notify-calls", json={"level": 0})
    await world.join(mira, token)
    state = f"{API4}/call/{token}/notification-state"
    assert await ole.data("GET", state, status=201) is None
    await mira.data("POST", f"{API4}/call/{token}")
    (told,) = await ole.data("GET", NOTIFICATIONS)
    assert (told["object_type"], told["object_id"]) == ("call", token)
    assert told["subject"] == "A group call has started in Standup"
    assert told["subjectRichParameters"]["call"]["name"] == "Standup"
    assert await mira.data("GET", NOTIFICATIONS) == await eve.data("GET", NOTIFICATIONS) == []
    assert await ole.data("GET", state) is None
    assert await mira.data("GET", state, status=404) is None  # is in it
    assert await (await world.client()).data("GET", state, status=403) is None
    await mira.data("DELETE", f"{API4}/call/{token}")
    (told,) = await ole.data("GET", NOTIFICATIONS)
    assert told["subject"] == "You missed a group call in Standup"
    assert await ole.data("GET", state, status=201) is None

    await world.join(ole, token)
    await mira.data("POST", f"{API4}/call/{token}")
    assert len(await ole.data("GET", NOTIFICATIONS)) == 1
    await ole.data("POST", f"{API4}/call/{token}")
    assert await ole.data("GET", NOTIFICATIONS) == []
    for client in (mira, ole):
        await client.data("DELETE", f"{API4}/call/{token}")
    await mira.data("POST", f"{API4}/call/{token}", json={"silent": True})
    await mira.data("DELETE", f"{API4}/call/{token}")
    await mira.data(
        "POST", f"{API4}/call/{token}", json={"silentFor": [await attendee_id(mira, token, "ole")]}
    )
    assert await ole.data("GET", NOTIFICATIONS) == []
    await mira.data("DELETE", f"{API4}/call/{token}")

    await mira.data("POST", f"{API4}/call/{token}")
    assert len(await ole.data("GET", NOTIFICATIONS)) == 1
    await mira.data("PUT", f"{API4}/room/{token}/webinar/lobby", json={"state": 1})
    assert await ole.data("GET", NOTIFICATIONS) == []
    await mira.data("DELETE", f"{API4}/call/{token}")
    await mira.data("POST", f"{API4}/call/{token}")
    assert await ole.data("GET", NOTIFICATIONS) == []


async def test_the_list_of_a_call(world: World) -> None:
    admin, guest = await world.admin(), await world.client()
    mira, ole = await world.user("mira", '=cmd "M"'), await world.user("ole", "Ole, O.")
    await admin.data("PUT", "/ocs/v2.php/cloud/users/ole", data={"key": "email", "value": "ole@example.net"})
    token = await world.room(mira, kind=3)
    path = f"{API4}/call/{token}/download"
    assert (await mira.http.get(path)).status_code == 400
    actors = []
    for client in (mira, ole, guest):
        actors.append((await world.join(client, token))["actorId"])
        await client.data("POST", f"{API4}/call/{token}")
    await ole.data("DELETE", f"{API4}/call/{token}")
    answer = await mira.http.get(path, params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == (
        "name,email,type,identifier\n"
        '"\'=cmd ""M""",,users,mira\n'
        '"Ole, O.",ole@example.net,users,ole\n'
        f",,guests,{actors[2]}\n"
    )
    assert (await mira.http.get(path, params={"format": "pdf"})).status_code == 400
    assert (await guest.http.get(path)).status_code == 403
    assert (await admin.http.get(path)).status_code == 404


async def test_preferences(world: World) -> None:
    mira, path = await world.user("mira"), f"{API1_SETTINGS}/user"
    good = {"attachment_folder": "/My Talk", "read_status_privacy": "1", "typing_privacy": "1"}
    for key, value in {**good, "recording_folder": "/Films", "play_sounds": "no"}.items():
        assert await mira.data("POST", path, json={"key": key, "value": value}) is None
    wrong = {"attachment_folder": "/../x", "read_status_privacy": "2", "play_sounds": "loud", "colour": "red"}
    for key, value in {**wrong, "recording_folder": "/", "typing_privacy": "x" * 5000}.items():
        assert await mira.data("POST", path, json={"key": key, "value": value}, status=400) is None
    await (await world.client()).data("POST", path, json={"key": "play_sounds", "value": "no"}, status=401)
    talk = (await mira.data("GET", "/ocs/v2.php/cloud/capabilities"))["capabilities"]["spreed"]["config"]
    assert talk["attachments"]["folder"] == "/My Talk"
    assert (talk["chat"]["read-privacy"], talk["chat"]["typing-privacy"]) == (1, 1)
    assert talk["call"]["play-sounds"] is False
    other = await (await world.admin()).data("GET", "/ocs/v2.php/cloud/capabilities")
    assert other["capabilities"]["spreed"]["config"]["attachments"]["folder"] == "/Talk"
