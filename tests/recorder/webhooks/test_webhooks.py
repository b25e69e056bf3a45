"""Webhooks over real sockets: each change of a state arrives, signed, in order, whatever dies or is away."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from callrec.recorder.deliver import webhook_courier
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.deliver.webhook_courier import CHECKSUM, RANDOM, came_to
from callrec.recorder.deliver.webhook_queue import WebhookQueue
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.webhooks import telling
from callrec.settings import BackendSettings, Webhook
from callrec.wire.checksum import verify
from callrec.wire.recording import Actor, Start
from tests.recorder.deliver.far_server import FarServer, Request, response
from tests.waiting import until

SECRET = "secret of the webhook 0123456789"
BACKEND = BackendSettings(url="https://talk.example", secret=SecretStr("secret"))
START = Start(1, "mira", Actor("users", "mira"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_courier, "BACKOFF", Backoff(0.02, 0.1, 1e9))
    monkeypatch.setattr(webhook_courier, "LOOK_EVERY_S", 5.0)


class World:
    def __init__(self, tmp_path: Path, far: FarServer) -> None:
        self.path = tmp_path / "webhooks.sqlite"
        self.recordings = Recordings(tmp_path / "recordings")
        self.hook = Webhook(url=f"{far.url}/hook?key=hidden", secret=SecretStr(SECRET))
        self.far = far
        self.registry = CollectorRegistry()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        self.registry = CollectorRegistry()
        async with telling(self.recordings, [self.hook], self.path, self.registry):
            yield

    def accept(self) -> Manifest:
        return self.recordings.create(BACKEND, "k3x9p2aa", START)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.far.requests]

    def states(self) -> list[str]:
        return [event["state"] for event in self.told()]

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(name, {"target": self.hook.target})


@pytest.fixture
def world(tmp_path: Path, far: FarServer) -> World:
    return World(tmp_path, far)


async def test_each_change_arrives_signed(world: World) -> None:
    async with world.telling():
        one = world.accept()
        world.recordings.update(one.recording_id, state="joining")
        world.recordings.update(one.recording_id, state="discarded")
        await asyncio.to_thread(world.recordings.remove, one.recording_id)
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 4)
        assert world.metric("callrec_webhooks_waiting") == 0
    told = world.told()
    assert [(event["before"], event["state"]) for event in told] == [
        (None, "accepted"), ("accepted", "joining"), ("joining", "discarded"), ("discarded", "removed"),
    ]  # fmt: skip
    assert len({event["id"] for event in told}) == 4
    first = told[0]
    assert (first["recording"], first["token"], first["backend"]) == (
        one.recording_id, "k3x9p2aa", BACKEND.url,
    )  # fmt: skip
    assert (first["file_name"], first["error"], first["at"]) == (one.file_name, None, one.state_at)
    for request in world.far.requests:
        assert request.line == "POST /hook?key=hidden HTTP/1.1"
        random, given = request.headers[RANDOM.lower()], request.headers[CHECKSUM.lower()]
        assert verify(SECRET, random, given, request.body)
        assert not verify(SECRET, random, given, request.body + b" ")


def flaky(times: int, answer: bytes | None) -> Callable[[Request], bytes | None]:
    left = iter(range(times))
    return lambda _request: response(200) if next(left, None) is None else answer


@pytest.mark.parametrize(
    "answer",
    [response(503), response(429), response(404), response(302, Location="http://127.0.0.1:1/x"), None],
    ids=["503", "429", "404", "redirect", "reset"],
)
async def test_it_is_sent_again_until_it_is_taken_and_then_in_order(
    world: World, answer: bytes | None
) -> None:
    world.far.answer = flaky(3, answer)
    with structlog.testing.capture_logs() as logs:
        async with world.telling():
            one = world.accept()
            world.recordings.update(one.recording_id, state="joining")
            await until(lambda: world.metric("callrec_webhooks_sent_total") == 2)
            assert world.metric("callrec_webhooks_failed_total") == 3
    assert world.states() == ["accepted"] * 4 + ["joining"]
    assert len({event["id"] for event in world.told()[:4]}) == 1
    assert [line["event"] for line in logs].count("webhook_not_delivered") == 3
    assert "hidden" not in str(logs) and SECRET not in str(logs)


async def test_one_that_is_refused_holds_up_no_other_recording(world: World) -> None:
    poison = world.accept().recording_id

    def answer(request: Request) -> bytes:
        return response(400 if poison in request.body.decode() else 200)

    world.far.answer = answer
    async with world.telling():
        world.recordings.update(poison, state="joining")
        world.accept()
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 1)
        assert world.metric("callrec_webhooks_waiting") == 1


async def test_a_far_side_that_never_answers_holds_up_no_recording(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_courier, "TIMEOUT_S", 0.05)
    hanging = asyncio.Event()

    async def hang() -> None:
        await hanging.wait()

    world.far.before_answer = hang
    async with world.telling():
        one = world.accept()
        await world.far.arrived.wait()
        world.recordings.update(one.recording_id, state="joining")
        await until(lambda: (world.metric("callrec_webhooks_failed_total") or 0) >= 2)
        hanging.set()
        world.far.before_answer = None
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 2)


async def test_what_was_not_sent_survives_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.far.answer = lambda _request: None
    async with world.telling():
        one = world.accept()
        await world.far.arrived.wait()
    # Nobody listens now, as in a crash before the event was written.
    world.recordings.update(one.recording_id, state="joining")
    world.recordings.update(one.recording_id, state="capturing")
    world.far.requests.clear()
    world.far.answer = lambda _request: response(200)
    async with world.telling():
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 2)
    assert [(e["before"], e["state"]) for e in world.told()] == [
        (None, "accepted"),
        ("accepted", "capturing"),
    ]
    with monkeypatch.context() as patch:  # a removal of ours that a crash cuts short
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        world.recordings.remove(one.recording_id)
    world.recordings = Recordings(world.path.with_name("recordings"))
    async with world.telling():
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 1)
    assert world.told()[-1] | {"id": "", "at": 0} == {
        "id": "", "recording": one.recording_id, "token": None, "backend": None, "state": "removed",
        "before": "capturing", "at": 0, "error": None, "file_name": None,
    }  # fmt: skip


async def test_what_is_gone_without_us_is_not_told_as_removed(world: World) -> None:
    root = world.path.with_name("recordings")
    async with world.telling():
        lost, damaged = world.accept(), world.accept()
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 2)
    (root / lost.recording_id).rename(root.with_name("not mounted"))
    (root / damaged.recording_id / "manifest.json").write_bytes(b"{")
    world.recordings = Recordings(root)
    async with world.telling():
        third = world.accept()
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 1)
    assert [event["recording"] for event in world.told()][2:] == [third.recording_id]
    assert world.states() == ["accepted"] * 3


async def test_what_was_there_before_the_webhook_is_no_news(world: World) -> None:
    old = world.accept()
    async with world.telling():
        world.recordings.update(old.recording_id, state="joining")
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 1)
    assert world.states() == ["joining"]
    async with telling(world.recordings, [], world.path, CollectorRegistry()):
        world.recordings.update(old.recording_id, state="capturing")
    assert not world.path.exists()
    async with world.telling():
        new = world.accept()
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 1)
    assert world.told()[-1]["recording"] == new.recording_id


async def test_a_full_disk_holds_up_nothing_and_is_made_up_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = WebhookQueue.put

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("callrec.recorder.lifecycle.webhooks.TEND_EVERY_S", 0.05)
    async with world.telling():
        await asyncio.sleep(0)
        monkeypatch.setattr(WebhookQueue, "put", fail)
        one = world.accept()
        world.recordings.update(one.recording_id, state="joining")
        monkeypatch.setattr(WebhookQueue, "put", put)
        await until(lambda: world.metric("callrec_webhooks_sent_total") == 1)
    assert world.states() == ["joining"]


@pytest.mark.parametrize(
    "status, means",
    [(200, "done"), (204, "done"), (301, "refused"), (400, "refused"), (401, "refused"), (408, "away"),
     (410, "refused"), (425, "away"), (429, "away"), (500, "away"), (503, "away")],
)  # fmt: skip
def test_what_answers_mean(status: int, means: str) -> None:
    assert came_to(status) == means
