"""The way back into a call that goes on, past proxies and servers that are not themselves yet."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
import websockets
from websockets.asyncio.server import ServerConnection

from callrec.recorder.call import call as call_module
from callrec.recorder.call import refusals, reports
from callrec.recorder.call.call import Call
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.call.refusals import WAITS_S, Refusals
from callrec.recorder.capture.log import CaptureLog
from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.call.test_signaling import TOKEN, order, until
from tests.recorder.deliver.far_server import FarServer, Request, response, running_far_server

T = TypeVar("T")
PAGE = b"<html>Be patient</html>"
GONE = json.dumps({"ocs": {"meta": {"statuscode": 404}, "data": None}}).encode()
SWITCHED_OFF = json.dumps({"ocs": {"meta": {"statuscode": 998}, "data": []}}).encode()
WRONG_SECRET = json.dumps({"ocs": {"meta": {"statuscode": 401}, "data": None}}).encode()
PAGES = [
    response(404, b"404 page not found\n"),
    response(200, PAGE),
    response(403, PAGE),
    response(302, b""),
    response(404, SWITCHED_OFF),
]


class World:
    """Backend and signaling server of one call: what they answer is the test's choice."""

    def __init__(self, far: FarServer) -> None:
        self.far = far
        self.signaling_url = ""
        self.pages: list[bytes] = []
        """What the settings are answered first; the last one for ever if ``for_ever``."""
        self.refused: list[tuple[str, str]] = []
        """Likewise: the kind of message that is refused, and the code."""
        self.for_ever = False
        self.joins = 0
        self.asked = 0
        self._clients: set[ServerConnection] = set()

    def answer(self, request: Request) -> bytes:
        if "/signaling/settings" not in request.line:
            return response(200)
        self.asked += 1
        if self.pages:
            return self._next(self.pages)
        data = {"server": self.signaling_url, "stunservers": [], "turnservers": []}
        return response(200, json.dumps({"ocs": {"meta": {"statuscode": 200}, "data": data}}).encode())

    async def signal(self, client: ServerConnection) -> None:
        self._clients.add(client)
        async for text in client:
            message = json.loads(text)
            kind = message["type"]
            if self.refused and self.refused[0][0] == kind:
                error = {"code": self._next(self.refused)[1], "message": ""}
                await client.send(json.dumps({"id": message["id"], "type": "error", "error": error}))
            elif kind == "hello":
                hello = {"sessionid": "own", "server": {"features": []}}
                await client.send(json.dumps({"id": message["id"], "type": "hello", "hello": hello}))
            elif kind == "room":
                self.joins += 1
                room = {"roomid": TOKEN}
                await client.send(json.dumps({"id": message["id"], "type": "room", "room": room}))

    def _next(self, left: list[T]) -> T:
        return left[0] if self.for_ever and len(left) == 1 else left.pop(0)

    async def drop(self) -> None:
        """End the signaling connections."""
        for client in list(self._clients):
            await client.close()
        self._clients.clear()


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(call_module, "RECONNECT_S", (0.01,))
    monkeypatch.setattr(call_module, "READY_AFTER_S", 0.01)
    monkeypatch.setattr(refusals, "WAITS_S", (0.01,))
    async with running_far_server() as far:
        world = World(far)
        far.answer = world.answer
        async with websockets.serve(world.signal, "127.0.0.1", 0) as listening:
            world.signaling_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            yield world


Begin = Callable[..., "asyncio.Task[str]"]


@pytest.fixture
async def begin(world: World, tmp_path: Path) -> AsyncIterator[Begin]:
    """Begins the call; what is given changes the order."""
    running: list[asyncio.Task[str]] = []
    paths = FolderPaths(tmp_path / "recording")
    paths.create()
    own: CaptureOrder = order(world.far.url)
    capture_log = CaptureLog(paths, own.anchor)

    def begin(**changes: Any) -> "asyncio.Task[str]":
        call = Call(dataclasses.replace(own, **changes), capture_log, lambda _report: None)
        running.append(asyncio.create_task(call.run()))
        calls.append(call)
        return running[-1]

    calls: list[Call] = []
    yield begin
    for call in calls:
        call.end(reports.STOPPED)
    async with asyncio.timeout(10):
        await asyncio.gather(*running)
    capture_log.close(reports.STOPPED)


