"""The newer way of a recording: a link, chunks, the store that ends it; as the stock recorder does it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select, update

from callrec.conversation import media_type, store_chunked
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_recordings import Node, RecordingStart
from callrec.conversation.db.tables_uploads import ArrivedFile, ChunkedUpload, UploadChunk, UploadLink
from callrec.conversation.participants import find_room
from callrec.wire.checksum import signed_headers
from callrec.wire.constants import ParticipantType

from .recording_world import API, NOTIFICATIONS, OGG, SECRET, World, open_world
from .storage import Storage

NAME = "Recording 2026-03-01 14-05-09.ogg"
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


class Recorder:
    """A recorder that uploads in chunks: Basic auth with the link's password, no cookie, no OCS header."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self.world = world
        self.http = http
        self.link = ""
        self.password = ""

    async def signed(
        self, what: str, *, token: str = "", secret: str = SECRET, **body: Any
    ) -> httpx.Response:
        token = token or self.world.token
        headers = {"OCS-ApiRequest": "true", **signed_headers(secret, token.encode())}
        return await self.http.post(f"{API}/recording/{token}/{what}?format=json", headers=headers, **body)

    async def request_upload(self, name: str = NAME, owner: str = "mira") -> str:
        answer = await self.signed("request-upload", json={"owner": owner, "fileName": name})
        assert answer.status_code == 200, answer.text
        data = answer.json()["ocs"]["data"]
        self.link, self.password = data["token"], data["password"]
        return str(data["fileName"])

    async def dav(self, method: str, path: str, **options: Any) -> int:
        options.setdefault("auth", (self.link, self.password))
        return (await self.http.request(method, f"/public.php/dav/{path}", **options)).status_code

    def to(self, name: str = NAME, **headers: str) -> dict[str, str]:
        address = f"{self.world.core.config.public_url}/public.php/dav/files/{self.link}/{quote(name)}"
        return {"Destination": address, **headers}

    async def upload(self, chunks: dict[int, bytes], name: str = NAME, upload: str = "u1") -> int:
        """Upload in chunks in the order of *chunks*, and return the status of the last step."""
        total = str(sum(len(chunk) for chunk in chunks.values()))
        headers = self.to(name, **{"OC-Total-Length": total})
        place = f"uploads/{self.link}/{upload}"
        assert await self.dav("MKCOL", place, headers=headers) == 201
        for number, chunk in chunks.items():
            assert await self.dav("PUT", f"{place}/{number}", content=chunk, headers=headers) == 201
        return await self.dav("MOVE", f"{place}/.file", headers=headers)

    async def store(self, name: str = NAME, owner: str | None = "mira", times: str | None = None) -> str:
        """Finish, and return the error word, or "ok"."""
        body = {"owner": owner, "fileName": name, "intervalsFileName": times}
        answer = await self.signed(
            "store", json={key: value for key, value in body.items() if value is not None}
        )
        data = answer.json()["ocs"]["data"]
        return "ok" if answer.status_code == 200 and data is None else str(data.get("error"))


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as world:
        yield world


@pytest.fixture
async def recorder(world: World) -> AsyncIterator[Recorder]:
    async with httpx.AsyncClient(base_url=world.url, timeout=30) as http:
        yield Recorder(world, http)


async def files(world: World) -> dict[str, int]:
    """Return the files of all homes with their sizes; the storage holds their blobs and those on the way."""
    async with world.core.db.read() as session:
        nodes = list(await session.scalars(select(Node).where(Node.blob_id.is_not(None)).order_by(Node.id)))
        known = {node.blob_id for node in nodes}
        for column in (ArrivedFile.blob_id, UploadChunk.blob_id):
            known |= set(await session.scalars(select(column)))
    assert await world.storage.blob_ids() == known
    return {f"{node.owner_id}:{node.path}": node.size_bytes for node in nodes}


async def told(world: World) -> int:
    client = await world.client("mira")
    return len((await client.get(NOTIFICATIONS)).json()["ocs"]["data"])


async def nothing_on_the_way(world: World) -> bool:
    async with world.core.db.read() as session:
        rows = [
            await session.scalar(select(table).limit(1)) for table in (UploadLink, ChunkedUpload, ArrivedFile)
        ]
    return rows == [None, None, None]


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


