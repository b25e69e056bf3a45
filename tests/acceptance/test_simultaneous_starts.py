"""Of many starts at the same moment one wins, and the recording server is asked once."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.conversation.storage import Services

from .server_process import server_process
from .steps import P1, STARTING_VIDEO, VIDEO, recording_status, room_in_call, start_body, told_status
from .world import API1, HEADERS, OCS, PASSWORD, World, open_world

STARTS = 50
WON: tuple[int, Any] = (200, None)
LOST: tuple[int, Any] = (400, {"error": "recording"})


async def start_at(urls: list[str], token: str) -> list[tuple[int, Any]]:
    """Start 50 times, each from a connection of its own that is open already, at the servers in turn."""
    ready = asyncio.Barrier(STARTS)

    async def one(url: str) -> tuple[int, Any]:
        async with httpx.AsyncClient(base_url=url, auth=(P1, PASSWORD), headers=HEADERS, timeout=60) as http:
            assert (await http.get(f"{OCS}/cloud/user")).status_code == 200
            await ready.wait()
            answer = await http.post(f"{API1}/recording/{token}", data={"status": str(VIDEO)})
            return answer.status_code, answer.json()["ocs"]["data"]

    return await asyncio.gather(*(one(urls[number % len(urls)]) for number in range(STARTS)))


async def check(world: World, urls: list[str]) -> None:
    """Start at all servers at once, and look at everything that must have happened once."""
    await room_in_call(world, P1, "room1")
    answers = await start_at(urls, world.rooms["room1"])
    assert Counter(map(str, answers)) == {str(WON): 1, str(LOST): STARTS - 1}
    assert world.recorder.take() == [start_body(VIDEO, P1)]
    assert world.recorder.attempts == 1
    await world.signaling.wait_for_taken(2)
    assert world.signaling.take().count(told_status(STARTING_VIDEO)) == 1
    assert await recording_status(world, P1, "room1") == STARTING_VIDEO


async def test_at_one_server(mocked: World) -> None:
    await check(mocked, [mocked.url])


async def test_at_two_server_processes(services: Services, tmp_path: Path) -> None:
    async with (
        open_world(services) as world,
        server_process(tmp_path / "second", services) as second,
    ):
        await world.use_stand_ins()
        await check(world, [world.url, second])
