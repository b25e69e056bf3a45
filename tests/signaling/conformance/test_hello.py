"""Who may open a session, and what ends it."""

import asyncio
import hmac
import secrets
from typing import Any

import httpx

from .person import CALLBACK_PATH, bye, refusal
from .place import Place


async def test_the_welcome_page(place: Place) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{place.url}/api/v1/welcome")
    assert answer.status_code == 200
    assert set(answer.json()) == {"nextcloud-spreed-signaling", "version"}
    assert answer.json()["nextcloud-spreed-signaling"] == "Welcome"
    features = answer.headers["X-Spreed-Signaling-Features"].split(", ")
    assert {"hello-v2", "incall-all", "welcome"} <= set(features) and "mcu" not in features


async def test_a_hello_is_answered(place: Place) -> None:
    mira, guest, rec = [await place.connect(name) for name in ("mira", "guest", "rec")]
    answers = {
        "mira": await mira.hello("mira"),
        "guest": await guest.hello(""),
        "rec": await rec.hello_internal(),
    }
    for name, answer in answers.items():
        server = answer["hello"].pop("server")
        assert isinstance(server["version"], str)
        assert {"hello-v2", "incall-all", "welcome"} <= set(server["features"])
        assert "mcu" not in server["features"]
        content = {
            "version": "1.0",
            "sessionid": f"<{name}>",
            "resumeid": f"<secret of {name}>",
            "userid": "mira" if name == "mira" else "",
        }
        assert answer == {"id": "hello", "type": "hello", "hello": content}


async def test_a_token_instead_of_a_ticket(place: Place) -> None:
    mira, guest = await place.connect("mira"), await place.connect("guest")
    answer = await mira.hello_with_token(place.conversation.tokens.issue("mira", "Mira"))
    assert (answer["hello"]["version"], answer["hello"]["userid"]) == ("2.0", "mira")
    await place.enter(mira, "room1", "mira")
    answer = await guest.hello_with_token(place.conversation.tokens.issue(None))
    assert answer["hello"]["userid"] == ""
    await place.enter(guest, "room1", "")
    bad = await place.connect("bad")
    assert await bad.hello_with_token("nonsense") == refusal("invalid_token", "hello")
    assert await bad.hello_with_token("") == refusal("invalid_format", "hello")
    assert (await bad.hello("tom"))["type"] == "hello"


async def test_hello_comes_first(place: Place) -> None:
    mira = await place.connect("mira")
    for kind, content in (
        ("room", {"roomid": "room1", "sessionid": "nc-mira"}),
        ("message", {"recipient": {"type": "room"}, "data": 1}),
        ("bye", {}),
    ):
        await mira.send(kind, content, "1")
        await mira.hears(refusal("hello_expected", "1"))
    assert (await mira.hello("mira"))["type"] == "hello"


async def test_a_second_hello_is_not_answered(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await mira.send("hello", {"version": "1.0", "resumeid": tom.client.resume_id}, "1")
    await mira.quiet()
    await tom.tell({"type": "session", "sessionid": mira.session})
    sender = {"type": "session", "sessionid": "<tom>", "userid": "tom"}
    await mira.hears({"type": "message", "message": {"sender": sender, "data": "x"}})


REFUSED_HELLOS: list[tuple[dict[str, Any], str]] = [
    ({"version": "3.0"}, "invalid_hello_version"),
    ({"version": ""}, "invalid_hello_version"),
    ({"auth": None}, "invalid_format"),
    ({"auth": {"params": {"ticket": "good"}}}, "invalid_format"),
    ({"auth": {"type": "planet", "params": {}}}, "invalid_format"),
    ({"auth": {"url": "http://elsewhere.example/", "params": {}}}, "invalid_backend"),
    ({"resumeid": "unknown"}, "no_such_session"),
]


async def test_hellos_that_are_refused(place: Place) -> None:
    mira = await place.connect("mira")
    for changes, code in REFUSED_HELLOS:
        assert await mira.hello("mira", **changes) == refusal(code, "hello"), changes
    auth = {"url": place.backend_url + CALLBACK_PATH, "params": {"userid": "mira", "ticket": "bad"}}
    assert await mira.hello("mira", auth=auth) == refusal("invalid_ticket", "hello")
    assert await mira.say_hello({"resumeid": "x"}) == refusal("invalid_hello_version", "hello")
    assert await mira.say_hello({"version": "1.0"}) == refusal("invalid_format", "hello")
    assert (await mira.hello("mira"))["type"] == "hello"


REFUSED_RECORDERS: list[tuple[dict[str, Any], str]] = [
    ({"backend": ""}, "invalid_format"),
    ({"token": "0" * 64}, "invalid_token"),
    ({"random": "short"}, "invalid_token"),  # rightly signed
    ({"secret": "another"}, "invalid_token"),
    ({"backend": "http://elsewhere.example"}, "invalid_backend"),
]


async def test_internal_clients_that_are_refused(place: Place) -> None:
    rec = await place.connect("rec")
    for changes, code in REFUSED_RECORDERS:
        assert await rec.hello_internal(**changes) == refusal(code, "hello"), changes
    assert (await rec.hello_internal())["type"] == "hello"


async def test_the_random_of_an_internal_client_is_signed_as_it_is_written(place: Place) -> None:
    rec = await place.connect("rec")
    random = secrets.token_hex(32)
    decoded = hmac.new(b"the internal secret", bytes.fromhex(random), "sha256").hexdigest()
    assert await rec.hello_internal(random=random, token=decoded) == refusal("invalid_token", "hello")
    answer = await rec.hello_internal(random=random, backend=f"{place.backend_url}/")
    assert answer["type"] == "hello"


async def test_silence_ends_a_socket_and_a_guest_needs_a_room(impatient: Place) -> None:
    silent, guest, mira = (
        await impatient.connect("silent"),
        await impatient.user("guest", user=""),
        await impatient.user("mira"),
    )
    await asyncio.gather(silent.is_put_off(bye("hello_timeout")), guest.is_put_off(bye("room_join_timeout")))
    await mira.quiet()  # a user may wait


async def test_bye_ends_a_session_at_once(place: Place) -> None:
    mira = await place.user("mira", "room1")
    await place.user("tom", "room1")
    await place.leave(mira)
    await place.conversation.until(lambda: place.conversation.left == [("room1", "mira", "nc-mira")])
    late = await place.connect("late")
    answer = await late.say_hello({"version": "1.0", "resumeid": mira.client.resume_id})
    assert answer == refusal("no_such_session", "hello")
