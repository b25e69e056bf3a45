"""Notifications about recordings: how they read, and how they go away."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select

from callrec.conversation import rooms
from callrec.conversation.db.tables_recordings import Node, Notification
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.wire.constants import ParticipantType
from tests.conversation.recording_world import API, NOTIFICATIONS, OGG, PUBLIC_URL, World, add_guest


async def listed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get(NOTIFICATIONS)
    assert answer.status_code == 200
    result: list[dict[str, Any]] = answer.json()["ocs"]["data"]
    return result


async def test_how_a_stored_recording_reads(world: World, mira: httpx.AsyncClient) -> None:
    assert (await world.store(name="Größe {call} 1.ogg")).status_code == 200
    (found,) = await listed(mira)
    path = f"/Talk/Recording/{world.token}/Größe {{call}} 1.ogg"
    timestamp = int(datetime.fromisoformat(found["datetime"]).timestamp())
    file = found["messageRichParameters"]["file"]
    recording = f"{PUBLIC_URL}/ocs/v2.php/apps/spreed/api/v1/recording/{world.token}"
    assert found["datetime"].endswith("+00:00") and "." not in found["datetime"]
    assert found == {
        "notification_id": found["notification_id"],
        "app": "spreed",
        "user": "mira",
        "datetime": found["datetime"],
        "object_type": "recording",
        "object_id": world.token,
        "subject": "Call recording now available",
        "message": f"The recording for the call in Standup was uploaded to {path}.",
        "link": f"{PUBLIC_URL}/index.php/call/{world.token}",
        "subjectRich": "Call recording now available",
        "subjectRichParameters": [],
        "messageRich": "The recording for the call in {call} was uploaded to {file}.",
        "messageRichParameters": {
            "call": {
                "type": "call",
                "id": found["messageRichParameters"]["call"]["id"],
                "name": "Standup",
                "call-type": "group",
                "icon-url": f"{PUBLIC_URL}/ocs/v2.php/apps/spreed/api/v1/room/{world.token}/avatar",
            },
            "file": {
                "type": "file",
                "id": file["id"],
                "name": "Größe {call} 1.ogg",
                "path": path,
                "link": f"{PUBLIC_URL}/index.php/f/{file['id']}",
            },
        },
        "icon": f"{PUBLIC_URL}/apps/spreed/img/app-dark.svg",
        "shouldNotify": True,
        "actions": [
            {
                "label": "Share to chat",
                "link": f"{recording}/share-chat?fileId={file['id']}&timestamp={timestamp}",
                "type": "POST",
                "primary": True,
            },
            {
                "label": "Dismiss notification",
                "link": f"{recording}/notification?timestamp={timestamp}",
                "type": "DELETE",
                "primary": False,
            },
        ],
    }


async def test_how_a_failed_upload_reads(world: World, mira: httpx.AsyncClient) -> None:
    assert (await world.store(before={"MAX_FILE_SIZE": "1"})).status_code == 400
    (found,) = await listed(mira)
    assert (found["object_type"], found["object_id"]) == ("recording_information", world.token)
    assert found["subject"] == "Failed to upload call recording"
    assert "{call}" in found["messageRich"] and list(found["messageRichParameters"]) == ["call"]
    assert "Standup" in found["message"] and "{" not in found["message"]
    assert found["actions"] == []
    await mira.delete(f"{API}/recording/{world.token}/notification", params={"timestamp": "1"})
    assert len(await listed(mira)) == 1


async def test_listing(world: World, mira: httpx.AsyncClient) -> None:
    empty = await mira.get(NOTIFICATIONS)
    await world.store(name="a.ogg")
    await world.store(name="b.ogg")
    names = [item["messageRichParameters"]["file"]["name"] for item in await listed(mira)]
    assert names == ["b.ogg", "a.ogg"]
    answer = await mira.get(NOTIFICATIONS)
    assert answer.headers["etag"] != empty.headers["etag"]
    again = await mira.get(NOTIFICATIONS, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    nobody = await world.client(None)
    assert (await nobody.get(NOTIFICATIONS)).status_code == 401
    ole = await world.add_user("ole", ParticipantType.MODERATOR)
    assert await listed(ole) == []


async def test_one_at_a_time(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.MODERATOR)
    await world.store(name="a.ogg")
    await world.store(name="b.ogg")
    newest, oldest = await listed(mira)
    one = f"{NOTIFICATIONS}/{oldest['notification_id']}"
    answer = await mira.get(one)
    assert answer.json()["ocs"]["data"] == oldest
    answer = await ole.get(one)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (404, None)
    await ole.delete(one)
    for _ in range(2):
        answer = await mira.delete(one)
        assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, [])
    assert await listed(mira) == [newest]
    assert (await mira.get(one)).status_code == 404
    assert (await mira.delete(f"{NOTIFICATIONS}/0")).status_code == 404
    huge = f"{NOTIFICATIONS}/99999999999999999999"
    assert (await mira.get(huge)).status_code == 404
    # More digits than Python reads: an unknown path.
    assert (await mira.get(f"{NOTIFICATIONS}/{'9' * 5000}")).status_code == 404
    assert (await mira.delete(huge)).status_code == 200
    odd = await mira.get(f"{NOTIFICATIONS}/x", params={"format": "json"})
    assert odd.json()["ocs"]["meta"]["statuscode"] == 998


async def test_which_still_exist(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.MODERATOR)
    for name in ("a.ogg", "b.ogg"):
        await world.store(name=name)
    newest, oldest = (item["notification_id"] for item in await listed(mira))
    asked = {"ids": [str(newest), oldest, 0, 99999, "junk"]}
    answer = await mira.post(f"{NOTIFICATIONS}/exists", json=asked)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, [oldest, newest])
    form = await mira.post(f"{NOTIFICATIONS}/exists", data={"ids[]": [str(oldest), "1"]})
    assert form.json()["ocs"]["data"] == [oldest]
    assert (await ole.post(f"{NOTIFICATIONS}/exists", json=asked)).json()["ocs"]["data"] == []
    for odd in ({"ids": list(range(201))}, {}, {"ids": {"a": 1}}):
        refused = await mira.post(f"{NOTIFICATIONS}/exists", json=odd)
        assert (refused.status_code, refused.json()["ocs"]["data"]) == (400, {"error": "ids"})


async def test_all_at_once(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.MODERATOR)
    await world.store(name="a.ogg")
    await world.store(name="a.ogg", owner="ole")
    answer = await mira.delete(NOTIFICATIONS)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, [])
    assert await listed(mira) == []
    assert len(await listed(ole)) == 1


async def test_dismissing_one_by_its_time(world: World, mira: httpx.AsyncClient) -> None:
    await world.store(name="a.ogg")
    await world.store(name="b.ogg")
    async with world.core.db.write() as tx:
        first = await tx.scalar(select(Notification).order_by(Notification.id).limit(1))
        assert first is not None
        first.created_at = datetime.fromisoformat("2026-03-01T14:20:11.900000+00:00")
    newest, oldest = await listed(mira)
    assert oldest["datetime"] == "2026-03-01T14:20:11+00:00"
    dismiss = oldest["actions"][1]["link"].removeprefix(PUBLIC_URL)
    answer = await mira.delete(dismiss)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, None)
    assert await listed(mira) == [newest]


@pytest.mark.parametrize("timestamp", ["1", "0", "junk", "-1", "99999999999999999999999"])
async def test_a_wrong_time_dismisses_all_of_the_room(
    world: World, mira: httpx.AsyncClient, timestamp: str
) -> None:
    await world.store(name="a.ogg")
    await world.store(name="b.ogg")
    other = await world.make_room("mira")
    await world.store(token=other)
    for _ in range(2):
        answer = await mira.request(
            "DELETE", f"{API}/recording/{world.token}/notification", data={"timestamp": timestamp}
        )
        assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, None)
        assert [item["object_id"] for item in await listed(mira)] == [other]


async def test_who_may_dismiss(world: World, mira: httpx.AsyncClient) -> None:
    await world.store()
    path = f"{API}/recording/{world.token}/notification"
    member = await world.add_user("ole", ParticipantType.USER)
    stranger = await world.add_user("zoe")
    other = await world.add_user("ida", ParticipantType.MODERATOR)
    guest = await add_guest(world, ParticipantType.GUEST_MODERATOR)
    for client, expected in ((guest, 401), (stranger, 404), (member, 403), (other, 200)):
        assert (await client.delete(path, params={"timestamp": 1})).status_code == expected
    assert len(await listed(mira)) == 1
    answer = await mira.delete(path)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (400, {"error": "timestamp"})


async def test_they_go_with_what_they_speak_of(world: World, mira: httpx.AsyncClient) -> None:
    await world.store(name="a.ogg")
    await world.store(name="b.ogg", data=OGG + b"2")
    async with world.core.db.write() as tx:
        await tx.execute(delete(Node).where(Node.name == "a.ogg"))
    assert [item["messageRichParameters"]["file"]["name"] for item in await listed(mira)] == ["b.ogg"]
    async with world.core.db.write() as tx:
        room = await tx.scalar(select(Room))
        assert room is not None
        await rooms.delete_room(world.core, tx, room)
    assert await listed(mira) == []


async def test_they_go_with_the_participation_and_do_not_come_back(
    world: World, mira: httpx.AsyncClient
) -> None:
    ole = await world.add_user("ole", ParticipantType.MODERATOR)
    await world.store(owner="ole")
    assert len(await listed(ole)) == 1
    async with world.core.db.write() as tx:
        attendee = await tx.scalar(select(Attendee).where(Attendee.actor_id == "ole"))
        assert attendee is not None
        room_id = attendee.room_id
        await tx.delete(attendee)
    assert await listed(ole) == []
    async with world.core.db.write() as tx:
        tx.add(Attendee(room_id=room_id, actor_type="users", actor_id="ole", participant_type=3))
    assert await listed(ole) == []
