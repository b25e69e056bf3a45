"""Pushes to standalone signaling servers: signed, in order, durable, and never the user's problem."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_outbox import OutboxEntry, OutboxLane
from callrec.conversation.outbound import leases, outbox, signaling_server
from callrec.conversation.signaling_servers import signaling_servers
from tests.waiting import eventually, until

from .conftest import API1, API4, Client, World, config_for, serving
from .far_http import BREAK, HANG
from .far_signaling import FarSignaling, far_signaling

SECRET = "the signaling secret"
CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"


async def use(world: World, *servers: str, secret: str = SECRET) -> None:
    """Have the conversation server use these signaling servers."""
    value = {"servers": [{"server": server} for server in servers], "secret": secret}
    admin = await world.admin()
    await admin.data("POST", f"{CONFIG}/signaling_servers", json={"value": json.dumps(value)})


async def queue(world: World) -> list[str]:
    """Return the bodies that are not delivered yet."""
    async with world.core.db.read() as session:
        return list(await session.scalars(select(OutboxEntry.body).order_by(OutboxEntry.id)))


async def lanes(world: World) -> list[OutboxLane]:
    async with world.core.db.read() as session:
        return list(await session.scalars(select(OutboxLane)))


async def everything_is_delivered(world: World) -> None:
    async def empty() -> bool:
        return not await queue(world) and not await lanes(world)

    await eventually(empty)


async def write(client: Client, token: str, text: str = "hello") -> None:
    await client.data("POST", f"{API1}/chat/{token}", json={"message": text}, status=201)


@pytest.fixture
async def far() -> AsyncIterator[FarSignaling]:
    async with far_signaling(SECRET) as far:
        yield far


@pytest.fixture
async def mira(world: World, far: FarSignaling) -> Client:
    """A user, on a server that uses the far one."""
    await use(world, far.url)
    return await world.user("mira", "Mira")


async def test_the_bytes_and_their_order(world: World, far: FarSignaling, mira: Client) -> None:
    token = await world.room(mira, kind=3, name="A/ü")
    far.take()
    await mira.data("PUT", f"{API4}/room/{token}", json={"roomName": "B/ü"})
    bodies = far.take()
    assert bodies == [
        b'{"type":"message","message":{"data":{"type":"chat","chat":{"refresh":true}}}}',
        b'{"type":"update","update":{"userids":["mira"],"properties":{"name":"B\\/\\u00fc","type":3,'
        b'"lobby-state":0,"lobby-timer":null,"read-only":0,"listable":0,"active-since":null,"sip-enabled":0,'
        b'"description":""}}}',
    ]
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 7})
    assert far.take_kinds()[-2:] == ["chat", "incall"]
    await mira.data("DELETE", f"{API4}/call/{token}")
    assert far.take_kinds() == ["chat", "incall", "chat"]
    assert world.pushes.take() == []
    assert far.problems == []
    await everything_is_delivered(world)


@pytest.mark.parametrize("answers", [[500], [BREAK, 503], [403, 429], [302]])
async def test_a_failure_is_repeated_without_the_user(
    world: World, far: FarSignaling, mira: Client, answers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.01)
    token = await world.room(mira)
    far.take()
    far.answers = list(answers)
    await write(mira, token, "one")
    await mira.data("PUT", f"{API4}/room/{token}", json={"roomName": "New"})
    await everything_is_delivered(world)
    assert far.take_kinds() == ["chat", "chat", "update"]


@pytest.mark.parametrize("answer", [400, 413])
async def test_what_is_never_taken_is_dropped(
    world: World, far: FarSignaling, mira: Client, answer: int
) -> None:
    token = await world.room(mira)
    far.take()
    far.answers = [answer]
    await mira.data("PUT", f"{API4}/room/{token}", json={"roomName": "New"})
    await everything_is_delivered(world)
    assert far.take_kinds() == ["update"]


async def test_a_server_that_hangs_delays_within_the_bound(
    world: World, far: FarSignaling, mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_TRY_S", 0.5)
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(signaling_server, "ATTEMPT_S", 1.5)
    token = await world.room(mira)
    far.take()
    attempts = far.attempts
    far.answer = HANG
    began = time.monotonic()
    await mira.data("PUT", f"{API4}/room/{token}", json={"roomName": "New"})  # two pushes, one bound
    assert 0.5 <= time.monotonic() - began < 1.0
    await far.wait_for(attempts + 2)
    # It is known to be away now: nobody waits any more.
    began = time.monotonic()
    await write(mira, token)
    assert time.monotonic() - began < 0.5
    far.answer = 200
    await everything_is_delivered(world)
    assert far.take_kinds() == ["chat", "update", "chat"]


async def test_a_dead_recorder_does_not_hold_up_signaling(
    world: World, far: FarSignaling, mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_TRY_S", 0.3)
    token = await world.room(mira)
    async with world.core.db.write() as tx:
        await world.core.outbox.add(tx, token, "recorder", '{"type":"stop","stop":[]}')
    far.take()
    await write(mira, token)
    assert far.take_kinds() == ["chat"]
    assert await queue(world) == ['{"type":"stop","stop":[]}']


async def test_expired_pushes_are_made_up_for(
    world: World, far: FarSignaling, mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(signaling_server, "ATTEMPT_S", 1.0)
    token = await world.room(mira)
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 7})
    far.take()
    far.answer = 500
    await write(mira, token)
    await write(mira, token)
    async with world.core.db.write() as tx:
        await tx.execute(update(OutboxEntry).values(queued_at=utc_now() - timedelta(seconds=61)))

    async def expired() -> bool:
        return not await queue(world) and [lane.stale for lane in await lanes(world)] == [True]

    await eventually(expired)
    far.answer = HANG
    await far.wait_for(far.attempts + 1)  # what makes up for them is under way, and knows nothing newer
    await mira.data("PUT", f"{API4}/call/{token}", json={"flags": 3})
    far.answer = 200
    await everything_is_delivered(world)
    bodies = far.take()
    requests = [json.loads(body) for body in bodies]
    assert [request["type"] for request in requests] == ["incall", "participants", "incall"]
    whole: dict[str, Any] = requests[2]["incall"]
    assert [entry["inCall"] for entry in whole["changed"]] == [3]
    assert whole["changed"] == whole["users"]
    assert requests[1]["participants"]["changed"][0]["permissions"]
    await write(mira, token)
    assert far.take_kinds() == ["chat"]


async def test_pushes_survive_a_restart(tmp_path: Path, web: Path) -> None:
    config = config_for(tmp_path / "data", web)
    async with far_signaling(SECRET) as far:
        port = int(far.url.split(":")[2].partition("/")[0])
        async with serving(config) as world:
            await use(world, far.url)
            mira = await world.user("mira")
            token = await world.room(mira)
            far.answer = 500
            await write(mira, token)
            await mira.data("PUT", f"{API4}/room/{token}", json={"roomName": "New"})
            assert len(await queue(world)) == 3
        far.take()
    async with far_signaling(SECRET, port) as far, serving(config) as world:
        await far.wait_for_taken(3)
        assert far.take_kinds() == ["chat", "chat", "update"]
        await everything_is_delivered(world)


@pytest.fixture
def looked_after_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are: the next server to start waits for little."""
    monkeypatch.setattr(outbox, "TEND_S", 0.2)


