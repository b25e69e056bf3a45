"""Names made safe, homes and what is shared into them, downloads with ranges."""

import unicodedata
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files_names import clean_name, numbered_name, recording_name
from callrec.conversation.ocs.authentication import COOKIE
from callrec.wire.constants import ParticipantType
from tests.conversation.recording_world import API, OGG, PUBLIC_URL, World, add_guest

DAV = "/remote.php/dav/files"


async def file_id(world: World, name: str) -> int:
    async with world.core.db.read() as session:
        found = await session.scalar(select(Node.id).where(Node.name == name))
    assert found is not None
    return found


async def propfind(client: httpx.AsyncClient, path: str, **headers: str) -> list[str]:
    answer = await client.request("PROPFIND", f"{DAV}{path}", headers=headers)
    assert answer.status_code == 207, answer.text
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    tree = ElementTree.fromstring(answer.text)
    return [href.text or "" for href in tree.iter("{DAV:}href")]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a.ogg", "a.ogg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\a.webm", "a.webm"),
        ("a\0b\r\n\x7f\x85.ogg", "ab.ogg"),
        ("  a .ogg ", "a .ogg"),
        ("u\u0308.ogg", "ü.ogg"),
        ("harmless\u202eggo.exe", "harmlessggo.exe"),
        ("a\u2028b.ogg", "ab.ogg"),
        (".ogg", ".ogg"),
        ("👩‍👩‍👧 1.ogg", "👩‍👩‍👧 1.ogg"),
        ("", None),
        (".", None),
        ("..", None),
        ("folder/", None),
        ("a/..", None),
        (" \t ", None),
        ("\ud800", None),
    ],
)
def test_names_made_safe(sent: str, kept: str | None) -> None:
    assert clean_name(sent) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (".ogg", "Recording.ogg"),
        ("..ogg", "Recording.ogg"),
        ("folder/. .WebM", "Recording.WebM"),
        ("\ufffd.mp4", "Recording.mp4"),
        ("a.ogg", "a.ogg"),
        (".a.ogg", ".a.ogg"),
        ("%2e%2e%2fz.ogg", "%2e%2e%2fz.ogg"),
        (".json", ".json"),
        ("ogg", "ogg"),
        ("..", None),
    ],
)
def test_a_recording_is_never_only_an_extension(sent: str, kept: str | None) -> None:
    assert recording_name(sent) == kept


def test_long_names_keep_their_extension() -> None:
    assert clean_name("x" * 300 + ".ogg") == "x" * 251 + ".ogg"
    long = clean_name("ü" * 300 + ".webm")
    assert long is not None and long.endswith("ü.webm") and len(long.encode()) in (254, 255)
    assert clean_name("a." + "x" * 300) == "a." + "x" * 253


@given(st.text(max_size=400))
def test_no_name_is_dangerous(sent: str) -> None:
    name = clean_name(sent)
    if name is not None:
        assert 0 < len(name.encode()) <= 255
        assert "/" not in name and "\\" not in name and name not in (".", "..")
        assert name == unicodedata.normalize("NFC", name)
        assert not any(unicodedata.category(c) == "Cc" for c in name)


def test_numbered_names() -> None:
    assert numbered_name("a.ogg", set()) == "a.ogg"
    assert numbered_name("a.ogg", {"a.ogg"}) == "a (2).ogg"
    assert numbered_name("a.ogg", {"a.ogg", "a (2).ogg"}) == "a (3).ogg"
    assert numbered_name("a", {"a"}) == "a (2)"
    long = "x" * 251 + ".ogg"
    assert numbered_name(long, {long}) == "x" * 247 + " (2).ogg"


