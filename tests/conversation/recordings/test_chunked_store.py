"""The newer way of a recording: a link, chunks, the store that ends it; as the stock recorder does it."""

import asyncio
import json
from urllib.parse import quote

import httpx
import pytest

from callrec.conversation import media_type, store_chunked
from callrec.wire.constants import ParticipantType
from tests.conversation.recording_world import OGG, World, open_world
from tests.conversation.storage import Storage

from .chunked_recorder import NAME, Recorder, files, nothing_on_the_way, told

TIMES = {
    "recordingStartTimestamp": 1772373909000,
    "intervals": [
        {
            "participantId": "s1",
            "participantName": "Mira",
            "participantUserId": "mira",
            "startTimestamp": 1772373911000,
            "stopTimestamp": 1772373915500,
            "startTimestampRelative": 2000,
            "stopTimestampRelative": 6500,
        }
    ],
}


async def test_chunks_are_joined_by_number(world: World, recorder: Recorder) -> None:
    assert await recorder.request_upload() == NAME
    assert (len(recorder.link), len(recorder.password)) == (16, 20)
    # 10 comes after 9, and in whatever order they are sent.
    parts = {10: b"ten", 2: b"two", **{n: b"%d" % n for n in range(3, 10)}, 1: OGG}
    assert await recorder.upload(parts) == 201
    assert await files(world) == {}  # nobody sees it before the store
    assert await told(world) == 0
    assert await recorder.store() == "ok"
    path = f"Talk/Recording/{world.token}/{NAME}"
    assert await files(world) == {f"mira:{path}": len(OGG) + 13}
    answer = await (await world.client("mira")).get(f"/remote.php/dav/files/mira/{path}")
    assert answer.content == OGG + b"two3456789ten"
    assert answer.headers["content-type"] == "audio/ogg"
    assert await told(world) == 1
    assert await nothing_on_the_way(world)
    # The answer was lost: it sends again, at once or all of it.
    assert await recorder.store() == "ok"
    await recorder.request_upload()
    assert await recorder.upload({1: OGG + b"two3456789ten"}) == 201
    assert await recorder.store() == "ok"
    assert (len(await files(world)), await told(world)) == (1, 1)
    await recorder.request_upload()
    assert await recorder.upload({1: OGG}) == 201
    assert await recorder.store() == "ok"
    assert [path.rpartition("/")[2] for path in await files(world)] == [NAME, NAME[:-4] + " (2).ogg"]
    assert await told(world) == 2


async def test_a_restart_in_the_middle(storage: Storage) -> None:
    async with open_world(storage) as world, httpx.AsyncClient(base_url=world.url, timeout=30) as http:
        recorder = Recorder(world, http)
        await recorder.request_upload()
        place = f"uploads/{recorder.link}/u1"
        assert await recorder.dav("MKCOL", place, headers=recorder.to()) == 201
        assert await recorder.dav("PUT", f"{place}/1", content=OGG) == 201
    async with (
        open_world(storage, new=False) as world,
        httpx.AsyncClient(base_url=world.url, timeout=30) as http,
    ):
        recorder.world, recorder.http = world, http
        assert await recorder.dav("PUT", f"{place}/2", content=b"more") == 201
        length = {"OC-Total-Length": str(len(OGG) + 4)}
        assert await recorder.dav("MOVE", f"{place}/.file", headers=recorder.to(**length)) == 201
    async with (
        open_world(storage, new=False) as world,
        httpx.AsyncClient(base_url=world.url, timeout=30) as http,
    ):
        recorder.world, recorder.http = world, http
        assert await recorder.store() == "ok"
        assert list((await files(world)).values()) == [len(OGG) + 4]
        assert await told(world) == 1
        assert await nothing_on_the_way(world)


async def test_one_plain_put_and_form_fields(world: World, recorder: Recorder) -> None:
    fields = {"owner": "mira", "fileName": NAME}
    answer = await recorder.signed("request-upload", data=fields)
    data = answer.json()["ocs"]["data"]
    recorder.link, recorder.password = data["token"], data["password"]
    place = f"files/{recorder.link}/{quote(NAME)}"
    assert await recorder.dav("PUT", place, content=b"half", headers={"X-Requested-With": "x"}) == 201
    assert await recorder.dav("PUT", place, content=OGG) == 204
    multipart = [(key, (None, value)) for key, value in fields.items()]
    assert (await recorder.signed("store", files=multipart)).status_code == 200
    assert await files(world) == {f"mira:Talk/Recording/{world.token}/{NAME}": len(OGG)}
    assert (await recorder.signed("store", data=fields)).status_code == 200
    assert await told(world) == 1