@pytest.mark.usefixtures("looked_after_often")
async def test_a_lane_of_a_dead_process_is_taken_over(
    world: World, far: FarSignaling, mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_TRY_S", 0.1)
    token = await world.room(mira)
    far.take()
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=60))
    other = leases.Leases(world.core.db, "another process")
    async with world.core.db.write() as tx:
        assert await other.claim(tx, token, far.url)
    await write(mira, token)  # the other one is to deliver this
    assert far.take_kinds() == []
    assert len(await queue(world)) == 1
    await other.give_up_all()
    await far.wait_for_taken(1)
    assert far.take_kinds() == ["chat"]
    await everything_is_delivered(world)


async def test_a_lane_that_another_process_has_taken_over_is_left_to_it(
    world: World, far: FarSignaling, mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.02)
    token = await world.room(mira)
    far.take()
    far.answer = 500
    await write(mira, token)
    # As if this process had stood still for long.
    stolen = {"holder": "another process", "leased_until": utc_now() + timedelta(seconds=60)}
    with capture_logs() as logs:
        async with world.core.db.write() as tx:
            await tx.execute(update(OutboxLane).values(**stolen))
        # What was under way at that moment still fails.
        await until(lambda: any(entry["event"] == "outbox_lane_lost" for entry in logs))
    far.answer = 200
    assert far.take() == []
    assert len(await queue(world)) == 1


