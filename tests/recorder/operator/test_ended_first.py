"""Parked or deleted in the middle of a request: what runs is ended first, and what was answered counts."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from callrec.errors import OperatorRefused
from callrec.recorder.deliver.backends import BackendClients, Backends
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle import attempts
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.operator import Deleted
from callrec.recorder.lifecycle.stages import Stages
from callrec.settings import BackendSettings, RecorderSettings
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, Cloud, ocs
from tests.recorder.deliver.far_server import FarServer, Request, response
from tests.recorder.operator.folders import Parts, make_folder
from tests.waiting import PATIENCE_S

CLOSED_S = 20
"""A closed connection is seen within this; mostly at once."""


class Begin(Protocol):
    """Begins the life of a recording with a film so many times as long as the cloud's."""

    def __call__(self, state: State, times: int = 1, /) -> "House": ...


class House(Parts):
    """One recording that lives, with real requests to a far side."""

    def __init__(self, home: Path, far: FarServer) -> None:
        super().__init__(home)
        settings = RecorderSettings(
            backends=(BackendSettings(url=far.url, secret=SecretStr("secret")),), upload_chunk_bytes=MIB
        )
        self.clients = BackendClients(Backends(settings))
        desk = ReportDesk(self.clients, lambda _room: "one")
        counts = RecordingCounts(CollectorRegistry(), [far.url])
        self.stages = Stages(self.recordings, desk, cast(Composers, Idle()), self.clients, counts)
        self.steps = self.life(Life, self.stages, Backoff(3600, 3600, 86400))
        self.living: asyncio.Task[None] | None = None

    async def live(self) -> None:
        while (pace := await self.steps.step("one")) != "over":
            if pace == "wait":
                await self.steps.wait("one")

    async def _begin(self, recording_id: str) -> None:
        if self.living is not None:
            await asyncio.wait([self.living])
        self.living = asyncio.create_task(self.live())

    async def _give_up(self, manifest: Manifest, errand: Any) -> None:
        await self.stages.give_up(manifest, errand)

    async def over(self) -> None:
        assert self.living is not None
        await asyncio.wait_for(self.living, PATIENCE_S)

    async def close(self) -> None:
        await super().close()
        if self.living is not None:
            self.living.cancel()
            await asyncio.gather(self.living, return_exceptions=True)
        await self.clients.close()


class Idle:
    async def end(self, _recording_id: str) -> None:
        """Nothing is composed."""


@pytest.fixture
async def begin(tmp_path: Path, far: FarServer) -> AsyncIterator[Begin]:
    houses: list[House] = []

    def begin(state: State, times: int = 1, /) -> House:
        paths = make_folder(
            tmp_path / "recordings", "one", state, backend=far.url, file_name=NAME,
            end_reported=state != "reporting", acknowledged_at=1.0,
        )  # fmt: skip
        (paths.output / NAME).write_bytes(CONTENT * times)
        houses.append(house := House(tmp_path / "recordings", far))
        house.living = asyncio.create_task(house.live())
        return house

    yield begin
    for house in houses:
        await house.close()


def hang_at(far: FarServer, part: str) -> asyncio.Event:
    """Let requests of which the first line holds *part* have no answer; the event tells of one."""
    met = asyncio.Event()

    def hangs(request: Request) -> bool:
        if part in request.line:
            met.set()
        return part in request.line

    far.hangs = hangs
    return met


def methods(far: FarServer) -> list[str]:
    return [request.line.split()[0] for request in far.requests]


async def test_deleted_in_the_middle_nothing_of_it_comes(far: FarServer, cloud: Cloud, begin: Begin) -> None:
    met = hang_at(far, "/2 HTTP")  # the second chunk
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    (entry,) = await house.operator.list()
    assert entry.sent_bytes in range(MIB, 2 * MIB + 1) and entry.sent_of_bytes == len(CONTENT)
    assert await house.operator.delete("one") == Deleted(delivered=False)
    await asyncio.wait_for(far.left_alone.wait(), CLOSED_S)
    await house.over()
    assert methods(far) == ["POST", "MKCOL", "PUT", "PUT", "DELETE"]
    assert not (cloud.folders or cloud.files or cloud.stored)
    assert house.recordings.ids() == []


