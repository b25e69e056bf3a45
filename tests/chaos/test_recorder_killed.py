"""kill -9 of the recorder, at the worst moments: after its restart the recording arrives, exactly once."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from tests.e2e.caller import API, Caller, Client, in_call, new_user
from tests.e2e.film import Film, watch
from tests.e2e.manifests import FILM_OFF_S, begins_s, ends_s, manifest_of
from tests.e2e.serve_process import Event, ServeProcess, cpu_s, parent_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

VIDEO = 1
RECORDED_S = 6.0
CHUNK_S = 12.8
REJOINED_S = 3.0
COMPOSES_CPU_S = 0.15
"""A chunk takes several times this; waiting takes a tenth of it."""
TOLD_WITHIN_S = 1.0
"""So many of the pictures can have been sent before the film begins."""
ATTEMPTS = 6
"""A kill that came too late shows nothing: then the story is told again."""
_names = (f"user{number}" for number in itertools.count(1))


class TooLateError(Exception):
    """The moment had passed before the kill."""


class Recording(NamedTuple):
    """A running recording of a call of two."""

    serve: ServeProcess
    owner: Client
    token: str
    caller: Caller
    id: str
    since: int
    """Where its events begin in the log."""

    async def event(self, name: str, *, count: int = 1, timeout_s: float = 60, **values: object) -> Event:
        """Wait for the *count*-th event of this recording."""
        return await self.serve.wait_event(
            name, since=self.since, count=count, timeout_s=timeout_s, recording=self.id, **values
        )

    def happened(self, name: str) -> bool:
        """Tell whether an event of this recording is in the log."""
        return bool(self.serve.events(name, self.since, recording=self.id))

    async def stop(self) -> None:
        """Press stop."""
        await self.owner.ocs("DELETE", f"{API}/v1/recording/{self.token}")

    async def composing(self) -> None:
        """Wait until the composer works: waiting for the next chunk costs it next to nothing."""
        composer = int((await self.event("compose_begins"))["pid"])
        before_s = cpu_s(composer)
        async with asyncio.timeout(60):
            while cpu_s(composer) < before_s + COMPOSES_CPU_S:
                if self.happened("film_joined"):
                    raise TooLateError
                await asyncio.sleep(0.01)


@asynccontextmanager
async def recording_of_two(serve: ServeProcess) -> AsyncIterator[Recording]:
    """Run a recording, in a new room of new people."""
    async with new_user(serve.url, next(_names)) as owner, new_user(serve.url, next(_names)) as other:
        room = await owner.ocs("POST", f"{API}/v4/room", roomType=3, roomName="Kill")
        token = room["token"]
        async with in_call(owner, token, 200, 440) as caller, in_call(other, token, 40, 660):
            since = serve.log_position()
            await owner.ocs("POST", f"{API}/v1/recording/{token}", status=VIDEO)
            started = await serve.wait_event("recording_started", since=since)
            yield Recording(serve, owner, token, caller, str(started["recording"]), since)


def kill_recorder(serve: ServeProcess) -> int:
    """kill -9 of the recorder's control; return its pid."""
    pid = serve.child("recorder")
    os.kill(pid, signal.SIGKILL)
    return pid


async def arrives_once(recording: Recording, killed_pid: int) -> Film:
    """Wait until the restarted recorder has finished; there must be one film and one notification."""
    serve = recording.serve
    restarted = await serve.wait_event("supervisor_started", since=recording.since, program="recorder")
    assert restarted["pid"] != killed_pid
    # Only then nothing more can come.
    await recording.event("recording_state", timeout_s=90, state="retained")
    told = await recording.owner.notifications()
    assert len(told) == 1, told
    paths = await recording.owner.film_paths()
    assert len(paths) == 1, paths
    content = (
        await recording.owner.http.get(f"/remote.php/dav/files/{recording.owner.user}/{paths[0]}")
    ).content
    path = serve.data.parent / f"{recording.id}.mp4"
    path.write_bytes(content)
    room = await recording.owner.ocs("GET", f"{API}/v4/room/{recording.token}")
    assert room["callRecording"] == 0
    return watch(path, people=2)


