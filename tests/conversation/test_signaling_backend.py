"""What clients, the recorder and the signaling server are told about signaling."""

import pytest

from callrec.conversation.tickets import MAX_AGE_S, Tickets
from callrec.wire.checksum import signed_headers
from callrec.wire.signaling import SignalingRefusal

from .conftest import API3, API4, RECORDING_SECRET, World

SETTINGS = f"{API3}/signaling/settings"


async def test_settings_for_people(world: World) -> None:
    mira, guest = await world.user("mira", "Mira M."), await world.client()
    token = await world.room(mira, kind=3)
    backend = world.conversation.signaling_backend
    settings = await mira.data("GET", SETTINGS, params={"token": token})
    assert (settings["signalingMode"], settings["server"]) == (
        "external",
        "http://talk.example.net/signaling",
    )
    assert settings["userId"] == "mira"
    user = await backend.authenticate(settings["helloAuthParams"]["1.0"])
    assert (user.user_id, user.display_name) == ("mira", "Mira M.")
    for_guest = await guest.data("GET", SETTINGS, params={"token": token})
    assert for_guest["helloAuthParams"]["1.0"]["userid"] is None
    assert (await backend.authenticate(for_guest["helloAuthParams"]["1.0"])).user_id == ""
    assert await guest.data("GET", SETTINGS, params={"token": "nothere0"}, status=404) is None
    private = await world.room(mira, kind=2)
    assert await guest.data("GET", SETTINGS, params={"token": private}, status=404) is None
    await guest.data("GET", SETTINGS)


async def test_tickets_are_for_one_user(world: World) -> None:
    mira = await world.user("mira")
    backend = world.conversation.signaling_backend
    ticket = (await mira.data("GET", SETTINGS))["ticket"]
    for params in (
        {"userid": "admin", "ticket": ticket},
        {"userid": "", "ticket": ticket},
        {"userid": "mira", "ticket": ticket[:-1]},
        {"userid": "mira", "ticket": "ü"},
        {"userid": ["mira"], "ticket": ticket},
        {},
    ):
        with pytest.raises(SignalingRefusal) as refused:
            await backend.authenticate(params)
        assert refused.value.code == "invalid_ticket"
    await (await world.admin()).data("DELETE", "/ocs/v2.php/cloud/users/mira")
    with pytest.raises(SignalingRefusal) as refused:
        await backend.authenticate({"userid": "mira", "ticket": ticket})
    assert refused.value.code == "no_such_user"


async def test_settings_for_the_recorder(world: World) -> None:
    mira, recorder = await world.user("mira"), await world.client()
    token = await world.room(mira)
    headers = signed_headers(RECORDING_SECRET, b"")
    settings = await recorder.data("GET", SETTINGS, params={"token": token}, headers=headers)
    assert (settings["userId"], settings["server"]) == (None, "http://talk.example.net/signaling")
    await recorder.data("GET", SETTINGS, params={"token": "nothere0"}, headers=headers, status=404)
    wrong = signed_headers("another secret", b"")
    statuses = [
        (await recorder.ocs("GET", SETTINGS, params={"token": token}, headers=wrong)).status_code
        for _ in range(11)
    ]
    assert statuses == [401] * 10 + [429]
    # Whoever signs rightly is not locked out by the other's mistakes.
    await recorder.data("GET", SETTINGS, params={"token": token}, headers=headers)


async def test_a_session_is_admitted_to_its_room(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    backend = world.conversation.signaling_backend
    token, other = await world.room(mira, kind=3, name="Open"), await world.room(mira)
    session = (await world.join(mira, token))["sessionId"]
    guest_session = (await world.join(guest, token))["sessionId"]
    admission = await backend.join_room(token, "mira", session)
    assert admission.properties["name"] == "Open"
    assert list(admission.permissions) == ["publish-audio", "publish-video", "publish-screen", "control"]
    assert "control" not in (await backend.join_room(token, "", guest_session)).permissions
    for wrong in (
        (other, "mira", session),
        (token, "", session),
        (token, "mira", guest_session),
        (token, "mira", "0"),
    ):
        with pytest.raises(SignalingRefusal) as refused:
            await backend.join_room(*wrong)
        assert refused.value.code == "no_such_room"
    await backend.ping(token, [session, guest_session, "unknown"])

    await mira.data("POST", f"{API4}/call/{token}")
    world.pushes.take()
    await backend.join_room(token, "mira", session)
    await mira.data("PUT", f"{API4}/call/{token}", json={"flags": 3})  # queued behind it
    pushes = world.pushes.take()
    assert [push["type"] for push in pushes] == ["incall", "incall"]
    assert pushes[0]["incall"]["changed"][0]["sessionId"] == session

    await backend.leave_room(token, "mira", session)
    await backend.leave_room(token, "mira", session)
    assert not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]


def test_tickets_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = Tickets()
    ticket = tickets.issue("a:b")
    assert not tickets.check("a", ticket)
    assert tickets.check("a:b", ticket)
    issued_s = int(ticket.split(":")[1])
    monkeypatch.setattr("callrec.conversation.tickets.wall_s", lambda: issued_s + MAX_AGE_S + 1.0)
    assert not tickets.check("a:b", ticket)
