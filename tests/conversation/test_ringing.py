"""Ringing single people, and what a ringing client asks."""

from typing import Any

from .conftest import API4, Client, World

NOTIFICATIONS = "/ocs/v2.php/apps/notifications/api/v2/notifications"


async def rings(client: Client) -> list[str]:
    """Return what a user is told about calls."""
    told = await client.data("GET", NOTIFICATIONS)
    return [each["subject"] for each in told if each["object_type"] == "call"]


async def attendee_ids(client: Client, token: str) -> dict[str, Any]:
    """Return actor id → attendee id."""
    people = await client.data("GET", f"{API4}/room/{token}/participants")
    return {person["actorId"]: person["attendeeId"] for person in people}


async def test_ringing_somebody(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token, other = await world.room(mira, kind=3), await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    await world.join(mira, token)
    ids = await attendee_ids(mira, token)
    ring = f"{API4}/call/{token}/ring"
    assert await mira.data("POST", f"{ring}/{ids['ole']}", status=400) is None  # there is no call
    await mira.data("POST", f"{API4}/call/{token}", json={"silent": True})
    assert await rings(ole) == []
    await mira.data("POST", f"{ring}/{ids['ole']}")
    await mira.data("POST", f"{ring}/{ids['ole']}")
    assert await rings(ole) == ["A group call has started in Standup"]

    assert await guest.data("POST", f"{ring}/{ids['ole']}", status=404) == []
    guest_id = (await world.join(guest, token))["attendeeId"]
    (foreign,) = (await attendee_ids(mira, other)).values()
    for nobody in (guest_id, foreign, 10**6, 10**12):
        await mira.data("POST", f"{ring}/{nobody}", status=404)
    await ole.data("POST", f"{ring}/{ids['mira']}", status=404)  # has not joined the room
    await world.join(ole, token)
    assert await ole.data("POST", f"{ring}/{ids['mira']}", status=400) == {"error": "in-call"}
    await mira.data("PUT", f"{API4}/room/{token}/webinar/lobby", json={"state": 1})
    assert await mira.data("POST", f"{ring}/{ids['ole']}", status=400) == {"error": "lobby"}
    assert await ole.data("POST", f"{ring}/{ids['mira']}", status=412) == []
    await mira.data("PUT", f"{API4}/room/{token}/webinar/lobby", json={"state": 0})
    await mira.data("PUT", f"{API4}/room/{token}/permissions/default", json={"permissions": 4})
    assert await ole.data("POST", f"{ring}/{ids['mira']}", status=403) == []


async def test_what_a_ringing_client_asks(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    phone, guest = await world.client("ole"), await world.client()
    token = await world.room(mira, kind=3)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    state = f"{API4}/call/{token}/notification-state"
    await guest.data("GET", state, status=403)
    await phone.data("GET", state, status=201)  # there never was a call
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}")
    await world.join(phone, token)
    await phone.data("GET", state)
    await world.join(ole, token)
    await ole.data("POST", f"{API4}/call/{token}")
    await phone.data("GET", state, status=404)  # joined on another device
    await ole.data("DELETE", f"{API4}/call/{token}")
    await phone.data("GET", state, status=404)
    await mira.data("DELETE", f"{API4}/call/{token}")
    await phone.data("GET", state, status=201)
    await mira.data("DELETE", f"{API4}/room/{token}")
    await phone.data("GET", state, status=404)
