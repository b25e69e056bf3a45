"""Who gets the page that a stock recorder opens (docs/wire.md, Recording page)."""

from sqlalchemy import update

from callrec.conversation.db.tables_rooms import Room

from .conftest import World

UNKNOWN = "n0such11"


async def set_status(world: World, token: str, status: int) -> None:
    async with world.core.db.write() as tx:
        await tx.execute(update(Room).where(Room.token == token).values(call_recording=status))


def path(token: str) -> str:
    return f"/index.php/call/{token}/recording"


async def test_only_a_room_whose_recording_starts_has_the_page(world: World) -> None:
    token = await world.room(await world.user("mira"))
    http = (await world.client()).http  # nobody is signed in
    found: dict[int, int] = {}
    for status in range(6):
        await set_status(world, token, status)
        found[status] = (await http.get(path(token))).status_code
    assert found == {0: 404, 1: 404, 2: 404, 3: 200, 4: 200, 5: 404}

    await set_status(world, token, 3)
    for address in (path(token), f"/call/{token}/recording"):
        page = await http.get(address)
        assert page.headers["Content-Type"].startswith("text/html")
        policy = page.headers["Content-Security-Policy"]
        assert "connect-src 'self' ws: wss:" in policy
        assert "media-src 'self' blob:" in policy
        assert '<meta name="public-url" content="http://talk.example.net">' in page.text
        assert page.headers["Cache-Control"] == "no-cache"
    assert (await http.post(path(token))).status_code == 405
    assert (await http.get(path("No!"))).status_code == 404


async def test_a_recorder_that_comes_too_late_is_not_counted(world: World) -> None:
    token = await world.room(await world.user("mira"))
    http = (await world.client()).http
    late = [await http.get(path(token)) for _ in range(12)]
    assert {page.status_code for page in late} == {404}
    assert "waits for no recording" in late[0].text
    assert late[0].headers["Content-Security-Policy"]


async def test_guessing_rooms_is_throttled(world: World) -> None:
    token = await world.room(await world.user("mira"))
    await set_status(world, token, 3)
    http = (await world.client()).http
    statuses = [(await http.get(path(UNKNOWN))).status_code for _ in range(11)]
    assert statuses == [404] * 10 + [429]
    refused = await http.get(path(token))  # a right guess too: else guessing could go on
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1800")
    assert "Too many attempts" in refused.text
