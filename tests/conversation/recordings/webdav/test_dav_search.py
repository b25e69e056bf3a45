"""WebDAV SEARCH, paths and destinations: the pure parts, and the method over HTTP."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.conversation.files_paths import clean_path, destination
from callrec.conversation.files_search import like, read_search
from callrec.conversation.files_xml import BadXml
from callrec.wire.constants import ParticipantType
from tests.conversation.recording_world import API, OGG, World, open_world

HOME = "/remote.php/dav/files/mira"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


def request(where: str, *, scope: str = "/files/mira", more: str = "", depth: str = "infinity") -> str:
    return (
        '<?xml version="1.0"?><d:searchrequest xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">'
        "<d:basicsearch><d:select><d:prop><oc:fileid/><d:displayname/></d:prop></d:select>"
        f"<d:from><d:scope><d:href>{scope}</d:href><d:depth>{depth}</d:depth></d:scope></d:from>"
        f"<d:where>{where}</d:where>{more}</d:basicsearch></d:searchrequest>"
    )


def compare(operator: str, name: str, literal: str) -> str:
    prop, text = f"<d:prop><{name}/></d:prop>", f"<d:literal>{literal}</d:literal>"
    return f"<d:{operator}>{prop}{text}</d:{operator}>"


async def search(client: httpx.AsyncClient, body: str, root: str = "/remote.php/dav/") -> list[str]:
    answer = await client.request("SEARCH", root, content=body.encode())
    assert answer.status_code == 207, answer.text
    assert "<d:displayname>" in answer.text or "<d:response>" not in answer.text
    hrefs = [href.text or "" for href in ElementTree.fromstring(answer.text).iter("{DAV:}href")]
    assert all(href.startswith("/sub/remote.php/dav/files/mira/") for href in hrefs)
    return [href.removeprefix("/sub/remote.php/dav/files/mira/") for href in hrefs]


async def test_finding(world: World) -> None:
    mira = await world.client("mira")
    ole = await world.add_user("ole", ParticipantType.USER)
    for folder in ("a", "a/50%25"):
        await mira.request("MKCOL", f"{HOME}/{folder}")
    for path, content in (("a/x.txt", b"1"), ("a/50%25/y.md", b"12345"), ("z.txt", b"123")):
        answer = await mira.put(f"{HOME}/{path}", content=content)
    number = answer.headers["oc-fileid"]
    await ole.put("/remote.php/dav/files/ole/shared.txt", content=b"12")
    new = {"path": "shared.txt", "shareType": 10, "shareWith": world.token}
    await ole.post("/ocs/v2.php/apps/files_sharing/api/v1/shares", json=new)
    text = compare("like", "d:displayname", "%.TXT")
    small = compare("lte", "oc:size", "1")
    nothing = compare("eq", "oc:favorite", "1")
    for where, expected in (
        (compare("eq", "oc:fileid", str(int(number))), ["z.txt"]),
        (compare("eq", "oc:fileid", f"{number}ocabcdef"), ["z.txt"]),
        (text, ["Talk/shared.txt", "a/x.txt", "z.txt"]),
        (f"<d:and>{text}{small}</d:and>", ["a/x.txt"]),
        (
            f"<d:or>{small}{compare('eq', 'd:displayname', 'y.md')}</d:or>",
            ["Talk/", "a/50%25/y.md", "a/x.txt"],
        ),
        (f"<d:and>{text}<d:not>{small}</d:not></d:and>", ["Talk/shared.txt", "z.txt"]),
        (f"<d:and><d:is-collection/>{compare('gt', 'oc:size', '0')}</d:and>", ["", "a/", "a/50%25/"]),
        (compare("like", "d:getcontenttype", "text/m%"), ["a/50%25/y.md"]),
        (compare("gt", "d:getlastmodified", "2030-01-01T00:00:00Z"), []),
        (
            f"<d:and>{text}{compare('gt', 'd:getlastmodified', '2020-01-01T00:00:00Z')}</d:and>",
            ["Talk/shared.txt", "a/x.txt", "z.txt"],
        ),
        (compare("lt", "d:getlastmodified", "Thu, 01 Jan 1970 00:00:01 GMT"), []),
        (nothing, []),
    ):
        assert await search(mira, request(where)) == expected, where
    assert await search(mira, request(text, scope="/files/mira/a")) == ["a/x.txt"]
    everything = "<d:not>" + nothing + "</d:not>"
    for scope in ("/files/mira/a/50%", "/files/mira/a/50%25", "/sub/remote.php/dav/files/mira//a/50%25/"):
        assert await search(mira, request(everything, scope=scope)) == ["a/50%25/", "a/50%25/y.md"]
    assert await search(mira, request(text, depth="1"), "/remote.php/dav") == ["z.txt"]
    assert await search(mira, request(everything, depth="0")) == [""]
    order = (
        "<d:orderby><d:order><d:prop><oc:size/></d:prop><d:descending/></d:order></d:orderby>"
        "<d:limit><d:nresults>2</d:nresults></d:limit>"
    )
    assert await search(mira, request(text, more=order)) == ["z.txt", "Talk/shared.txt"]


async def test_searches_that_are_refused(world: World) -> None:
    mira = await world.client("mira")
    good = compare("eq", "oc:fileid", "1")
    for body, expected in (
        ("", 400),
        ("<x/>", 400),
        (request(good).replace("basicsearch", "other"), 400),
        (request("<d:contains>x</d:contains>"), 400),
        (request(compare("eq", "oc:color", "1")), 400),
        (request(compare("eq", "oc:fileid", "")), 400),
        (request(compare("gt", "d:getlastmodified", "soon")), 400),
        (request("<d:eq><d:literal>1</d:literal></d:eq>"), 400),
        (request("<d:and>" * 30 + good + "</d:and>" * 30), 400),
        (request(good, scope="/files/admin"), 404),
        (request(good, scope="/files/mira/../admin"), 404),
        (request(good, scope="/files/mira/nothing"), 404),
        (request(good + " " * 70_000), 413),
    ):
        answer = await mira.request("SEARCH", "/remote.php/dav/", content=body)
        assert answer.status_code == expected, body[:400]
    nobody = await world.client(None)
    assert (await nobody.request("SEARCH", "/remote.php/dav/", content=request(good))).status_code == 401


@given(st.text("ab%_", max_size=12), st.text("abc", max_size=12))
def test_like_is_the_like_of_sql(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern.replace("%", ".*").replace("_", "."), text) is not None
    assert like(text, pattern) is expected


def test_like_takes_no_time_for_spiteful_patterns() -> None:
    assert not like("a" * 255, "%a" * 200 + "b")
    assert like("STRASSE", "straße")


@given(st.text("./\\ a\x00ü\u202e", max_size=30))
def test_no_path_leads_out(raw: str) -> None:
    path = clean_path(raw)
    if path is not None:
        assert not {"", ".", ".."} & set(path.split("/")) or path == ""
        assert not {"\\", "\x00", "\u202e"} & set(path)
        assert clean_path(path) == path


@given(st.text(max_size=60))
def test_no_destination_is_a_surprise(header: str) -> None:
    path = destination(header, base_path="/sub", hosts={"talk.example.net"})
    assert path is None or path.startswith("/")


@pytest.mark.parametrize("body", [b"", b"<", b"\xff\xfe<\0x\0/\0>\0", b"<!DOCTYPE x><x/>", b"<x>" * 100_000])
def test_bad_xml_is_told(body: bytes) -> None:
    with pytest.raises(BadXml):
        read_search(body)


async def test_a_new_home_may_hold_a_welcome(tmp_path: Path) -> None:
    async with open_world(tmp_path, welcome_file=True) as world:
        ole = await world.add_user("ole", ParticipantType.USER)
        await world.store(OGG)
        mira = await world.client("mira")
        (told,) = (await mira.get("/ocs/v2.php/apps/notifications/api/v2/notifications")).json()["ocs"][
            "data"
        ]
        file_id = told["messageRichParameters"]["file"]["id"]
        await mira.post(f"{API}/recording/{world.token}/share-chat", json={"fileId": file_id})
        home = "/remote.php/dav/files/ole"
        for _ in range(2):
            answer = await ole.request("PROPFIND", home)
            hrefs = [href.text for href in ElementTree.fromstring(answer.text).iter("{DAV:}href")]
            assert hrefs == [f"/sub{home}/{name}" for name in ("", "Talk/", "welcome.txt")]
        assert (await ole.delete(f"{home}/welcome.txt")).status_code == 204
        assert (await ole.request("PROPFIND", f"{home}/welcome.txt")).status_code == 404
