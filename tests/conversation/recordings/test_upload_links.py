"""Upload links: who gets one, what it is good for, what fits together, and when it ends."""

import hashlib
from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import select, update

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_recordings import RecordingStart
from callrec.conversation.db.tables_uploads import ChunkedUpload, UploadLink
from callrec.conversation.participants import find_room
from tests.conversation.recording_world import OGG, World

from .chunked_recorder import NAME, Recorder, files, nothing_on_the_way


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


async def test_what_was_damaged_on_the_way_is_refused(world: World, recorder: Recorder) -> None:
    await recorder.request_upload()
    place = f"uploads/{recorder.link}/u"
    assert await recorder.dav("MKCOL", place) == 201
    for number, content in enumerate((OGG[:100], OGG[100:])):
        answer = await recorder.http.put(
            f"/public.php/dav/{place}/{number}",
            content=content,
            headers={"X-Hash": "sha256"},
            auth=(recorder.link, recorder.password),
        )
        assert answer.status_code == 201
        assert answer.headers["X-Hash-SHA256"] == hashlib.sha256(content).hexdigest()
    right, wrong = hashlib.sha256(OGG).hexdigest(), "0" * 64
    for told, expected in (
        (f"SHA256:{wrong}", 400),
        ("SHA256:", 400),
        (f"MD5:{wrong[:32]} sha256:{right.upper()}", 201),
    ):
        headers = recorder.to(**{"OC-Checksum": told})
        assert await recorder.dav("MOVE", f"{place}/.file", headers=headers) == expected, told
    file = f"files/{recorder.link}/times.json"
    assert await recorder.dav("PUT", file, content=b"x", headers={"OC-Checksum": f"SHA256:{wrong}"}) == 400
    assert await recorder.store() == "ok"
    mira = await world.client("mira")
    home = "/remote.php/dav/files/mira/x"
    answer = await mira.put(home, content=OGG, headers={"OC-Checksum": f"SHA256:{wrong}"})
    assert answer.status_code == 400
    assert (await mira.get(home)).status_code == 404
    answer = await mira.put(home, content=OGG, headers={"OC-Checksum": f"SHA256:{right}"})
    assert answer.status_code == 201
    assert list((await files(world)).values()) == [len(OGG)] * 2


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