async def test_download(world: World, mira: httpx.AsyncClient) -> None:
    await world.store(name="Größe 1.ogg")
    url = f"{DAV}/mira/Talk/Recording/{world.token}/Größe 1.ogg"
    answer = await mira.get(url)
    assert (answer.status_code, answer.content) == (200, OGG)
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe%201.ogg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["accept-ranges"] == "bytes"
    known = await mira.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    since = {"Range": "bytes=1-2", "If-Range": answer.headers["last-modified"]}
    assert (await mira.get(url, headers=since)).status_code == 206
    head = await mira.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(OGG)))

    for wanted, expected in (("5-9", OGG[5:10]), ("5-", OGG[5:]), ("-4", OGG[-4:]), ("0-999", OGG)):
        part = await mira.get(url, headers={"Range": f"bytes={wanted}"})
        assert (part.status_code, part.content) == (206, expected), wanted
    assert part.headers["content-range"] == f"bytes 0-{len(OGG) - 1}/{len(OGG)}"
    assert (await mira.get(url, headers={"Range": "bytes=999-"})).status_code == 416
    stale = await mira.get(url, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, OGG)
    fresh = await mira.get(url, headers={"Range": "bytes=1-2", "If-Range": answer.headers["etag"]})
    assert fresh.status_code == 206


async def test_who_may_download(world: World, mira: httpx.AsyncClient) -> None:
    await world.store()
    path = f"Talk/Recording/{world.token}/a.ogg"
    ida = await world.add_user("ida", ParticipantType.MODERATOR)
    nobody = await world.client(None)
    guest = await add_guest(world)
    for client in (nobody, guest):
        answer = await client.get(f"{DAV}/mira/{path}")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="callrec"'
    assert (await nobody.get(f"{DAV}/mira/{path}", auth=("mira", "wrong"))).status_code == 401
    assert (await ida.get(f"{DAV}/mira/{path}")).status_code == 404
    assert (await ida.get(f"{DAV}/ida/{path}")).status_code == 404
    for odd in ("nothing", f"{path}/x", "%2e%2e/%2e%2e/etc/passwd", "Talk/..%2f..%2fx", "%00"):
        assert (await mira.get(f"{DAV}/mira/{odd}")).status_code == 404, odd
    assert (await mira.get(f"{DAV}/mira/Talk")).status_code == 405


async def test_the_page_downloads_by_its_cookie(world: World) -> None:
    await world.store()
    async with world.core.db.write() as tx:
        _, cookie = await world.core.authenticator.open_web_session(tx, "mira")
    page = await world.client(None)
    page.cookies.set(COOKIE, cookie)
    del page.headers["OCS-APIRequest"]
    answer = await page.get(f"{DAV}/mira/Talk/Recording/{world.token}/a.ogg", headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.content) == (206, OGG)


async def test_a_file_leads_to_itself(world: World, mira: httpx.AsyncClient) -> None:
    await world.store(name="a b.ogg")
    number = await file_id(world, "a b.ogg")
    ole = await world.add_user("ole", ParticipantType.USER)
    nobody = await world.client(None)
    answer = await mira.get(f"/index.php/f/{number}")
    expected = f"{PUBLIC_URL}{DAV}/mira/Talk/Recording/{world.token}/a%20b.ogg"
    assert (answer.status_code, answer.headers["location"]) == (302, expected)
    assert (await nobody.get(f"/index.php/f/{number}")).status_code == 401
    assert (await ole.get(f"/index.php/f/{number}")).status_code == 404
    assert (await mira.get("/index.php/f/99999999999999999999999")).status_code == 404
    await mira.post(f"{API}/recording/{world.token}/share-chat", json={"fileId": number, "timestamp": 1})
    answer = await ole.get(f"/index.php/f/{number}")
    expected = f"{PUBLIC_URL}{DAV}/ole/Talk/a%20b.ogg"
    assert (answer.status_code, answer.headers["location"]) == (302, expected)
    assert (await ole.get(f"{DAV}/ole/Talk/a%20b.ogg")).content == OGG


