"""What clients, the recorder and the signaling server are told about signaling."""

import pytest

from callrec.conversation.tickets import MAX_AGE_S, Tickets
from callrec.wire.checksum import signed_headers
from callrec.wire.signaling import SignalingRefusal, SignalingUser

from .conftest import API3, API4, RECORDING_SECRET, Client, World

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
    mira_says, guest_says = await says(world, mira), await says(world, guest)
    admission = await backend.join_room(token, mira_says, session)
    assert admission.properties["name"] == "Open"
    assert list(admission.permissions) == ["publish-audio", "publish-video", "publish-screen", "control"]
    assert "control" not in (await backend.join_room(token, guest_says, guest_session)).permissions
    for wrong in (
        (other, mira_says, session),
        (token, guest_says, session),
        (token, SignalingUser(""), guest_session),
        (token, mira_says, guest_session),
        (token, mira_says, "0"),
    ):
        with pytest.raises(SignalingRefusal) as refused:
            await backend.join_room(*wrong)
        assert refused.value.code == "no_such_room"
    await backend.ping(token, [session, guest_session, "unknown"])

    await mira.data("POST", f"{API4}/call/{token}")
    world.pushes.take()
    await backend.join_room(token, mira_says, session)
    await mira.data("PUT", f"{API4}/call/{token}", json={"flags": 3})  # queued behind it
    pushes = world.pushes.take()
    assert [push["type"] for push in pushes] == ["incall", "incall"]
    assert pushes[0]["incall"]["changed"][0]["sessionId"] == session

    await backend.leave_room(token, mira_says, session)
    await backend.leave_room(token, mira_says, session)
    assert not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]


async def test_a_guest_is_nobody_else(world: World) -> None:
    """Everybody in a room sees the session ids: knowing one is not being him."""
    mira, victim, attacker = await world.user("mira"), await world.client(), await world.client()
    backend = world.conversation.signaling_backend
    token = await world.room(mira, kind=3)
    stolen = (await world.join(victim, token))["sessionId"]
    await victim.data("POST", f"{API4}/call/{token}")
    strange = await says(world, await world.client())
    own = (await world.join(attacker, token))["sessionId"]
    assert [peer["sessionId"] for peer in await attacker.data("GET", f"{API4}/call/{token}")] == [stolen]
    for somebody in (strange, await says(world, attacker)):
        with pytest.raises(SignalingRefusal) as refused:
            await backend.join_room(token, somebody, stolen)
        assert refused.value.code == "no_such_room"
        await backend.leave_room(token, somebody, stolen)
    assert (await attacker.data("GET", f"{API4}/room/{token}"))["hasCall"]
    await backend.join_room(token, await says(world, attacker), own)
    await backend.join_room(token, await says(world, victim), stolen)

    # Rows of the database are numbered anew: a ticket is of the cookie, not of its number.
    old = await says(world, attacker)
    await attacker.ocs("POST", "/index.php/logout")
    newcomer = await world.client()
    session = (await world.join(newcomer, token))["sessionId"]
    with pytest.raises(SignalingRefusal):
        await backend.join_room(token, old, session)
    await backend.join_room(token, await says(world, newcomer), session)


async def says(world: World, client: Client) -> SignalingUser:
    """Return as whom a client says hello with a fresh ticket."""
    params = (await client.data("GET", SETTINGS))["helloAuthParams"]["1.0"]
    return await world.conversation.signaling_backend.authenticate(params)


def test_tickets_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = Tickets()
    ticket = tickets.issue("a:b")
    assert not tickets.check("a", ticket)
    assert tickets.check("a:b", ticket)
    issued_s = int(ticket.split(":")[1])
    monkeypatch.setattr("callrec.conversation.tickets.wall_s", lambda: issued_s + MAX_AGE_S + 1.0)
    assert not tickets.check("a:b", ticket)