async def test_who_queues_waits_for_the_process_that_delivers(
    world: World, far: FarSignaling, mira: Client
) -> None:
    token = await world.room(mira)
    far.take()
    other = outbox.Outbox(world.core.db)
    other.use(signaling_server.SignalingCourier(world.core.db, world.core.configuration, world.url))
    async with world.core.db.write() as tx:
        assert await leases.Leases(world.core.db, "another process").claim(tx, token, far.url)
    writing = asyncio.create_task(write(mira, token))

    async def queued() -> bool:
        return len(await queue(world)) == 1

    await eventually(queued)
    assert not writing.done()
    async with world.core.db.write() as tx:
        await outbox.forget(tx, token, far.url)  # as the other process does once it has delivered
    await writing


async def test_a_server_that_is_not_configured_any_more(
    world: World, far: FarSignaling, mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.02)
    token = await world.room(mira)
    far.answer = 500
    await write(mira, token)
    assert await queue(world)
    await use(world, "http://talk.example.net/signaling")
    await everything_is_delivered(world)
    await write(mira, token)
    assert world.pushes.take_kinds() == ["chat"]


async def test_each_room_has_one_of_several_servers(world: World) -> None:
    async with far_signaling(SECRET) as one, far_signaling(SECRET) as two:
        await use(world, one.url, f"ws{two.url[4:]}/")
        mira = await world.user("mira")
        tokens = [await world.room(mira) for _ in range(12)]
        used = {}
        for token in tokens:
            settings = await mira.data(
                "GET", "/ocs/v2.php/apps/spreed/api/v3/signaling/settings", params={"token": token}
            )
            used[token] = settings["server"]
        assert set(used.values()) == {one.url, f"ws{two.url[4:]}/"}  # word for word, as configured
        await everything_is_delivered(world)
        assert {room for room, _ in one.taken} == {t for t in tokens if used[t] == one.url}
        assert {room for room, _ in two.taken} == {t for t in tokens if used[t] != one.url}


async def test_without_signaling_server_nobody_is_told(world: World) -> None:
    await use(world)
    mira = await world.user("mira")
    token = await world.room(mira)
    await write(mira, token)
    assert world.pushes.take() == []
    assert await queue(world) == []


def test_what_the_config_may_hold() -> None:
    read = signaling_servers(
        {
            "servers": [
                {"server": "wss://a.example/"},
                {"server": "https://b.example", "verify": True},
                {"server": "ftp://c.example"},
                {"server": 7},
                "https://d.example",
                {"server": f"https://{'e' * 500}"},
            ],
            "secret": 1,
        }
    )
    assert [(server.url, server.verify_tls) for server in read.servers] == [
        ("https://a.example", False),
        ("https://b.example", True),
    ]
    assert read.secret == ""
    assert signaling_servers({"servers": None}).of_room("aaaa") is None
    # A room stays where it is when another server is added, unless it moves there.
    more = signaling_servers({"servers": [{"server": f"https://{name}.example"} for name in "abc"]})
    for number in range(50):
        after = more.of_room(f"room{number}")
        assert after is not None
        assert after.address in (read.of_room(f"room{number}").url, "https://c.example")  # type: ignore[union-attr]  # there is one