async def test_who_may_ask_for_a_link(world: World, recorder: Recorder) -> None:
    await world.add_user("zoe")
    good = {"owner": "mira", "fileName": "a.webm"}
    answer = await recorder.signed("request-upload", token="nosuchroom", json=good)
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (404, [])
    answer = await recorder.signed("request-upload", secret="wrong", json={})
    assert (answer.status_code, answer.json()["ocs"]["data"]["error"]["code"]) == (401, "invalid_request")
    for change, word in (
        ({"owner": None}, "owner_invalid"),
        ({"owner": ""}, "owner_invalid"),
        ({"owner": "zoe", "fileName": ""}, "owner_participant"),
        ({"owner": "nobody"}, "owner_participant"),
        ({"fileName": None}, "file_name"),
        ({"fileName": "folder/"}, "file_name"),
        ({"fileName": ".."}, "file_name"),
        ({"fileName": "a.exe"}, "file_extension"),
        ({"fileName": "webm"}, "file_extension"),
    ):
        answer = await recorder.signed("request-upload", json={**good, **change})
        assert (answer.status_code, answer.json()["ocs"]["data"]) == (400, {"error": word}), change
    assert await nothing_on_the_way(world)
    assert await recorder.request_upload("../x/\u0000Größe.WEBM") == "Größe.WEBM"
    assert await recorder.request_upload("x" * 300 + ".mp4") == "x" * 251 + ".mp4"
    assert await recorder.request_upload("%2e%2e%2fz.ogg") == "%2e%2e%2fz.ogg"


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


async def test_a_link_ends_the_wait_for_an_owner(world: World, recorder: Recorder) -> None:
    async with world.core.db.write() as tx:
        room = await find_room(tx, world.token)
        assert room is not None
        tx.add(RecordingStart(room_id=room.id, pending_owner="mira"))
    await recorder.request_upload()
    async with world.core.db.read() as session:
        assert await session.scalar(select(RecordingStart.pending_owner)) is None


async def test_a_link_does_nothing_else(world: World, recorder: Recorder) -> None:
    await world.store(name="old.ogg")
    await recorder.request_upload()
    other = Recorder(world, recorder.http)
    await other.request_upload("b.ogg")
    place = f"uploads/{recorder.link}/u"
    for auth in ((recorder.link, "wrong"), (recorder.link, ""), ("mira", recorder.password), None):
        assert await recorder.dav("MKCOL", place, auth=auth) == 401
    assert await recorder.dav("MKCOL", place, auth=(other.link, other.password)) == 401
    assert await recorder.dav("MKCOL", place, headers={"Authorization": "Basic !!"}, auth=None) == 401
    public = world.core.config.public_url
    for address, expected in (
        (f"{public}/public.php/dav/files/{other.link}/x.ogg", 403),
        (f"{public}/remote.php/dav/files/mira/x.ogg", 403),
        (f"http://evil.example/public.php/dav/files/{recorder.link}/x.ogg", 403),
        (f"{public}/public.php/dav/files/{recorder.link}/a/x.ogg", 403),
        (f"{public}/public.php/dav/files/{recorder.link}/..", 400),
    ):
        headers = {"Destination": address}
        assert await recorder.dav("MKCOL", place, headers=headers) == expected, address
    assert await recorder.dav("MKCOL", place) == 201
    assert await recorder.dav("PUT", f"{place}/1", content=OGG) == 201
    for address in (f"{public}/public.php/dav/files/{other.link}/x.ogg", f"{public}/elsewhere"):
        assert await recorder.dav("MOVE", f"{place}/.file", headers={"Destination": address}) == 403
    assert await recorder.dav("MOVE", f"{place}/.file") == 400
    file = f"files/{recorder.link}/{quote(NAME)}"
    for method in ("GET", "PROPFIND", "DELETE", "MKCOL"):
        assert await recorder.dav(method, file) == 405
    assert await recorder.dav("PUT", f"files/{recorder.link}/..%2fx", content=b"") == 404
    assert await recorder.dav("PUT", f"files/{recorder.link}/a%5cb", content=b"") == 400
    for n in range(8):
        assert await recorder.dav("PUT", f"files/{recorder.link}/{n}", content=b"") == 201
    assert await recorder.dav("PUT", f"files/{recorder.link}/8", content=b"") == 507
    assert list(await files(world)) == [f"mira:Talk/Recording/{world.token}/old.ogg"]


