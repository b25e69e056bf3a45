"""What the recorder reports, and what happens when it does not."""

import json

import httpx
import pytest

from callrec.wire.checksum import checksum, new_random
from tests.conversation.recording_world import API, SECRET, World, open_world
from tests.conversation.storage import Storage

from .recording_steps import (
    NOBODY,
    START_VIDEO,
    STOP,
    data,
    failed,
    start,
    started,
    stopped,
)


async def test_reports_need_the_checksum(world: World) -> None:
    await world.set_status(3)
    body = json.dumps(started(world)).encode()
    for headers in ({}, {"Talk-Recording-Random": "x" * 31}, {"Talk-Recording-Checksum": ""}):
        answer = (
            await world.report(started(world), **headers)
            if headers
            else await world.report(started(world), secret="another")
        )
        assert answer.status_code == 403
        assert data(answer)["type"] == "error"
        assert data(answer)["error"]["code"] == "invalid_request"
    assert await world.status() == 3
    await world.set_config({"servers": [{"server": world.recorder.url}], "secret": ""})
    assert (await world.report(body, secret="")).status_code == 403


async def test_report_headers_with_underscores_and_upper_case(world: World) -> None:
    await world.set_status(3)
    body, random = json.dumps(started(world)).encode(), new_random()
    async with httpx.AsyncClient(base_url=world.url) as client:
        answer = await client.post(
            f"{API}/recording/backend",
            content=body,
            headers={
                "OCS_ApiRequest": "true",
                "TALK_RECORDING_RANDOM": random,
                "TALK_RECORDING_CHECKSUM": checksum(SECRET, random, body).upper(),
            },
        )
    assert answer.status_code == 200
    assert await world.status() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"type":"paused","paused":{"token":"abcd"}}',
        b'{"type":"started"}',
        b'{"type":"started","started":{"token":"TOKEN","status":3,"actor":{"type":"users","id":"mira"}}}',
        b'{"type":"started","started":{"token":"TOKEN","status":"1","actor":{"type":"users","id":"mira"}}}',
        b'{"type":"started","started":{"token":"TOKEN","status":1}}',
        b'{"type":"stopped","stopped":{"token":"TOKEN","actor":"mira"}}',
        b'{"type":"failed","failed":{}}',
    ],
)
async def test_malformed_reports_change_nothing(world: World, body: bytes) -> None:
    await world.set_status(3)
    answer = await world.report(body.replace(b"TOKEN", world.token.encode()))
    assert answer.status_code == 400
    assert data(answer)["error"]["code"] == "unknown_type"
    assert await world.status() == 3


async def test_reports_about_unknown_rooms_and_states(world: World, mira: httpx.AsyncClient) -> None:
    for kind in ("started", "stopped", "failed"):
        content = {"token": "nosuchroom", "status": 1, "actor": {"type": "users", "id": "mira"}}
        answer = await world.report({"type": kind, kind: content})
        assert (answer.status_code, data(answer)["error"]["code"]) == (404, "no_such_room")
    for status in (0, 1, 2, 5):
        await world.set_status(status)
        assert (await world.report(started(world))).status_code == 404
        assert await world.status() == status
    # A recorder that died with the answer to an earlier one in hand hears that the room is recorded.
    assert world.pushes.take() == ["recording 1", "recording 2"]
    await world.set_status(3)
    await world.set_config({"secret": SECRET})
    assert (await world.report(started(world))).status_code == 404
    assert (await world.report(failed(world))).status_code == 200
    assert await world.status() == 5
    assert world.pushes.take() == ["recording 5", "update"]


async def test_actors_that_the_room_does_not_know(world: World) -> None:
    await world.set_status(4)
    assert (await world.report(started(world, 1, actor="ghost"))).status_code == 200
    assert (await world.report(stopped(world, "ghost"))).status_code == 200
    assert await world.messages() == [f"recording_started {NOBODY}"]
    assert world.pushes.take() == ["chat", "recording 1", "update", "recording 0", "update"]


async def test_repeated_reports_are_quiet(world: World) -> None:
    await world.set_status(1)
    for report in (failed(world), failed(world), stopped(world), stopped(world)):
        assert (await world.report(report)).status_code == 200
    assert world.pushes.take() == ["chat", "recording 5", "update", "recording 0", "update"]
    assert await world.messages() == [f"recording_failed {NOBODY}"]


async def test_an_unconfirmed_start_fails(storage: Storage) -> None:
    async with open_world(storage, start_timeout_s=0.3) as world:
        assert (await start(world, await world.client("mira"))).status_code == 200
        await world.recorder.wait_for(2)
        assert await world.status() == 5
        assert world.recorder.take() == [START_VIDEO, STOP]
        assert world.pushes.take() == ["recording 3", "update", "chat", "recording 5", "update"]
        assert await world.messages() == [f"recording_failed {NOBODY}"]
        assert (await world.report(started(world))).status_code == 404


async def test_the_watch_over_starts_survives_a_restart(storage: Storage) -> None:
    async with open_world(storage) as world:
        mira = await world.client("mira")
        await start(world, mira)
        await world.report(started(world))
        confirmed, world.token = world.token, await world.make_room("mira")
        await world.call()
        await start(world, mira)
        unconfirmed = world.token
    async with open_world(storage, new=False, start_timeout_s=0.01) as world:
        world.token = unconfirmed
        await world.wait_for_status(5)
        world.token = confirmed
        assert await world.status() == 1
        assert await world.messages() == ["recording_started users/mira", f"recording_failed {NOBODY}"]
