"""Moving, copying and deleting over WebDAV, on both storages."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.conversation.recording_world import World

from .webdav_home import DAV, HOME, dav, put, to, tree


async def test_moving(world: World, mira: httpx.AsyncClient) -> None:
    for folder in ("a", "a/b", "A", "z"):
        await dav(mira, "MKCOL", folder)
    number = (await put(mira, "a/b/x.txt", b"x")).headers["oc-fileid"]
    await put(mira, "a/y")
    await put(mira, "A/keep")
    assert await dav(mira, "MOVE", "a", **to("z/c")) == 201
    assert await tree(world) == ["A/", "A/keep", "z/", "z/c/", "z/c/b/", "z/c/b/x.txt", "z/c/y"]
    moved = await mira.request("MOVE", f"{HOME}/z/c/b/x.txt", headers=to("x.txt"))
    assert (moved.status_code, moved.headers["oc-fileid"]) == (201, number)
    assert (await mira.get(f"{HOME}/x.txt")).content == b"x"
    assert await dav(mira, "MOVE", "x.txt", **to("A/keep"), Overwrite="F") == 412
    assert await dav(mira, "MOVE", "x.txt", **to("A/keep")) == 204
    assert (await mira.get(f"{HOME}/A/keep")).content == b"x"
    assert await dav(mira, "MOVE", "A", **to("z/c")) == 204
    assert await tree(world) == ["z/", "z/c/", "z/c/keep"]


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
async def test_moves_that_are_refused(world: World, mira: httpx.AsyncClient, method: str) -> None:
    await world.add_user("zoe")
    await dav(mira, "MKCOL", "a")
    await put(mira, "a/x")
    for source, headers, expected in (
        ("nothing", to("b"), 404),
        ("a", {}, 400),
        ("a", to("a"), 403),
        ("a", to("a/b"), 409),
        ("a/x", to("a"), 409),
        ("a/x", to("no/x"), 409),
        ("a/x", to("Talk"), 403),  # kept for the folder of shared files
        ("", to("b"), 403),
        ("a/x", to("x", f"{DAV}/zoe"), 403),
        ("a/x", {"Destination": "http://talk.example.net/elsewhere"}, 403),
        ("a/x", {"Destination": f"http://evil.example{HOME}/x"}, 403),
        ("a/x", {"Destination": f"{HOME}/../zoe/x"}, 400),
        ("a/x", {"Destination": f"{HOME}/%2e%2e/x"}, 400),
        ("a/x", {"Destination": f"{HOME}/%ff"}, 403),
        ("a/x", {"Destination": f"{HOME}/"}, 400),
        ("a/x", {"Destination": "http://[x"}, 403),
    ):
        assert await dav(mira, method, source, **headers) == expected, (source, headers)
    assert await tree(world) == ["a/", "a/x"]


async def test_destinations_as_clients_write_them(world: World, mira: httpx.AsyncClient) -> None:
    host = urlsplit(world.url).netloc
    await put(mira, "0")
    for number, address in enumerate(
        (
            f"{HOME}/1",
            f"/sub{HOME}/2",
            f"http://{host}{HOME}/3",
            f"HTTP://Talk.Example.net/sub//{HOME[1:]}//4",
        ),
        start=1,
    ):
        assert await dav(mira, "MOVE", str(number - 1), Destination=address) == 201, address
    assert await tree(world) == ["4"]


async def test_copying(world: World, mira: httpx.AsyncClient) -> None:
    for folder in ("a", "a/b"):
        await dav(mira, "MKCOL", folder)
    first = (await put(mira, "a/b/x", b"x")).headers["oc-fileid"]
    assert await dav(mira, "COPY", "a", **to("c")) == 201
    assert await tree(world) == ["a/", "a/b/", "a/b/x", "c/", "c/b/", "c/b/x"]
    await put(mira, "a/b/x", b"changed")
    answer = await mira.get(f"{HOME}/c/b/x")
    assert (answer.content, answer.headers["oc-fileid"] == first) == (b"x", False)
    assert await dav(mira, "COPY", "a", **to("d"), Depth="0") == 201
    assert await dav(mira, "COPY", "a/b/x", **to("c/b/x"), Overwrite="F") == 412
    assert await dav(mira, "COPY", "a/b/x", **to("c/b/x")) == 204
    assert (await mira.get(f"{HOME}/c/b/x")).content == b"changed"
    assert await dav(mira, "COPY", "d", **to("c")) == 204
    assert await tree(world) == ["a/", "a/b/", "a/b/x", "c/", "d/"]


async def test_deleting(world: World, mira: httpx.AsyncClient) -> None:
    await dav(mira, "MKCOL", "a")
    await dav(mira, "MKCOL", "ab")
    await put(mira, "a/x")
    await put(mira, "ab/y")
    assert await dav(mira, "DELETE", "a") == 204
    assert await dav(mira, "DELETE", "a") == 404
    assert await dav(mira, "DELETE", "") == 403
    assert await tree(world) == ["ab/", "ab/y"]
    await world.store()
    assert await dav(mira, "DELETE", f"Talk/Recording/{world.token}/a.ogg") == 204
    assert "Talk/Recording/" in await tree(world)
    assert (await world.store()).status_code == 200  # known: it does not come back
    assert f"Talk/Recording/{world.token}/a.ogg" not in await tree(world)
