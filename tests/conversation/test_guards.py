"""Who may use a room's routes is asked before anything is read, and in the contract's order."""

import importlib
import pkgutil
from typing import Any

from callrec.conversation import guards, routes
from callrec.conversation.ocs.router import OcsRoute, OcsRouter

from .conftest import API1, API4, World

FIND_THE_ROOM_THEMSELVES = {
    "/apps/spreed/api/v4/room/{token:room_token}/participants/active",
    "/apps/spreed/api/v1/recording/{token:room_token}/store",
    "/apps/spreed/api/v1/recording/{token:room_token}/request-upload",
}
"""Joining, which makes participants, and what the recorder has signed."""
UNREADABLE = {"content": b"{", "headers": {"Content-Type": "application/json"}}


def room_routes() -> list[OcsRoute[Any]]:
    """Return the routes of a room that read parameters."""
    found = []
    for module in pkgutil.iter_modules(routes.__path__):
        for router in vars(importlib.import_module(f"{routes.__name__}.{module.name}")).values():
            if isinstance(router, OcsRouter):
                found += [route for route in router._routes if "{token:room_token}" in route.path]
    return [route for route in found if route.reads is not None]


def test_every_route_of_a_room_has_a_guard() -> None:
    unguarded = {route.path for route in room_routes() if route.guard is None}
    assert unguarded == FIND_THE_ROOM_THEMSELVES


async def test_who_may_not_is_told_so_whatever_he_sends(world: World) -> None:
    mira, ole, zoe = await world.user("mira"), await world.user("ole"), await world.user("zoe")
    token = await world.room(mira, kind=3)
    await world.join(ole, token)
    for route in room_routes():
        if route.guard is None:
            continue
        path = route.path
        for variable, value in (("{token:room_token}", token), ("{mode}", "default")):
            path = path.replace(variable, value)
        if "{" in path:
            continue  # a message of the chat: its tests have one
        assert await zoe.data(route.method, f"/ocs/v2.php{path}", status=404, **UNREADABLE) == [], path
        if route.guard in (guards.moderator, guards.user_moderator):
            assert await ole.data(route.method, f"/ocs/v2.php{path}", status=403, **UNREADABLE) == [], path
    too_long = {"content": bytes(2 << 20), "headers": {"Content-Type": "application/json"}}
    assert await zoe.data("POST", f"{API4}/call/{token}", status=404, **too_long) == []
    assert (
        await zoe.data("POST", f"{API4}/room/{'z' * 8}/participants/active", status=404, **UNREADABLE) is None
    )


async def test_the_order_of_the_guards(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
    room, call, chat = f"{API4}/room/{token}", f"{API4}/call/{token}", f"{API1}/chat/{token}"
    await mira.data("PUT", f"{room}/permissions/default", json={"permissions": 4})
    await ole.data("POST", chat, json={"message": "hello"}, status=403)
    await mira.data("PUT", f"{room}/webinar/lobby", json={"state": 1})
    await ole.data("POST", chat, status=412, **UNREADABLE)
    await ole.data("POST", call, status=412, **UNREADABLE)
    await mira.data("PUT", f"{room}/read-only", json={"state": 1})
    await ole.data("POST", chat, status=403, **UNREADABLE)
    await ole.data("POST", call, status=403, **UNREADABLE)


async def test_a_guest_in_the_lobby_hears_of_the_lobby_first(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    token = await world.room(mira, kind=3)
    await world.join(guest, token)
    people = f"{API4}/room/{token}/participants"
    assert await guest.data("GET", people, status=403) is None
    await mira.data("PUT", f"{API4}/room/{token}/webinar/lobby", json={"state": 1})
    assert await guest.data("GET", people, status=412) == []


async def test_a_link_alone_shows_nothing_of_a_room(world: World) -> None:
    mira, ole, guest = await world.user("mira"), await world.user("ole"), await world.client()
    token = await world.room(mira, kind=3, name="Secret plans")
    path = f"{API4}/room/{token}"
    await mira.data("PUT", f"{path}/description", json={"description": "and more"})
    await mira.data("PUT", f"{path}/password", json={"password": "x"})
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}")
    for client in (ole, guest):
        seen = await client.data("GET", path)
        assert (seen["name"], seen["displayName"], seen["description"]) == ("", "", "")
        assert (seen["hasCall"], seen["callFlag"], seen["lastActivity"]) == (False, 0, 0)
        assert (seen["type"], seen["hasPassword"], seen["permissions"]) == (3, True, 1)
    await mira.data("PUT", f"{path}/listable", json={"scope": 1})
    assert (await ole.data("GET", path))["displayName"] == "Secret plans"
    assert (await ole.data("GET", f"{API4}/listed-room"))[0]["hasCall"]


async def test_tokens_of_closed_rooms_are_not_found_by_trying(world: World) -> None:
    mira, zoe = await world.user("mira"), await world.user("zoe")
    closed = await world.room(mira)
    tries: list[tuple[str, str, dict[str, Any], Any]] = [
        ("GET", f"{API4}/room/{closed}", {}, []),
        ("POST", f"{API4}/room/{closed}/participants/active", {}, None),
        ("GET", "/ocs/v2.php/apps/spreed/api/v3/signaling/settings", {"params": {"token": closed}}, None),
    ]
    for number in range(10):
        method, path, options, data = tries[number % 3]
        assert await zoe.data(method, path, status=404, **options) == data
    for method, path, options, _ in tries:
        assert (await zoe.ocs(method, path, **options)).status_code == 429
    await mira.data("GET", f"{API4}/room/{closed}")  # who is in it is not concerned
