"""kill -9 of ``callrec serve`` itself: nobody outlives it, and the next one goes on with the recording."""

import asyncio
import os
import signal
from pathlib import Path

from tests.chaos.person import Person, in_call
from tests.chaos.story import VIDEO
from tests.e2e.caller import API, new_user
from tests.e2e.film import watch
from tests.e2e.serve_process import ServeProcess
from tests.waiting import until


async def flows(person: Person, connections: int) -> None:
    """Wait until pictures and sound go to a recorder, by a connection after the first *connections*."""
    await until(lambda: any(c.flowing_s is not None for c in person.connections[connections:]), 90)


async def test_a_killed_supervisor_takes_all_along_and_the_next_one_goes_on(tmp_path: Path) -> None:
    serve = ServeProcess(tmp_path / "data")
    try:
        await serve.start()
        async with new_user(serve.url, "mira") as owner:
            room = await owner.ocs("POST", f"{API}/v4/room", roomType=3, roomName="Kill")
            token = room["token"]
            async with in_call(owner, token, 200, 440) as person:
                async with asyncio.timeout(30):
                    while not (await owner.ocs("GET", f"{API}/v4/room/{token}"))["hasCall"]:
                        await asyncio.sleep(0.05)  # it has no signaling of its own
                await owner.ocs("POST", f"{API}/v1/recording/{token}", status=VIDEO)
                started = await serve.wait_event("recording_started")
                await flows(person, 0)
                known = len(person.connections)
                os.kill(serve.pid, signal.SIGKILL)
                await until(lambda: not serve.left_over(), 60)
                serve.kill()  # there is only its exit code left to be fetched
                await serve.start()
                await flows(person, known)
                await owner.ocs("DELETE", f"{API}/v1/recording/{token}")
                await serve.wait_event(
                    "recording_state", timeout_s=90, recording=started["recording"], state="retained"
                )
            assert len(await owner.notifications()) == 1
            (path,) = await owner.film_paths()
            film = tmp_path / "film.mp4"
            film.write_bytes((await owner.http.get(f"/remote.php/dav/files/mira/{path}")).content)
            assert watch(film, people=1).picture_s > 0
        assert serve.stop() == 0
        await serve.nobody_left()
    finally:
        serve.kill()
