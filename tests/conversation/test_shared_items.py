"""What was shared in a room, by kind; a shared file that is taken back."""

import json
from typing import Any

import httpx

from callrec.wire.checksum import signed_headers

from .conftest import API1, API4, RECORDING_SECRET, Client, World
from .recording_world import OGG

DAV = "/remote.php/dav/files/mira"
SHARES = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
NOTIFICATIONS = "/ocs/v2.php/apps/notifications/api/v2/notifications"


async def record(world: World, mira: Client, token: str) -> None:
    """Store a recording and share it to the chat, as the recorder and then Mira do."""
    headers = {"OCS-APIRequest": "true", **signed_headers(RECORDING_SECRET, token.encode())}
    parts: list[Any] = [("owner", (None, "mira")), ("file", ("call.ogg", OGG))]
    async with httpx.AsyncClient(base_url=world.url) as recorder:
        stored = await recorder.post(f"{API1}/recording/{token}/store", headers=headers, files=parts)
    assert stored.status_code == 200, stored.text
    (told,) = await mira.data("GET", NOTIFICATIONS)
    number = int(told["messageRichParameters"]["file"]["id"])
    await mira.data("POST", f"{API1}/recording/{token}/share-chat", json={"fileId": number, "timestamp": 1})


async def share(mira: Client, token: str, name: str, **meta: Any) -> None:
    await mira.http.put(f"{DAV}/{name}", content=b"x")
    new = {"path": name, "shareType": 10, "shareWith": token, "talkMetaData": json.dumps(meta)}
    await mira.data("POST", SHARES, json=new)


async def test_by_kind(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    token = await world.room(mira, kind=3)
    await world.join(guest, token)
    items = f"{API1}/chat/{token}/share"
    kinds = ("audio", "file", "media", "recording", "voice")
    assert await guest.data("GET", f"{items}/overview") == {kind: [] for kind in kinds}
    assert await guest.data("GET", items, params={"objectType": "recording"}) == []

    await record(world, mira, token)
    said = await mira.data("POST", f"{API1}/chat/{token}", json={"message": "see"}, status=201)
    await share(mira, token, "plan.md", replyTo=said["id"])
    for name in ("a.png", "b.mp4", "song.mp3"):
        await share(mira, token, name)
    await share(mira, token, "note.mp3", messageType="voice-message")

    found = await guest.data("GET", f"{items}/overview")
    names = {kind: [item["messageParameters"]["file"]["name"] for item in found[kind]] for kind in kinds}
    assert names == {
        "audio": ["song.mp3"],
        "file": ["plan.md"],
        "media": ["b.mp4", "a.png"],
        "recording": ["call.ogg"],
        "voice": ["note.mp3"],
    }
    assert found["file"][0]["parent"]["id"] == said["id"]
    assert len((await guest.data("GET", f"{items}/overview", params={"limit": 1}))["media"]) == 1

    one = await guest.ocs("GET", items, params={"objectType": "media", "limit": 1})
    (newest,) = one.json()["ocs"]["data"].values()
    assert one.headers["X-Chat-Last-Given"] == str(newest["id"])
    older = {"objectType": "media", "lastKnownMessageId": newest["id"]}
    assert [item["id"] for item in (await guest.data("GET", items, params=older)).values()] == [
        found["media"][1]["id"]
    ]
    (recording,) = (await guest.data("GET", items, params={"objectType": "recording"})).items()
    assert recording[0] == str(recording[1]["id"])
    assert recording[1]["messageType"] == "record-audio"
    assert await guest.data("GET", items, params={"objectType": "poll"}) == []
    assert await guest.data("GET", items, status=400) == {"error": "objectType"}


async def test_taking_a_file_back(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": "ole"})
    await record(world, mira, token)
    theirs = "/remote.php/webdav/Talk/call.ogg"
    assert (await ole.http.get(theirs)).content == OGG
    (item,) = (await mira.data("GET", f"{API1}/chat/{token}/share/overview"))["recording"]
    await ole.data("DELETE", f"{API1}/chat/{token}/{item['id']}", status=403)
    await mira.data("DELETE", f"{API1}/chat/{token}/{item['id']}")
    assert (await ole.http.get(theirs)).status_code == 404
    assert (await mira.http.get(f"{DAV}/Talk/Recording/{token}/call.ogg")).content == OGG
    assert (await mira.data("GET", f"{API1}/chat/{token}/share/overview"))["recording"] == []