async def test_uploads_that_do_not_fit_together(world: World, recorder: Recorder) -> None:
    await recorder.request_upload()
    place = f"uploads/{recorder.link}/u"
    assert await recorder.dav("PUT", f"{place}/1", content=b"x") == 404
    assert await recorder.dav("MOVE", f"{place}/.file", headers=recorder.to()) == 404
    assert await recorder.dav("MKCOL", place) == 201
    assert await recorder.dav("MKCOL", place) == 405
    for number in ("x", "-1", "1.5", "1" * 16, "%D9%A1"):
        assert await recorder.dav("PUT", f"{place}/{number}", content=b"x") == 400, number
    assert await recorder.dav("PUT", f"{place}/1", content=b"first") == 201
    assert await recorder.dav("PUT", f"{place}/1", content=OGG) == 204  # sent again
    for length, expected in (("5", 400), ("x", 400), (str(len(OGG)), 201)):
        headers = recorder.to(**{"OC-Total-Length": length})
        assert await recorder.dav("MOVE", f"{place}/.file", headers=headers) == expected
    assert await recorder.dav("MOVE", f"{place}/.file", headers=recorder.to()) == 404
    assert await recorder.upload({1: OGG}) == 204
    assert await recorder.dav("MKCOL", place) == 201
    assert await recorder.dav("PUT", f"{place}/1", content=b"x") == 201
    assert await recorder.dav("DELETE", place) == 204
    assert await recorder.dav("DELETE", place) == 404
    assert await recorder.store() == "ok"
    assert list((await files(world)).values()) == [len(OGG)]


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


async def test_what_expires(world: World, recorder: Recorder) -> None:
    await recorder.request_upload()
    await recorder.upload({1: OGG})
    await recorder.dav("MKCOL", f"uploads/{recorder.link}/u")
    await recorder.dav("PUT", f"uploads/{recorder.link}/u/1", content=b"x")
    mira = await world.client("mira")
    for name in ("old", "young"):
        await mira.request("MKCOL", f"/remote.php/dav/uploads/mira/{name}")
        await mira.put(f"/remote.php/dav/uploads/mira/{name}/1", content=name.encode())
    assert len(await world.storage.blob_ids()) == 4
    await world.side.uploads.forget_old()
    await world.side.links.forget_old()
    assert len(await world.storage.blob_ids()) == 4
    ago = utc_now() - timedelta(hours=25)
    async with world.core.db.write() as tx:
        await tx.execute(update(ChunkedUpload).where(ChunkedUpload.name == "old").values(touched_at=ago))
        await tx.execute(update(UploadLink).values(expires_at=utc_now()))
    assert await recorder.dav("MKCOL", f"uploads/{recorder.link}/new") == 401
    assert await recorder.store() == "invalid_file"
    await world.side.uploads.forget_old()
    await world.side.links.forget_old()
    assert len(await world.storage.blob_ids()) == 1
    home = "/remote.php/dav/files/mira"
    headers = {"Destination": f"{home}/x"}
    for name, expected in (("old", 404), ("young", 201)):
        answer = await mira.request("MOVE", f"/remote.php/dav/uploads/mira/{name}/.file", headers=headers)
        assert answer.status_code == expected
    assert (await mira.get(f"{home}/x")).content == b"young"


async def test_chunks_of_a_user(world: World) -> None:
    mira, zoe = await world.client("mira"), await world.add_user("zoe")
    place = "/remote.php/dav/uploads/mira/u"
    assert (await zoe.request("MKCOL", place)).status_code == 404
    assert (await (await world.client(None)).request("MKCOL", place)).status_code == 401
    assert (await mira.request("MKCOL", place)).status_code == 201
    assert (await mira.put(f"{place}/0", content=b"a")).status_code == 201
    assert (await mira.put(f"{place}/1", content=b"b")).status_code == 201
    for address, expected in (
        ("/remote.php/dav/files/zoe/x", 403),
        ("/remote.php/dav/files/mira/no/x", 409),
        ("/remote.php/dav/files/mira/Talk", 403),
    ):
        answer = await mira.request("MOVE", f"{place}/.file", headers={"Destination": address})
        assert answer.status_code == expected, address
    await mira.put("/remote.php/dav/files/mira/x", content=b"old")
    headers = {"Destination": "/remote.php/dav/files/mira/x", "Overwrite": "F", "OC-Total-Length": "2"}
    assert (await mira.request("MOVE", f"{place}/.file", headers=headers)).status_code == 412
    answer = await mira.request("MOVE", f"{place}/.file", headers={**headers, "Overwrite": "T"})
    assert answer.status_code == 204
    assert answer.headers["oc-fileid"]
    assert (await mira.get("/remote.php/dav/files/mira/x")).content == b"ab"
    assert await files(world) == {"mira:x": 2}