@pytest.mark.parametrize("sent", [".ogg", "..ogg"])
async def test_a_recording_without_a_name_of_its_own(world: World, recorder: Recorder, sent: str) -> None:
    assert await recorder.request_upload(sent) == "Recording.ogg"
    # A recorder may go on with our name or with its own.
    for n, name in enumerate((sent, "Recording.ogg")):
        await recorder.request_upload(sent)
        assert await recorder.upload({1: OGG + b"%d" % n}, name) == 201
        assert await recorder.store(name) == "ok"
    folder = f"mira:Talk/Recording/{world.token}"
    assert list(await files(world)) == [f"{folder}/Recording.ogg", f"{folder}/Recording (2).ogg"]


async def test_what_came_is_told_by_its_content(world: World, recorder: Recorder) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
    for content, name, word in (
        (png, "x.webm", "file_mimetype"),
        (OGG[:3], "x.ogg", "file_mimetype"),
        (OGG, "x.webm", "file_extension"),
        (OGG, "x.txt", "file_extension"),
    ):
        await recorder.request_upload("x.ogg")
        assert await recorder.upload({1: content[:50], 2: content[50:]}, name) == 201
        assert await recorder.store(name) == word
        assert await world.storage.blob_ids() == set()
        assert await recorder.store(name) == "invalid_file"
    assert (await files(world), await told(world)) == ({}, 0)


async def test_a_file_replaced_while_it_is_looked_into_is_looked_into_again(
    world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorder.request_upload()
    await recorder.upload({1: OGG})
    look, looks = media_type.sniff, 0

    def replaced(head: bytes) -> str | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            replacing.append(asyncio.create_task(recorder.upload({1: b"no sound"}, upload="u2")))
        return look(head)

    replacing: list[asyncio.Task[int]] = []
    monkeypatch.setattr(store_chunked, "sniff", replaced)

    async def after_replacing(*_: object) -> None:
        if replacing:
            assert await replacing.pop() == 204

    monkeypatch.setattr(world.side.chunked_store, "_speaking_times", after_replacing)
    assert await recorder.store() == "file_mimetype"
    assert looks == 2
    assert await files(world) == {}


async def test_stores_that_are_refused(world: World, recorder: Recorder) -> None:
    await world.add_user("zoe")
    await world.add_user("ole", ParticipantType.USER)
    assert await recorder.store() == "invalid_file"
    await recorder.request_upload()
    assert await recorder.store() == "invalid_file"  # and the link is gone
    assert await nothing_on_the_way(world)
    await recorder.request_upload()
    await recorder.upload({1: OGG})
    assert await recorder.store(owner=None) == "size"
    assert await recorder.store(owner="zoe") == "owner_participant"
    assert await recorder.store(owner="ole") == "invalid_file"
    assert await recorder.store(name="other.ogg") == "invalid_file"
    file = f"files/{recorder.link}"
    assert await recorder.dav("PUT", f"{file}/empty.ogg", content=b"") == 201
    assert await recorder.store(name="empty.ogg") == "empty_file"
    assert await recorder.dav("PUT", f"{file}/x.json", content=b"{}") == 201
    assert await recorder.store(name="x.json") == "file_mimetype"  # by its content
    assert await recorder.store(name="x.json") == "invalid_file"
    assert await files(world) == {}
    assert await told(world) == 0
    assert await recorder.store() == "ok"


@pytest.mark.parametrize(
    "content",
    [b"no json", b"{}", b"[]", json.dumps({**TIMES, "intervals": []}).encode(), b"\xff", b"[" * 2000],
)
async def test_useless_speaking_times_are_left_out(world: World, recorder: Recorder, content: bytes) -> None:
    await recorder.request_upload()
    await recorder.upload({1: OGG})
    assert await recorder.dav("PUT", f"files/{recorder.link}/t.json", content=content) == 201
    assert await recorder.store(times="t.json") == "ok"
    assert list(await files(world)) == [f"mira:Talk/Recording/{world.token}/{NAME}"]
    assert await nothing_on_the_way(world)


async def test_speaking_times_lie_hidden_beside_the_recording(world: World, recorder: Recorder) -> None:
    for upload in ("", " (2)"):
        await recorder.request_upload()
        await recorder.upload({1: OGG + upload.encode()})
        await recorder.upload({1: json.dumps(TIMES).encode()}, "t.json", "u2")
        assert await recorder.store(times="t.json") == "ok"
        folder = f"mira:Talk/Recording/{world.token}"
        base = NAME[:-4] + upload
        assert list(await files(world))[-2:] == [
            f"{folder}/{base}.ogg",
            f"{folder}/.{base} speaking times.json",
        ]
    await recorder.request_upload()
    await recorder.upload({1: OGG + b"3"})
    assert await recorder.store(times="never came.json") == "ok"
    assert await recorder.store(times=NAME) == "ok"
