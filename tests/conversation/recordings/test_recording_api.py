"""Start and stop of recordings, with a recorder at the far end of a socket."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound import outbox, recording_server, stop_queue
from callrec.conversation.participants import find_room
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_state import Event
from callrec.wire.constants import ParticipantType
from tests.conversation.far_recorder import far_recorder
from tests.conversation.recording_world import API, PUBLIC_URL, SECRET, World
from tests.waiting import PATIENCE_S

from .recording_steps import (
    START_AUDIO,
    START_VIDEO,
    STOP,
    STOP_MIRA,
    data,
    pending_owner,
    queued,
    start,
    started,
    stop,
    stopped,
)


@pytest.mark.parametrize(("kind", "body", "prefix"), [(1, START_VIDEO, ""), (2, START_AUDIO, "audio_")])
async def test_the_whole_way(
    world: World, mira: httpx.AsyncClient, kind: int, body: bytes, prefix: str
) -> None:
    answer = await start(world, mira, kind)
    assert (answer.status_code, data(answer)) == (200, None)
    assert world.recorder.take() == [body]
    assert world.recorder.paths == [f"/api/v1/room/{world.token}"]
    assert world.recorder.backends == [f"{PUBLIC_URL}/"]
    assert world.pushes.take() == [f"recording {kind + 2}", "update"]
    assert await world.status() == kind + 2
    assert await pending_owner(world) == "mira"

    answer = await world.report(started(world, kind), **{"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, data(answer)) == (200, None)
    assert world.pushes.take() == ["chat", f"recording {kind}", "update"]
    assert await world.status() == kind

    answer = await stop(world, mira)
    assert (answer.status_code, data(answer)) == (200, None)
    assert world.recorder.take() == [STOP_MIRA]
    assert world.pushes.take() == []
    assert await world.status() == kind

    assert (await world.report(stopped(world, "mira"))).status_code == 200
    assert world.pushes.take() == ["chat", "recording 0", "update"]
    assert await world.status() == 0
    assert await world.messages() == [
        f"{prefix}recording_started users/mira",
        f"{prefix}recording_stopped users/mira",
    ]


async def test_start_refusals_win_in_order(world: World, mira: httpx.AsyncClient) -> None:
    await world.call(False)
    await world.set_config({})
    await world.set_status(1)
    assert data(await start(world, mira, 3)) == {"error": "status"}
    assert data(await start(world, mira, 1)) == {"error": "recording"}
    await world.set_status(5)
    assert data(await start(world, mira, 1)) == {"error": "call"}
    await world.call()
    answer = await start(world, mira, "1")
    assert (answer.status_code, data(answer)) == (400, {"error": "config"})
    assert world.recorder.take() == []
    assert await world.status() == 5
    assert world.pushes.take() == []


@pytest.mark.parametrize("status", [-1, 0, 3, 4, 5, "x", None, [1]])
async def test_only_1_and_2_can_be_started(world: World, mira: httpx.AsyncClient, status: Any) -> None:
    answer = await start(world, mira, status)
    assert (answer.status_code, data(answer)) == (400, {"error": "status"})
    assert await world.status() == 0


async def test_who_may_not(world: World) -> None:
    nobody = await world.client(None)
    member = await world.add_user("ole", ParticipantType.USER)
    stranger = await world.add_user("zoe")
    moderator = await world.add_user("ida", ParticipantType.MODERATOR)
    for request in (start, stop):
        answer = await request(world, nobody)
        assert (answer.status_code, answer.json()["ocs"]["meta"]["statuscode"]) == (401, 997)
        answer = await request(world, member)
        assert (answer.status_code, data(answer)) == (403, [])
        answer = await request(world, stranger)
        assert (answer.status_code, data(answer)) == (404, [])
    assert (await start(world, member, 7)).status_code == 403
    assert world.recorder.take() == []
    assert (await start(world, moderator)).status_code == 200
    assert world.recorder.take() == [START_VIDEO.replace(b"mira", b"ida")]


async def test_who_may_not_is_told_so_whatever_the_body_holds(world: World, mira: httpx.AsyncClient) -> None:
    member = await world.add_user("ole", ParticipantType.USER)
    stranger = await world.add_user("zoe")
    routes = [("POST", ""), ("DELETE", "/notification"), ("POST", "/share-chat")]
    for client, wanted in ((stranger, 404), (member, 403), (mira, 400)):
        for method, path in routes:
            answer = await client.request(
                method,
                f"{API}/recording/{world.token}{path}",
                content=b"{",
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code == wanted, (method, path)


async def test_another_one_who_was_faster_is_not_overwritten(world: World) -> None:
    """As on a database with many writers: the status has changed since the room was read."""
    changes = RecordingChanges(world.core.chat, world.core.signals)
    for seen, there, event, done, after in (
        (3, 5, Event.STARTED_VIDEO, False, 5),
        (3, 1, Event.STOPPED, True, 0),
        (0, 4, Event.START_VIDEO, False, 4),
    ):
        await world.set_status(seen)
        async with world.core.db.write() as tx:
            room = await find_room(tx, world.token)
            assert room is not None
            meanwhile = update(Room).values(call_recording=there)
            await tx.execute(meanwhile.execution_options(synchronize_session=False))
            assert await changes.apply(tx, room, event) is done
            assert room.call_recording == after
        assert await world.status() == after


async def test_exactly_one_of_parallel_starts_wins(world: World, mira: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(start(world, mira, 1 + n % 2) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert {data(answer)["error"] for answer in answers if answer.status_code == 400} == {"recording"}
    assert len(world.recorder.take()) == 1


@pytest.mark.parametrize(("answer", "attempts"), [(403, 1), (404, 1), (302, 1), (500, 3), (0, 3), (-2, 3)])
@pytest.mark.parametrize("before", [0, 5])
async def test_a_refused_start_is_put_back_silently(
    world: World, mira: httpx.AsyncClient, answer: int, attempts: int, before: int
) -> None:
    await world.set_status(before)
    world.recorder.answers = [answer] * attempts
    refused = await start(world, mira)
    assert refused.status_code == 500
    assert refused.json()["ocs"]["meta"] == {
        "status": "failure",
        "statuscode": 996,
        "message": "Internal Server Error\n",
    }
    assert data(refused) == []
    assert await world.status() == before
    assert world.pushes.take() == []
    assert await pending_owner(world) is None
    sent = world.recorder.take()
    # Where the outcome is unknown the recorder is told to stop whatever it may have begun.
    unknown = answer in (500, 0, -2)
    assert sent == [START_VIDEO] * attempts + [STOP] * unknown
    assert await queued(world) == []
    assert (await start(world, mira)).status_code == 200


async def test_an_unreachable_recorder(world: World, mira: httpx.AsyncClient) -> None:
    async with far_recorder(SECRET) as gone:
        pass
    await world.set_config({"servers": [{"server": gone.url}], "secret": SECRET})
    assert (await start(world, mira)).status_code == 500
    assert await world.status() == 0
    assert await queued(world) == []


async def test_a_slow_recorder_costs_a_limited_time(
    world: World, mira: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_server, "TOTAL_S", 1.5)
    world.recorder.answers = [-1] * 3
    async with asyncio.timeout(PATIENCE_S):
        assert (await start(world, mira)).status_code == 500
    await world.recorder.wait_for(4)
    assert world.recorder.take() == [START_VIDEO] * 3 + [STOP]
    assert await world.status() == 0


@pytest.mark.parametrize("ask", [start, stop])
async def test_one_deadline_covers_attempts_and_all_that_follows(
    world: World,
    mira: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[World, httpx.AsyncClient], Awaitable[httpx.Response]],
) -> None:
    monkeypatch.setattr(recording_server, "TOTAL_S", 1.5)
    for module, name in ((outbox, "FIRST_TRY_S"), (stop_queue, "ATTEMPT_S")):
        monkeypatch.setattr(module, name, PATIENCE_S)
    await world.set_status(0 if ask is start else 1)
    world.recorder.answer = -1  # of the stop that follows as well
    async with asyncio.timeout(PATIENCE_S / 2):
        assert (await ask(world, mira)).status_code == 500
    assert await queued(world) == [None if ask is start else "mira"]
    await world.recorder.wait_for(4)


async def test_a_report_that_overtakes_the_answer(
    world: World, mira: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_server, "TOTAL_S", 1.5)
    world.recorder.answers = [-1]
    starting = asyncio.create_task(start(world, mira))
    await world.recorder.wait_for(1)
    assert (await world.report(started(world))).status_code == 200
    world.recorder.answer = 500
    answer = await starting
    assert answer.status_code == 200
    assert await world.status() == 1
    assert await queued(world) == []


async def test_a_start_that_was_stopped_on_its_way_does_not_go_on_unseen(
    world: World, mira: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_server, "TOTAL_S", 1.5)
    world.recorder.answers = [-1, 404, 200, 200]
    starting = asyncio.create_task(start(world, mira))
    await world.recorder.wait_for(1)
    assert (await stop(world, mira)).status_code == 200
    assert await world.status() == 5
    assert (await starting).status_code == 200
    assert world.recorder.take() == [START_VIDEO, STOP_MIRA, START_VIDEO, STOP]
    assert (await world.report(started(world))).status_code == 404
    assert await world.status() == 5


async def test_stop_without_recording_asks_nobody(world: World, mira: httpx.AsyncClient) -> None:
    assert (await stop(world, mira)).status_code == 200
    assert world.recorder.take() == []


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5])
async def test_stop_works_without_call_and_again(world: World, mira: httpx.AsyncClient, status: int) -> None:
    await world.call(False)
    await world.set_status(status)
    await world.set_config(None, key="call_recording")
    for _ in range(2):
        assert (await stop(world, mira)).status_code == 200
        assert world.recorder.take() == [STOP_MIRA]
    assert await world.status() == status


@pytest.mark.parametrize(
    ("status", "pushed"),
    [
        (1, ["chat", "recording 5", "update"]),
        (2, ["chat", "recording 5", "update"]),
        (3, ["recording 5", "update"]),
        (4, ["recording 5", "update"]),
        (5, []),
    ],
)
async def test_stop_of_a_recording_that_the_recorder_does_not_know(
    world: World, mira: httpx.AsyncClient, status: int, pushed: list[str]
) -> None:
    await world.set_status(status)
    world.recorder.answer = 404
    assert (await stop(world, mira)).status_code == 200
    assert await world.status() == 5
    assert world.pushes.take() == pushed
    assert await world.messages() == (["recording_failed users/mira"] if status in (1, 2) else [])