async def test_folders(world: World, mira: httpx.AsyncClient) -> None:
    home = f"/sub{DAV}/mira/"
    assert await propfind(mira, "/mira") == [home]
    for name in ("a.ogg", "a - b.ogg", "Z <&>.ogg"):
        await world.store(name=name)
    assert await propfind(mira, "/mira/") == [home, f"{home}Talk/"]
    assert await propfind(mira, "/mira//Talk", Depth="0") == [f"{home}Talk/"]
    folder = f"{home}Talk/Recording/{world.token}/"
    names = ["Z%20%3C%26%3E.ogg", "a%20-%20b.ogg", "a.ogg"]
    assert await propfind(mira, f"/mira/Talk//Recording/{world.token}/", Depth="1") == [
        folder,
        *(folder + name for name in names),
    ]
    assert await propfind(mira, f"/mira/Talk/Recording/{world.token}/a.ogg") == [f"{folder}a.ogg"]
    answer = await mira.request("PROPFIND", f"{DAV}/mira/Talk", headers={"Depth": "2"})
    assert answer.status_code == 400
    assert (await mira.request("PROPFIND", f"{DAV}/mira/x")).status_code == 404
    assert (await mira.request("PROPFIND", f"{DAV}/admin")).status_code == 404
    assert (await (await world.client(None)).request("PROPFIND", f"{DAV}/mira")).status_code == 401


async def test_properties_with_the_prefixes_that_clients_know(world: World, mira: httpx.AsyncClient) -> None:
    await world.store(name="<a>.ogg")
    answer = await mira.request("PROPFIND", f"{DAV}/mira/Talk/Recording/{world.token}/<a>.ogg")
    assert "<d:displayname>&lt;a&gt;.ogg</d:displayname>" in answer.text
    assert f"<d:getcontentlength>{len(OGG)}</d:getcontentlength>" in answer.text
    assert "<d:getcontenttype>audio/ogg</d:getcontenttype>" in answer.text
    assert f"<oc:fileid>{await file_id(world, '<a>.ogg')}</oc:fileid>" in answer.text
    assert "<d:resourcetype/>" in answer.text
    answer = await mira.request("PROPFIND", f"{DAV}/mira/Talk", headers={"Depth": "0"})
    assert "<d:resourcetype><d:collection/></d:resourcetype>" in answer.text


async def test_shared_files_appear_for_all_users_of_the_room_and_later_ones(
    world: World, mira: httpx.AsyncClient
) -> None:
    for name in ("a.ogg", "b.ogg"):
        await world.store(name=name)
        number = await file_id(world, name)
        await mira.post(f"{API}/recording/{world.token}/share-chat", json={"fileId": number})
    first, world.token = world.token, await world.make_room("mira")
    await world.store(OGG + b"other", name="a.ogg")
    async with world.core.db.read() as session:
        number = max(await session.scalars(select(Node.id).where(Node.name == "a.ogg")))
    await mira.post(f"{API}/recording/{world.token}/share-chat", json={"fileId": number})
    ole = await world.add_user("ole", ParticipantType.USER)
    home = f"/sub{DAV}/ole/"
    assert await propfind(ole, "/ole") == [home, f"{home}Talk/"]
    assert await propfind(ole, "/ole/Talk") == [f"{home}Talk/", f"{home}Talk/a.ogg"]
    world.token = first
    await world.add_to_room("ole")
    expected = [f"{home}Talk/", *(f"{home}Talk/{name}" for name in ("a%20%282%29.ogg", "a.ogg", "b.ogg"))]
    assert await propfind(ole, "/ole/Talk") == expected
    contents = {name: (await ole.get(f"{DAV}/ole/Talk/{name}")).content for name in ("a.ogg", "a (2).ogg")}
    assert sorted(contents.values()) == [OGG, OGG + b"other"]
    # His own files stay what they are, beside those of others.
    await world.store(OGG + b"own", name="own.ogg", owner="ole")
    assert await propfind(ole, "/ole/Talk") == [expected[0], f"{home}Talk/Recording/", *expected[1:]]
    answer = await ole.request("PROPFIND", f"{DAV}/ole/Talk/b.ogg")
    assert "<oc:permissions>SG</oc:permissions>" in answer.text
    assert "<oc:owner-id>mira</oc:owner-id>" in answer.text
