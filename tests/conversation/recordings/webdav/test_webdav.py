"""Changing files over WebDAV, on both storages: what is there afterwards, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

import httpx
from sqlalchemy import select

from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_users import UserPreference
from callrec.wire.constants import ParticipantType
from tests.conversation.recording_world import API, OGG, World
from tests.waiting import eventually

from .webdav_home import DAV, HOME, dav, put, to, tree


async def test_put_and_put_again(world: World, mira: httpx.AsyncClient) -> None:
    first = await put(mira, "a.txt", b"first")
    assert first.status_code == 201
    assert first.headers["oc-etag"] == first.headers["etag"]
    second = await put(mira, "//a.txt", b"second")
    assert second.status_code == 204
    assert second.headers["oc-fileid"] == first.headers["oc-fileid"]
    assert second.headers["etag"] != first.headers["etag"]
    answer = await mira.get(f"{HOME}/a.txt")
    assert (answer.content, answer.headers["content-type"]) == (b"second", "text/plain; charset=utf-8")
    assert await tree(world) == ["a.txt"]
    assert (await put(mira, "u\u0308.ogg", OGG)).status_code == 201
    answer = await mira.get(f"{HOME}/ü.ogg")
    assert answer.headers["content-type"] == "audio/ogg"


async def test_put_under_conditions(mira: httpx.AsyncClient) -> None:
    created = await put(mira, "a", headers={"If-None-Match": "*"})
    assert created.status_code == 201
    assert (await put(mira, "a", headers={"If-None-Match": "*"})).status_code == 412
    assert (await put(mira, "a", headers={"If-Match": '"other"'})).status_code == 412
    assert (await put(mira, "b", headers={"If-Match": "*"})).status_code == 412
    etag = created.headers["etag"]
    assert (await put(mira, "a", headers={"If-Match": f'"other", {etag}'})).status_code == 204
    assert (await put(mira, "a", headers={"If-Match": etag})).status_code == 412
    assert (await put(mira, "a", headers={"Content-Range": "bytes 0-0/2"})).status_code == 400


async def test_folders_are_made_one_by_one(world: World, mira: httpx.AsyncClient) -> None:
    assert await dav(mira, "MKCOL", "a/b") == 409
    assert (await put(mira, "a/x")).status_code == 409
    assert await dav(mira, "MKCOL", "a") == 201
    assert await dav(mira, "MKCOL", "a/") == 405
    assert await dav(mira, "MKCOL", "") == 405
    assert await dav(mira, "MKCOL", "a/b") == 201
    assert (await mira.request("MKCOL", f"{HOME}/c", content=b"<x/>")).status_code == 415
    assert (await put(mira, "a")).status_code == 409
    assert (await put(mira, "")).status_code == 405
    assert (await put(mira, "f")).status_code == 201
    assert (await put(mira, "f/x")).status_code == 409
    assert await dav(mira, "MKCOL", "f") == 405
    assert await tree(world) == ["a/", "a/b/", "f"]


async def test_files_of_others_can_only_be_read(world: World, mira: httpx.AsyncClient) -> None:
    ole = await world.add_user("ole", ParticipantType.USER)
    await world.store()
    async with world.core.db.read() as session:
        number = await session.scalar(select(Node.id).where(Node.name == "a.ogg"))
    await (await world.client("mira")).post(
        f"{API}/recording/{world.token}/share-chat", json={"fileId": number, "timestamp": 1}
    )
    home = f"{DAV}/ole"
    for method, path, headers, expected in (
        ("PUT", "Talk/a.ogg", {}, 403),
        ("DELETE", "Talk/a.ogg", {}, 403),
        ("MKCOL", "Talk/a.ogg", {}, 405),
        ("MOVE", "Talk/a.ogg", to("b.ogg", home), 403),
        ("COPY", "Talk/a.ogg", to("Talk/b.ogg", home), 201),
        ("MOVE", "Talk/b.ogg", to("Talk/a.ogg", home), 403),
        ("PUT", "Talk/c.ogg", {}, 201),
        ("PUT", "../mira/x", {}, 404),
    ):
        answer = await ole.request(method, f"{home}/{path}", headers=headers)
        assert answer.status_code == expected, (method, path, answer.text)
    for method in ("PUT", "MKCOL", "DELETE", "PROPFIND"):
        assert (await ole.request(method, f"{HOME}/x")).status_code == 404
    assert (await ole.get(f"{home}/Talk/b.ogg")).content == OGG
    assert await dav(mira, "DELETE", f"Talk/Recording/{world.token}/a.ogg") == 204
    assert (await ole.get(f"{home}/Talk/a.ogg")).status_code == 404
    assert (await ole.get(f"{home}/Talk/b.ogg")).content == OGG


async def test_nobody_writes_without_a_password(world: World, mira: httpx.AsyncClient) -> None:
    nobody = await world.client(None)
    for method in ("PUT", "MKCOL", "MOVE", "COPY", "DELETE"):
        answer = await nobody.request(method, f"{HOME}/x", headers=to("y"))
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="callrec"'
    async with world.core.db.write() as tx:
        _, cookie = await world.core.authenticator.open_web_session(tx, "mira")
    # A form on a foreign page would bring the cookie along, but no header.
    cookies = {"Cookie": f"callrec_session={cookie}"}
    del nobody.headers["OCS-APIRequest"]
    assert (await nobody.put(f"{HOME}/x", headers=cookies)).status_code == 401
    trusted = {**cookies, "OCS-APIRequest": "true"}
    assert (await nobody.put(f"{HOME}/x", headers=trusted)).status_code == 201
    assert await tree(world) == ["x"]


async def test_hostile_names(world: World, mira: httpx.AsyncClient) -> None:
    hostile = ("%2e%2e/x", "..%2fx", "a%00b", "a%0ab", "a%5cb", "%20x", "x" * 256, "%e2%80%ae")
    unreadable = ("%ef%bf%be", "a%ef%bf%bf", "%f0%9f%bf%be", "%ff", "%ed%a0%80")
    for name in (*hostile, *unreadable):
        for method in ("PUT", "MKCOL"):
            assert (await mira.request(method, f"{HOME}/{name}")).status_code in (400, 404), name
        for method in ("GET", "PROPFIND", "DELETE", "MOVE"):
            answer = await mira.request(method, f"{HOME}/{name}", headers=to("x"))
            assert answer.status_code == 404, name
    assert await tree(world) == []


async def test_answers_are_xml_whatever_is_asked_for(mira: httpx.AsyncClient) -> None:
    await put(mira, "a&amp;<b>.txt")
    wanted = (
        '<a:propfind xmlns:a="DAV:"><a:prop><xml:lang/><a:displayname/><none/>'
        '<x:y xmlns:x="&quot;&lt;&#10;"/></a:prop></a:propfind>'
    )
    for method, path in (("PROPFIND", f"{HOME}/"), ("PROPFIND", f"{HOME}/a&amp;<b>.txt")):
        answer = await mira.request(method, path, content=wanted)
        names = [name.text for name in ElementTree.fromstring(answer.text).iter("{DAV:}displayname")]
        assert names[-1] == "a&amp;<b>.txt"


async def test_everything_below(mira: httpx.AsyncClient) -> None:
    await dav(mira, "MKCOL", "a")
    await dav(mira, "MKCOL", "a/b")
    await put(mira, "a/b/x")
    answer = await mira.request("PROPFIND", f"{HOME}/", headers={"Depth": "infinity"})
    hrefs = [href.text for href in ElementTree.fromstring(answer.text).iter("{DAV:}href")]
    assert hrefs == [f"/sub{HOME}/{path}" for path in ("", "a/", "a/b/", "a/b/x")]
    assert await dav(mira, "PROPFIND", "", Depth="2") == 400


async def test_the_older_address_of_a_home(world: World, mira: httpx.AsyncClient) -> None:
    older = "/remote.php/webdav"
    assert (await mira.put(f"{older}/x", content=b"1")).status_code == 201
    await mira.request("MKCOL", f"{older}/a")
    answer = await mira.request("PROPFIND", f"{older}//", headers={"Depth": "infinity"})
    hrefs = [href.text for href in ElementTree.fromstring(answer.text).iter("{DAV:}href")]
    assert hrefs == [f"/sub{older}/{path}" for path in ("", "a/", "x")]
    moves = ((f"{older}/x", "a/x", older), (f"{older}/a/x", "x", HOME), (f"{HOME}/x", "a/x", older))
    for source, place, home in moves:
        assert (await mira.request("MOVE", source, headers=to(place, home))).status_code == 201
    assert (await mira.get(f"{older}/a/x")).content == b"1"
    for outside in (f"{older}/../dav/files/ole/x", f"{DAV}/ole/x", f"{older}2/x"):
        answer = await mira.request("MOVE", f"{older}/a/x", headers={"Destination": outside})
        assert answer.status_code in (400, 403), outside
    nobody = await world.client(None)
    assert (await nobody.get(f"{older}/a/x")).status_code == 401
    ole = await world.add_user("ole", ParticipantType.USER)
    assert (await ole.get(f"{older}/a/x")).status_code == 404
    assert await tree(world) == ["a/", "a/x"]


async def test_paths_have_an_end(world: World, mira: httpx.AsyncClient) -> None:
    path = "n" * 250
    await dav(mira, "MKCOL", path)
    while len(path) < 3700:
        path += "/" + "ü" * 120
        assert await dav(mira, "MKCOL", path) == 201
    assert await dav(mira, "MKCOL", path + "/" + "ü" * 120 + "/" + "n" * 250) == 400
    await dav(mira, "MKCOL", "m" * 250)
    await dav(mira, "MKCOL", f"{'m' * 250}/{'m' * 250}")
    for method in ("MOVE", "COPY"):
        assert await dav(mira, method, "n" * 250, **to(f"{'m' * 250}/{'m' * 250}/{'n' * 50}")) == 403
    assert await dav(mira, "MOVE", "n" * 250, **to("n")) == 201
    assert await dav(mira, "PROPFIND", path[249:]) == 207


async def test_an_upload_that_is_broken_off_leaves_nothing(world: World, mira: httpx.AsyncClient) -> None:
    arriving = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * (3 << 20)
        arriving.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(mira.put(f"{HOME}/x", content=half()))
    await arriving.wait()
    upload.cancel()
    with suppress(asyncio.CancelledError):
        await upload

    async def clean() -> bool:
        try:
            return await tree(world) == []
        except AssertionError:
            return False

    await eventually(clean)


async def test_two_at_once(world: World, mira: httpx.AsyncClient) -> None:
    puts = [put(mira, "x", bytes([n]) * 1000) for n in range(8)]
    codes = sorted(answer.status_code for answer in await asyncio.gather(*puts))
    assert codes == [201] + [204] * 7
    content = (await mira.get(f"{HOME}/x")).content
    assert content == content[:1] * 1000
    moves = [dav(mira, "MOVE", "x", **to(f"y{n}")) for n in range(4)]
    assert sorted(await asyncio.gather(*moves)) == [201, 404, 404, 404]
    assert len(await tree(world)) == 1


async def test_a_file_in_the_way_of_recordings(world: World, mira: httpx.AsyncClient) -> None:
    assert (await put(mira, "Talk")).status_code == 403
    await dav(mira, "MKCOL", "Talk")
    await put(mira, "Talk/Recording")
    assert (await world.store()).status_code == 200
    assert f"Talk/Recording (2)/{world.token}/a.ogg" in await tree(world)


async def test_folders_that_the_user_has_chosen(world: World, mira: httpx.AsyncClient) -> None:
    async with world.core.db.write() as tx:
        tx.add(UserPreference(user_id="mira", key="attachment_folder", value="/Anders/Hier"))
    await world.store()
    assert f"Anders/Hier/Recording/{world.token}/a.ogg" in await tree(world)
    async with world.core.db.write() as tx:
        tx.add(UserPreference(user_id="mira", key="recording_folder", value="/Filme"))
    await world.store(OGG + b"2")
    assert f"Filme/{world.token}/a.ogg" in await tree(world)


def properties(text: str, status: str) -> list[str]:
    """Return the names of the properties that *text* has with *status*, as they are written."""
    stat = next(part for part in text.split("<d:propstat>") if status in part)
    inside = stat.split("<d:prop>")[1].split("</d:prop>")[0]
    return [part.split(">")[0].split(" ")[0].rstrip("/") for part in inside.split("<")[1:] if part[0] != "/"]


async def test_wanted_properties(mira: httpx.AsyncClient) -> None:
    await put(mira, "x", b"12345")
    body: Any = (
        '<?xml version="1.0"?><a:propfind xmlns:a="DAV:" xmlns:o="http://owncloud.org/ns" xmlns:z="urn:z">'
        "<a:prop><o:size/><a:getetag/><a:lockdiscovery/><z:color/></a:prop></a:propfind>"
    )
    answer = await mira.request("PROPFIND", f"{HOME}/x", content=body)
    assert properties(answer.text, "200 OK") == ["oc:size", "d:getetag"]
    assert "<oc:size>5</oc:size>" in answer.text
    assert properties(answer.text, "404 Not Found") == ["d:lockdiscovery", "x:color"]
    for bad in ("<a", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"\xff", "x" * 70_000):
        answer = await mira.request("PROPFIND", f"{HOME}/x", content=bad)
        assert answer.status_code in (400, 413), bad[:20]
