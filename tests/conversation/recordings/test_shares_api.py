"""The sharing API: sending files to rooms, who sees the shares, and who may end them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.participants import find_room
from callrec.wire.constants import ParticipantType, Permission
from tests.conversation.recording_world import API, PUBLIC_URL, World, open_world

SHARES = "/ocs/v1.php/apps/files_sharing/api/v1/shares"
HOME = "/remote.php/dav/files/mira"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def mira(world: World) -> httpx.AsyncClient:
    client = await world.client("mira")
    await client.put(f"{HOME}/a.ogg", content=b"sound")
    return client


async def call(client: httpx.AsyncClient, method: str, path: str = "", **options: Any) -> tuple[int, Any]:
    """Return the status code in the envelope, and the data (for a refusal the message)."""
    answer = await client.request(method, SHARES + path, **options)
    assert answer.status_code == 200, answer.text
    ocs = answer.json()["ocs"]
    return ocs["meta"]["statuscode"], ocs["data"] if ocs["meta"]["status"] == "ok" else ocs["meta"]["message"]


async def share(
    world: World, client: httpx.AsyncClient, path: str = "/a.ogg", **more: Any
) -> tuple[int, Any]:
    new = {"path": path, "shareType": 10, "shareWith": world.token, **more}
    return await call(client, "POST", json=new)


async def messages(world: World, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/chat/{world.token}", params={"lookIntoFuture": 0})
    found: list[dict[str, Any]] = [m for m in answer.json()["ocs"]["data"] if not m["systemMessage"]]
    return found


async def test_a_share_and_its_message(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.USER)
    meta = '{"messageType":"voice-message","caption":" Listen: {file} ","silent":true,"threadId":7}'
    code, shown = await share(world, mira, referenceId="r" * 64, talkMetaData=meta)
    assert code == 100
    assert world.pushes.take() == ["chat"]
    expected = {
        "share_type": 10,
        "uid_owner": "mira",
        "displayname_owner": "Mira",
        "permissions": 1,
        "path": "/a.ogg",
        "file_target": "/Talk/a.ogg",
        "share_with": world.token,
        "share_with_displayname": "Standup",
        "share_with_link": f"{PUBLIC_URL}/index.php/call/{world.token}",
        "mimetype": "audio/ogg",
        "item_size": 5,
        "can_delete": True,
        "can_edit": False,
    }
    assert {key: shown[key] for key in expected} == expected
    (message,) = await messages(world, ole)
    assert (message["message"], message["messageType"]) == ("Listen: {file}", "voice-message")
    assert (message["referenceId"], message["silent"]) == ("r" * 64, True)
    assert message["messageParameters"]["file"]["path"] == "Talk/a.ogg"

    for wanted, code, count in (
        ({}, 100, 1),
        ({"path": "a.ogg"}, 100, 1),
        ({"shared_with_me": "true"}, 100, 0),
    ):
        found = await call(mira, "GET", params=wanted)
        assert (found[0], len(found[1])) == (code, count), wanted
    assert (await call(mira, "GET", params={"path": "nothing"}))[0] == 404
    (seen,) = (await call(ole, "GET", params={"shared_with_me": "true"}))[1]
    assert (seen["id"], seen["path"], seen["can_delete"]) == (shown["id"], "/Talk/a.ogg", False)
    assert (await call(ole, "GET"))[1] == []
    assert (await call(ole, "GET", f"/{shown['id']}"))[1] == [seen]

    assert await call(ole, "DELETE", f"/{shown['id']}") == (403, "Could not delete share")
    assert await call(mira, "DELETE", f"/{shown['id']}") == (100, [])
    assert (await call(mira, "DELETE", f"/{shown['id']}"))[0] == 404
    assert (await ole.get("/remote.php/dav/files/ole/Talk/a.ogg")).status_code == 404
    (message,) = await messages(world, ole)
    assert "file" not in message["messageParameters"]
    assert (await share(world, mira))[0] == 100  # again, after its end


async def test_plain_messages(world: World, mira: httpx.AsyncClient) -> None:
    for number, meta in enumerate(("", "no json", "[]", '{"messageType":"record-video","caption":7}')):
        await mira.put(f"{HOME}/{number}", content=b"x")
        assert (await share(world, mira, str(number), talkMetaData=meta))[0] == 100
    found = await messages(world, mira)
    assert {(message["message"], message["messageType"]) for message in found} == {("{file}", "comment")}


async def test_shares_that_are_refused(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.USER)
    zoe = await world.add_user("zoe")
    await mira.request("MKCOL", f"{HOME}/folder")
    assert (await share(world, mira))[0] == 100
    for path, more, expected in (
        ("", {}, 404),
        ("nothing", {}, 404),
        ("../mira/a.ogg", {}, 404),
        ("/", {}, 404),
        ("a.ogg", {}, 403),  # shared already
        ("folder", {}, 403),
        ("a.ogg", {"shareType": 3}, 400),
        ("a.ogg", {"shareWith": "nosuchroom"}, 404),
        ("a.ogg", {"shareWith": ""}, 404),
        ("a.ogg", {"referenceId": "r" * 65}, 400),
        ("a.ogg", {"talkMetaData": '{"caption":"' + "x" * 32001 + '"}'}, 400),
    ):
        assert (await share(world, mira, path, **more))[0] == expected, (path, more)
    assert (await share(world, ole, "Talk/a.ogg"))[0] == 403
    await zoe.put("/remote.php/dav/files/zoe/z", content=b"z")
    assert await share(world, zoe, "z") == (404, "Conversation not found")
    for unknown in ("/4711", "/junk", "/0", f"/{2**70}"):
        assert (await call(mira, "GET", unknown))[0] == 404
    (known,) = (await call(mira, "GET"))[1]
    assert (await call(zoe, "GET", f"/{known['id']}"))[0] == 404
    assert (await mira.post(SHARES.replace("v1.php", "v2.php"), json={})).status_code == 404
    nobody = await world.client(None)
    assert (await nobody.get(SHARES)).status_code == 401
    assert len(await messages(world, mira)) == 1


async def test_who_may_not_write_may_not_share(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.USER)
    await ole.put("/remote.php/dav/files/ole/x", content=b"x")
    async with world.core.db.write() as tx:
        attendee = await tx.scalar(select(Attendee).where(Attendee.actor_id == "ole"))
        assert attendee is not None
        attendee.permissions = int(Permission.CUSTOM | Permission.JOIN_CALL)
    assert (await share(world, ole, "x"))[0] == 404
    async with world.core.db.write() as tx:
        attendee = await tx.scalar(select(Attendee).where(Attendee.actor_id == "ole"))
        room = await find_room(tx, world.token)
        assert attendee is not None and room is not None
        attendee.permissions = 0
        room.read_only = 1
    assert (await share(world, ole, "x"))[0] == 404
    assert await messages(world, mira) == []
