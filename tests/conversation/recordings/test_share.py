"""Sharing a recording to the chat, and how it reads there for each viewer."""

from typing import Any

import httpx
from sqlalchemy import delete, select

from callrec.conversation import rooms
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_rooms import Room
from callrec.wire.constants import ParticipantType, RoomType
from tests.conversation.recording_world import API, NOTIFICATIONS, OGG, PUBLIC_URL, World, add_guest

MKV = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"


async def notified(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = (await client.get(NOTIFICATIONS)).json()["ocs"]["data"]
    return result


async def files_in_chat(client: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/chat/{token}", params={"lookIntoFuture": 0})
    assert answer.status_code == 200, answer.text
    return [message for message in answer.json()["ocs"]["data"] if message["systemMessage"] == ""]


async def share(world: World, client: httpx.AsyncClient, file_id: Any) -> httpx.Response:
    content = {"fileId": file_id, "timestamp": 1}
    return await client.post(f"{API}/recording/{world.token}/share-chat", json=content)


async def test_shared_by_the_action_of_the_notification(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.USER)
    guest = await add_guest(world)
    await world.store(name="a.ogg")
    (notification,) = await notified(mira)
    file = notification["messageRichParameters"]["file"]
    world.pushes.take()
    answer = await mira.post(notification["actions"][0]["link"].removeprefix(PUBLIC_URL))
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, None)
    assert world.pushes.take() == ["chat"]
    assert await notified(mira) == []
    assert await world.messages() == []

    (message,) = await files_in_chat(mira, world.token)
    assert (message["messageType"], message["message"]) == ("record-audio", "{file}")
    assert message["isReplyable"] is True
    person = {"type": "user", "id": "mira", "name": "Mira", "mention-id": "mira"}
    assert message["messageParameters"]["actor"] == person
    shown = message["messageParameters"]["file"]
    assert shown == {
        "type": "file",
        "id": file["id"],
        "name": "a.ogg",
        "size": str(len(OGG)),
        "path": f"Talk/Recording/{world.token}/a.ogg",
        "link": f"{PUBLIC_URL}/index.php/f/{file['id']}",
        "etag": shown["etag"],
        "permissions": "1",
        "mimetype": "audio/ogg",
        "preview-available": "no",
        "hide-download": "no",
    }
    (message,) = await files_in_chat(ole, world.token)
    assert message["messageParameters"]["file"] == {**shown, "path": "Talk/a.ogg"}
    (message,) = await files_in_chat(guest, world.token)
    link = message["messageParameters"]["file"]["link"]
    assert message["messageParameters"]["file"] == {**shown, "path": "a.ogg", "link": link}
    assert link.startswith(f"{PUBLIC_URL}/index.php/s/")


async def test_twice_is_once(world: World, mira: httpx.AsyncClient) -> None:
    await world.store(MKV, "a.mkv")
    await world.store(name="b.ogg")
    other, video = await notified(mira)
    file_id = video["messageRichParameters"]["file"]["id"]
    for _ in range(2):
        assert (await share(world, mira, file_id)).status_code == 200
    (message,) = await files_in_chat(mira, world.token)
    assert message["messageType"] == "record-video"
    assert await notified(mira) == [other]


async def test_what_cannot_be_shared(world: World, mira: httpx.AsyncClient) -> None:
    ida = await world.add_user("ida", ParticipantType.MODERATOR)
    await world.store()
    (notification,) = await notified(mira)
    file_id = int(notification["messageRichParameters"]["file"]["id"])
    async with world.core.db.read() as session:
        folder = await session.scalar(select(Node.id).where(Node.name == "Talk"))
    for client, wanted in ((ida, file_id), (mira, 4711), (mira, "junk"), (mira, folder), (mira, 2**70)):
        answer = await share(world, client, wanted)
        assert (answer.status_code, answer.json()["ocs"]["data"]) == (400, {"error": "file"})
    await share(world, mira, file_id)
    answer = await share(world, ida, file_id)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (400, {"error": "file"})
    answer = await mira.post(f"{API}/recording/{world.token}/share-chat")
    assert answer.json()["ocs"]["data"] == {"error": "fileId"}


async def test_who_may_share(world: World) -> None:
    member = await world.add_user("ole", ParticipantType.USER)
    stranger = await world.add_user("zoe")
    guest = await add_guest(world, ParticipantType.GUEST_MODERATOR)
    await world.store(owner="ole")
    file_id = (await notified(member))[0]["messageRichParameters"]["file"]["id"]
    for client, expected in ((guest, 401), (stranger, 404), (member, 403)):
        assert (await share(world, client, file_id)).status_code == expected


async def test_a_file_that_is_gone(world: World, mira: httpx.AsyncClient) -> None:
    await world.store()
    await share(world, mira, (await notified(mira))[0]["messageRichParameters"]["file"]["id"])
    async with world.core.db.write() as tx:
        await tx.execute(delete(Node).where(Node.name == "a.ogg"))
    (message,) = await files_in_chat(mira, world.token)
    assert message["messageType"] == "comment"
    assert "file" not in message["messageParameters"]
    assert "{file}" not in message["message"]


async def test_links_live_as_long_as_their_room(world: World, mira: httpx.AsyncClient) -> None:
    world.token = await world.make_room("mira", RoomType.PUBLIC)
    guest = await add_guest(world)
    nobody = await world.client(None)
    await world.store(name="Größe 1.ogg")
    await share(world, mira, (await notified(mira))[0]["messageRichParameters"]["file"]["id"])
    (message,) = await files_in_chat(guest, world.token)
    link = message["messageParameters"]["file"]["link"].removeprefix(PUBLIC_URL)
    answer = await nobody.get(link)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{PUBLIC_URL}{link}/download")
    answer = await nobody.get(f"{link}/download")
    assert (answer.status_code, answer.content) == (200, OGG)
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    part = await nobody.get(f"{link}/download", headers={"Range": "bytes=1-4"})
    assert (part.status_code, part.content) == (206, OGG[1:5])
    assert (await nobody.get(f"{link[:-1]}/download")).status_code == 404

    async with world.core.db.write() as tx:
        room = await tx.scalar(select(Room).where(Room.token == world.token))
        assert room is not None
        await rooms.delete_room(world.core, tx, room)
    assert (await nobody.get(link)).status_code == 404
    assert (await nobody.get(f"{link}/download")).status_code == 404
    async with world.core.db.read() as session:
        assert await session.scalar(select(Node.id).where(Node.name == "Größe 1.ogg")) is not None
