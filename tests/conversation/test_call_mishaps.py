"""Calls that end in other ways than by leaving: what is told, and that a recording is stopped, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callrec.conversation.calls import end_long_calls
from callrec.conversation.db.base import utc_now
from callrec.conversation.sessions import expire_sessions
from callrec.wire.constants import RecordingStatus
from tests.waiting import eventually

from .conftest import API1, API4, RECORDING_SECRET, Client, World, config_for, serving
from .far_recorder import FarRecorder, far_recorder
from .storage import Storage

STOP = b'{"type":"stop","stop":[]}'


@asynccontextmanager
async def recorded(storage: Storage, web: Path, **settings: Any) -> AsyncIterator[tuple[World, FarRecorder]]:
    """Run a server with a recording server at its far side."""
    storage.prepare()
    async with far_recorder(RECORDING_SECRET) as recorder:
        config = config_for(storage.data, web, **settings, **storage.settings)
        async with serving(replace(config, recorder_url=recorder.url)) as world:
            yield world, recorder


async def record(world: World, recorder: FarRecorder, moderator: Client, token: str) -> None:
    """Have *moderator* join the call and start a recording."""
    await world.join(moderator, token)
    await moderator.data("POST", f"{API4}/call/{token}")
    await moderator.data("POST", f"{API1}/recording/{token}", json={"status": 1})
    recorder.take()
    world.pushes.take()


async def keys(client: Client, token: str) -> list[str]:
    """Return the keys of the room's system messages about its call, oldest first."""
    history = await client.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    return [m["systemMessage"] for m in reversed(history) if m["systemMessage"].startswith("call_")]


async def test_two_end_the_call_at_once(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira, ole = await world.user("mira"), await world.user("ole")
        token = await world.room(mira, kind=3)
        await record(world, recorder, mira, token)
        await world.join(ole, token)
        await ole.data("POST", f"{API4}/call/{token}")
        world.pushes.take()
        ending = mira.data("DELETE", f"{API4}/call/{token}", json={"all": True})
        again = mira.data("DELETE", f"{API4}/call/{token}", json={"all": True})
        await asyncio.gather(ending, again)
        assert recorder.take() == [STOP]
        assert world.pushes.take_kinds() == ["chat", "incall"]
        assert await keys(mira, token) == ["call_started", "call_joined", "call_ended_everyone"]


async def test_the_last_one_leaves_twice_at_once(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira = await world.user("mira")
        token = await world.room(mira)
        await record(world, recorder, mira, token)
        answers = await asyncio.gather(
            mira.ocs("DELETE", f"{API4}/call/{token}"),
            mira.ocs("DELETE", f"{API4}/call/{token}"),
            mira.ocs("DELETE", f"{API4}/room/{token}/participants/active"),
        )
        # Who leaves the call after he has left the room has no session any more.
        assert {answer.status_code for answer in answers} <= {200, 404}
        assert recorder.take() == [STOP]
        assert await keys(mira, token) == ["call_started", "call_left", "call_ended"]


async def test_a_lobby_that_empties_the_call(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira, ole = await world.user("mira"), await world.user("ole")
        token = await world.room(mira)
        await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
        await record(world, recorder, mira, token)
        await world.join(ole, token)
        await ole.data("POST", f"{API4}/call/{token}")
        await mira.data("DELETE", f"{API4}/call/{token}")
        assert recorder.take() == []
        room = await mira.data("PUT", f"{API4}/room/{token}/webinar/lobby", json={"state": 1})
        assert (room["hasCall"], room["callFlag"]) == (False, 0)
        assert recorder.take() == [STOP]
        assert (await keys(mira, token))[-2:] == ["call_left", "call_ended"]


async def test_a_read_only_room(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira = await world.user("mira")
        token = await world.room(mira)
        await record(world, recorder, mira, token)
        await mira.data("PUT", f"{API4}/room/{token}/read-only", json={"state": 1})
        assert recorder.take() == [STOP]
        assert world.pushes.take_kinds() == ["chat", "update", "chat", "incall"]


async def test_a_room_that_is_deleted(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira = await world.user("mira")
        token = await world.room(mira)
        await record(world, recorder, mira, token)
        answers = await asyncio.gather(*(mira.ocs("DELETE", f"{API4}/room/{token}") for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 404]
        assert recorder.take() == [STOP]
        assert world.pushes.take_kinds() == ["delete"]


async def test_a_user_who_is_deleted(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira, ole, admin = await world.user("mira"), await world.user("ole"), await world.admin()
        token = await world.room(mira)
        await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "ole"})
        await record(world, recorder, mira, token)
        await admin.data("DELETE", "/ocs/v2.php/cloud/users/mira")
        assert recorder.take() == [STOP]
        assert await keys(ole, token) == ["call_started", "call_left", "call_ended"]
        assert not (await ole.data("GET", f"{API4}/room/{token}"))["hasCall"]
        await mira.data("GET", f"{API4}/room", status=401)


async def test_a_new_password_ends_sign_ins_and_not_the_call(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira = await world.user("mira")
        token = await world.room(mira)
        await record(world, recorder, mira, token)
        new = {"key": "password", "value": "another-password"}
        await mira.data("PUT", "/ocs/v2.php/cloud/users/mira", json=new)
        await mira.data("GET", f"{API4}/room", status=401)
        again = await world.client("mira", "another-password")
        assert (await again.data("GET", f"{API4}/room/{token}"))["participantFlags"] == 7
        await again.data("DELETE", f"{API4}/call/{token}")  # the cookie is gone, the session is his own
        assert recorder.take() == [STOP]


async def test_nobody_gives_a_sign_of_life(
    storage: Storage, web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recorded(storage, web, session_timeout_s=60) as (world, recorder):
        mira = await world.user("mira")
        token = await world.room(mira)
        await record(world, recorder, mira, token)
        later = utc_now() + timedelta(minutes=2)
        monkeypatch.setattr("callrec.conversation.sessions.utc_now", lambda: later)
        count = await expire_sessions(world.core)
        assert (count, recorder.take()) == (1, [STOP])
        assert await keys(mira, token) == ["call_started", "call_left", "call_ended"]
        room = await mira.data("GET", f"{API4}/room/{token}")
        assert (room["callFlag"], room["callRecording"]) == (0, RecordingStatus.STARTING_VIDEO)


async def test_a_call_that_lasts_too_long(storage: Storage, web: Path) -> None:
    async with recorded(storage, web) as (world, recorder):
        mira, admin = await world.user("mira"), await world.admin()
        token = await world.room(mira)
        await record(world, recorder, mira, token)
        config = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/max_call_duration"
        for value in ("", "3600", "junk", "9" * 40):
            await admin.data("POST", config, json={"value": value})
            await end_long_calls(world.core)
            assert recorder.take() == []
        call = (await mira.data("GET", "/ocs/v2.php/cloud/capabilities"))["capabilities"]["spreed"]["config"]
        assert call["call"]["max-duration"] == 0
        await admin.data("POST", config, json={"value": "1"})

        async def ended() -> bool:
            await end_long_calls(world.core)
            return not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]

        await eventually(ended)
        assert recorder.take() == [STOP]
        assert await keys(mira, token) == ["call_started", "call_ended"]
        assert world.pushes.take_kinds() == ["chat", "incall"]