async def test_a_backend_that_takes_no_delete_holds_nobody_up(
    far: FarServer, cloud: Cloud, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callrec.recorder.deliver.upload.GIVE_UP_S", 0.2)
    met = hang_at(far, "/2 HTTP")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    hang_at(far, "DELETE")
    assert await house.operator.delete("one") == Deleted(delivered=False)
    assert house.recordings.ids() == []


async def test_parked_in_the_middle_it_goes_on_where_it_was(
    far: FarServer, cloud: Cloud, begin: Begin
) -> None:
    met = hang_at(far, "/2 HTTP")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    assert (await house.operator.park("one")).parked_from == "uploading"
    await asyncio.wait_for(far.left_alone.wait(), CLOSED_S)
    await house.over()
    far.hangs = lambda _request: False
    await house.operator.retry("one")
    await house.over()
    assert house.manifest("one").state == "retained"
    assert cloud.files == {NAME: CONTENT} and len(cloud.stored) == cloud.links == 1
    sent = [request.line.split()[1].rpartition("/")[2] for request in far.requests if "PUT" in request.line]
    assert sent == ["1", "2", "2", "3"]


async def test_parked_and_deleted_the_chunks_go(far: FarServer, cloud: Cloud, begin: Begin) -> None:
    met = hang_at(far, "/2 HTTP")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    await house.operator.park("one")
    assert len(cloud.folders) == 1
    assert await house.operator.delete("one") == Deleted(delivered=False)
    assert cloud.folders == {}


@pytest.mark.parametrize("deed", ["delete", "park"])
async def test_the_answer_that_is_just_coming_counts(
    far: FarServer, cloud: Cloud, begin: Begin, deed: str
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def before_answer() -> None:
        if "/store" in far.requests[-1].line:
            asked.set()
            await may_answer.wait()

    far.before_answer = before_answer
    house = begin("uploading")
    await asyncio.wait_for(asked.wait(), PATIENCE_S)
    intervening = asyncio.create_task(getattr(house.operator, deed)("one"))
    await asyncio.sleep(0)
    may_answer.set()
    if deed == "delete":
        assert await intervening == Deleted(delivered=True)
        assert house.recordings.ids() == []
    else:
        with pytest.raises(OperatorRefused, match="not_parkable: it is delivered"):
            await intervening
        await house.over()
        assert house.manifest("one").state == "retained"
    assert len(cloud.stored) == 1 and "DELETE" not in methods(far)


async def test_no_answer_to_what_was_sent_leaves_a_doubt(
    far: FarServer, cloud: Cloud, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "WORD_WAIT_S", 0.1)
    met = hang_at(far, "/store")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    assert await house.operator.delete("one") == Deleted(delivered=None)
    await asyncio.wait_for(far.left_alone.wait(), CLOSED_S)


async def test_one_request_is_broken_off_in_its_middle(far: FarServer, begin: Begin) -> None:
    """The far side reads nothing of the film, so what is sent waits."""
    head, may_read, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0]
        if "request-upload" in line:
            writer.write(response(404, b""))
        else:
            head.set()
            await may_read.wait()
            assert len(await reader.read()) < 8 * len(CONTENT)
            gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 10)
    far.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    house = begin("uploading", 8)
    await asyncio.wait_for(head.wait(), PATIENCE_S)
    assert await house.operator.delete("one") == Deleted(delivered=False)
    may_read.set()
    await asyncio.wait_for(gone.wait(), CLOSED_S)
    server.close()
    await server.wait_closed()


async def test_a_report_that_is_answered_meanwhile_is_not_told_again(
    far: FarServer, cloud: Cloud, begin: Begin
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def before_answer() -> None:
        asked.set()
        await may_answer.wait()

    far.before_answer, far.answer = before_answer, lambda _request: ocs(None)
    house = begin("reporting")
    await asyncio.wait_for(asked.wait(), PATIENCE_S)
    parking = asyncio.create_task(house.operator.park("one"))
    await asyncio.sleep(0)
    may_answer.set()
    entry = await parking
    assert (entry.parked_from, house.manifest("one").end_reported) == ("finishing", True)
    far.before_answer, far.answer = None, cloud.answer
    await house.over()
    await house.operator.retry("one")
    await house.over()
    told = [json.loads(request.body)["type"] for request in far.requests if "/backend" in request.line]
    assert told == ["stopped"] and house.manifest("one").state == "retained"


async def test_a_report_without_an_answer_is_told_again(
    far: FarServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "WORD_WAIT_S", 0.1)
    met = hang_at(far, "/backend")
    house = begin("reporting")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    entry = await house.operator.park("one")
    assert (entry.parked_from, house.manifest("one").end_reported) == ("reporting", False)
    await asyncio.wait_for(far.left_alone.wait(), CLOSED_S)
    met.clear()
    await house.operator.retry("one")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
