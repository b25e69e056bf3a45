"""Brute-force protection: what counts, what is forgiven, what survives, how it is switched off."""

from .conftest import API4, World, config_for, serving
from .storage import Storage

CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/core"
SWITCH = f"{CONFIG}/auth.bruteforce.protection.enabled"
USER = "/ocs/v2.php/cloud/user"


async def guess(world: World, count: int) -> list[int]:
    """Try passwords; return the statuses."""
    client = await world.client("admin", "guess")
    return [(await client.ocs("GET", USER)).status_code for _ in range(count)]


async def test_a_restart_forgives_nobody(storage: Storage, web: object) -> None:
    storage.prepare()
    config = config_for(storage.data, web, **storage.settings)  # type: ignore[arg-type]  # the fixture's path
    async with serving(config) as world:
        assert await guess(world, 10) == [401] * 10
    async with serving(config) as world:
        assert await guess(world, 2) == [429, 429]


async def test_the_switch(world: World) -> None:
    admin = await world.admin()
    password = (await admin.data("GET", "/ocs/v2.php/core/getapppassword"))["apppassword"]
    app = await world.client("admin", password)  # app passwords are not held up
    await app.data("POST", SWITCH, json={"value": "false"})
    assert await guess(world, 12) == [401] * 12
    await app.data("DELETE", SWITCH)
    assert await guess(world, 1) == [429]


async def test_joining_forgives_what_was_about_that_room(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    token = await world.room(mira, kind=3)
    await mira.data("PUT", f"{API4}/room/{token}/password", json={"password": "Open-Sesame-77"})
    join = f"{API4}/room/{token}/participants/active"
    for _ in range(9):
        await guest.data("POST", join, json={"password": "wrong"}, status=403)
    assert (await guest.ocs("GET", f"{API4}/room/nothere0")).status_code == 404
    await guest.data("POST", join, json={"password": "Open-Sesame-77"})
    stranger = await world.client()
    statuses = [(await stranger.ocs("POST", join, json={"password": "wrong"})).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    # What was about another room still counts.
    statuses = [(await stranger.ocs("GET", f"{API4}/room/none{n:04}")).status_code for n in range(10)]
    assert statuses == [404] * 9 + [429]
