"""JSON or XML: the choice, and what the XML looks like."""

from xml.etree import ElementTree as ET

import httpx

from callrec.conversation.ocs.xml import to_xml

from .conftest import API1, API4, World

V1, V2 = "/ocs/v1.php", "/ocs/v2.php"
JSON, XML = "application/json; charset=utf-8", "application/xml; charset=utf-8"


def parsed(response: httpx.Response) -> ET.Element:
    assert response.headers["Content-Type"] == XML
    return ET.fromstring(response.content)


CHOICES: list[tuple[str, dict[str, str], str]] = [
    ("*/*", {}, XML),
    ("application/json", {}, JSON),
    ("text/html, Application/JSON;q=0.9", {}, JSON),
    ("application/xml", {}, XML),
    ("application/json", {"format": "xml"}, XML),
    ("application/xml", {"format": "json"}, JSON),
    ("application/json", {"format": "yaml"}, JSON),
]


async def test_the_choice(world: World) -> None:
    client = await world.client()
    for accept, query, expected in CHOICES:
        for path in (f"{V2}/cloud/capabilities", f"{V2}/cloud/user"):
            response = await client.ocs("GET", path, headers={"Accept": accept}, params=query)
            assert response.headers["Content-Type"] == expected, (accept, query)
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_parameter_may_be_in_the_body(world: World) -> None:
    mira = await world.user("mira")
    xml = {"Accept": "application/xml"}
    for sent in (
        {"data": {"roomName": "x", "format": "json"}},
        {"json": {"roomName": "x", "format": "json"}},
    ):
        response = await mira.ocs("POST", f"{API4}/room", headers=xml, **sent)
        assert response.headers["Content-Type"] == JSON
    refused = await mira.ocs("POST", f"{API4}/room", headers=xml, json={"roomType": 77, "format": "json"})
    assert (refused.status_code, refused.headers["Content-Type"]) == (400, JSON)


async def test_answers(world: World) -> None:
    mira = await world.user("mira", "Mira <M> & co")
    token = await world.room(mira)
    xml = {"Accept": "application/xml"}
    room = parsed(await mira.ocs("GET", f"{API4}/room/{token}", headers=xml))
    assert room.tag == "ocs"
    assert [part.tag for part in room] == ["meta", "data"]
    assert {part.tag: part.text for part in room[0]} == {
        "status": "ok",
        "statuscode": "200",
        "message": "OK",
    }
    assert room.findtext("data/token") == token
    assert room.findtext("data/hasCall") == ""
    assert room.findtext("data/canStartCall") == "1"
    user = parsed(await mira.ocs("GET", f"{V1}/cloud/user", headers=xml))
    assert user.findtext("data/displayname") == "Mira <M> & co"
    assert user.findtext("meta/statuscode") == "100"
    assert user.find("meta/totalitems") is not None
    rooms = parsed(await mira.ocs("GET", f"{API4}/room", headers=xml))
    assert [element.findtext("token") for element in rooms.findall("data/element")].count(token) == 1
    nothing = parsed(await mira.ocs("DELETE", f"{API1}/recording/{token}", headers=xml))
    data = nothing.find("data")
    assert data is not None
    assert (data.text, len(data)) == (None, 0)


async def test_refusals(world: World) -> None:
    mira, stranger = await world.user("mira"), await world.client("admin", "wrong")
    token = await world.room(mira)
    xml = {"Accept": "application/xml"}
    start = parsed(await mira.ocs("POST", f"{API1}/recording/{token}", data={"status": 1}, headers=xml))
    assert start.findtext("data/error") == "call"
    assert start.findtext("meta/statuscode") == "400"
    refused = await stranger.ocs("GET", f"{V2}/cloud/user", headers=xml)
    assert refused.headers["WWW-Authenticate"]
    assert parsed(refused).findtext("meta/statuscode") == "997"
    # No route: Accept does not count.
    unknown = await mira.ocs("GET", f"{V2}/no/such")
    assert (unknown.status_code, parsed(unknown).findtext("meta/statuscode")) == (404, "998")
    # Only the header that is missing is told without envelope.
    bare = await mira.http.get(f"{V2}/cloud/user", headers=xml)
    assert (bare.status_code, bare.json()) == (412, {"message": "CSRF check failed"})
    wrong_method = await mira.ocs("DELETE", f"{V2}/cloud/capabilities")
    assert (wrong_method.status_code, wrong_method.content) == (405, b"")


def test_values() -> None:
    value = {
        "ocs": {
            "list": [1, "a", [True, False], {}],
            "none": None,
            "yes": True,
            "no": False,
            "number": 1.5,
            "odd key": "a\0b\ud800c\n",
            "👍": "<&>",
        }
    }
    assert to_xml(value).decode() == (
        '<?xml version="1.0"?>\n<ocs>'
        "<list><element>1</element><element>a</element>"
        "<element><element>1</element><element></element></element><element></element></list>"
        "<none></none><yes>1</yes><no></no><number>1.5</number>"
        "<element>abc\n</element><element>&lt;&amp;&gt;</element>"
        "</ocs>\n"
    )
    ET.fromstring(to_xml(value))