def assert_all_is_there(film: Film, recording: Recording) -> None:
    """Assert that the film lasts from start to stop, as the recorder took them."""
    manifest = manifest_of(recording.serve, recording_id=recording.id)
    assert film.picture_s == pytest.approx(ends_s(manifest) - begins_s(manifest), abs=FILM_OFF_S)
    assert film.picture_s > RECORDED_S - TOLD_WITHIN_S


async def until_in_time(story: Callable[[], Awaitable[None]]) -> None:
    """Tell a story again as long as its kill comes too late."""
    for _ in range(ATTEMPTS):
        try:
            return await story()
        except TooLateError:
            continue
    pytest.fail(f"the kill came too late {ATTEMPTS} times")


async def test_killed_while_it_composes_the_end(serve: ServeProcess) -> None:
    async def story() -> None:
        async with recording_of_two(serve) as recording:
            composer = int((await recording.event("compose_begins"))["pid"])
            await recording.caller.goes_on(RECORDED_S)
            await recording.stop()
            await recording.event("recording_closed")
            await recording.composing()
            killed = kill_recorder(recording.serve)
            if recording.happened("chunk_composed"):
                raise TooLateError
            film = await arrives_once(recording, killed)
            assert parent_of(composer) == 0, "the old composer lives on"
            assert_all_is_there(film, recording)

    await until_in_time(story)


async def test_killed_while_it_composes_behind_the_call(serve: ServeProcess) -> None:
    """It comes back into the running call, and what it missed is a hole in the same recording."""

    async def story() -> None:
        async with recording_of_two(serve) as recording:
            await recording.caller.goes_on(CHUNK_S)
            await recording.composing()
            killed = kill_recorder(recording.serve)
            if recording.happened("chunk_composed"):
                raise TooLateError
            await recording.event("capture_rejoins")
            await recording.event("peer_answered", count=4)
            await recording.caller.goes_on(REJOINED_S)
            room = await recording.owner.ocs("GET", f"{API}/v4/room/{recording.token}")
            assert room["callRecording"] == VIDEO
            await recording.stop()
            film = await arrives_once(recording, killed)
            assert film.picture_s > CHUNK_S + REJOINED_S
            for tile in film.tiles:
                for second in (slice(100, 125), slice(-25, None)):
                    assert tile.moved[second].sum() > 10

    await until_in_time(story)


async def test_killed_as_it_begins_to_upload(serve: ServeProcess) -> None:
    async def story() -> None:
        async with recording_of_two(serve) as recording:
            await recording.caller.goes_on(RECORDED_S)
            await recording.stop()
            await recording.event("upload_begins")
            killed = kill_recorder(recording.serve)
            if recording.happened("upload_acknowledged"):
                raise TooLateError
            film = await arrives_once(recording, killed)
            assert_all_is_there(film, recording)

    await until_in_time(story)


async def test_killed_when_all_is_sent_and_nothing_acknowledged(
    serve: ServeProcess,
) -> None:
    """The server stands still meanwhile: it reads the whole film later, from a sender who is dead."""

    async def story() -> None:
        async with recording_of_two(serve) as recording:
            server = recording.serve.child("server")
            await recording.caller.goes_on(RECORDED_S)
            await recording.stop()
            await recording.event("film_joined")
            os.kill(server, signal.SIGSTOP)
            try:
                await recording.event("upload_begins")
                killed = kill_recorder(recording.serve)
                if recording.happened("upload_acknowledged"):
                    raise TooLateError
            finally:
                os.kill(server, signal.SIGCONT)
            film = await arrives_once(recording, killed)
            assert_all_is_there(film, recording)

    await until_in_time(story)