async def cause_of(running: "asyncio.Task[str]") -> str:
    async with asyncio.timeout(10):
        return await running


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_of_a_proxy_in_mid_call_ends_nothing(world: World, begin: Begin, page: bytes) -> None:
    running = begin()
    await until(lambda: world.joins == 1)
    world.pages = [page] * 3
    await world.drop()
    await until(lambda: world.joins == 2)
    assert not world.pages and not running.done()


@pytest.mark.parametrize("refusal", [("hello", "auth_failed"), ("room", "no_such_room")])
async def test_a_refusal_of_the_signaling_server_in_mid_call_is_borne(
    world: World, begin: Begin, refusal: tuple[str, str]
) -> None:
    running = begin()
    await until(lambda: world.joins == 1)
    world.refused = [refusal] * 3
    await world.drop()
    await until(lambda: world.joins == 2)
    assert not world.refused and not running.done()


async def test_a_refusal_of_the_backend_in_mid_call_is_borne(world: World, begin: Begin) -> None:
    running = begin()
    await until(lambda: world.joins == 1)
    world.pages = [response(401, WRONG_SECRET)] * 3
    await world.drop()
    await until(lambda: world.joins == 2)
    assert not running.done()


async def test_one_that_is_refused_for_the_whole_window_ends_with_an_alarm(
    world: World, begin: Begin
) -> None:
    running = begin(rejoin_window_s=0.2)
    await until(lambda: world.joins == 1)
    world.refused, world.for_ever = [("hello", "auth_failed")], True
    with structlog.testing.capture_logs() as logs:
        await world.drop()
        assert await cause_of(running) == reports.JOIN_REFUSED
    assert world.asked > 3
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["call_not_rejoined"]


async def test_a_room_that_is_gone_ends_it_at_once(world: World, begin: Begin) -> None:
    running = begin()
    await until(lambda: world.joins == 1)
    world.pages, world.for_ever = [response(404, GONE)], True
    await world.drop()
    assert await cause_of(running) == reports.ROOM_GONE
    assert world.asked == 2


@pytest.mark.parametrize("gone", [True, False])
async def test_a_call_that_was_never_joined_is_given_up_at_the_first_refusal(
    world: World, begin: Begin, gone: bool
) -> None:
    if gone:
        world.pages = [response(404, GONE)]
    else:
        world.refused = [("hello", "auth_failed")]
    assert await cause_of(begin()) == reports.JOIN_REFUSED
    assert world.asked == 1


async def test_what_another_process_was_in_before_is_tried_for_longer(world: World, begin: Begin) -> None:
    world.refused = [("hello", "auth_failed")] * 3
    running = begin(goes_on=True)
    await until(lambda: world.joins == 1)
    assert not running.done()


@pytest.mark.parametrize("goes_on", [True, False])
async def test_nobody_to_ask_is_borne_for_the_window_too(
    world: World, begin: Begin, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    monkeypatch.setattr(call_module, "JOIN_TIMEOUT_S", 0.1)
    world.pages = [PAGES[0]] * 20
    running = begin(goes_on=goes_on, rejoin_window_s=60.0)
    if goes_on:
        await until(lambda: world.joins == 1)
        assert not running.done()
    else:
        assert await cause_of(running) == reports.JOIN_REFUSED


def test_refusals_are_borne_for_the_window_and_few_are_asked_for() -> None:
    for refused in (Refusals(120.0), Refusals(120.0)):
        now_s, waits = 7000.0, list[float]()
        while (wait_s := refused.wait_s(now_s)) is not None:
            waits.append(wait_s)
            now_s += wait_s
        assert waits == [*WAITS_S, WAITS_S[-1]]
        refused.end()
        assert refused.wait_s(now_s) == WAITS_S[0]
