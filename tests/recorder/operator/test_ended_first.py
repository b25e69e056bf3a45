"""Parked or deleted in the middle of a request: what runs is ended first, and what was answered counts."""

import asyncio
import json

import pytest

from callrec.errors import OperatorRefused
from callrec.recorder.lifecycle import attempts
from callrec.recorder.lifecycle.operator import Deleted
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, Cloud, ocs
from tests.recorder.deliver.far_server import FarServer, response
from tests.recorder.operator.house import CLOSED_S, Begin, methods
from tests.waiting import PATIENCE_S


async def test_deleted_in_the_middle_nothing_of_it_comes(far: FarServer, cloud: Cloud, begin: Begin) -> None:
    met = far.hang_at("/2 HTTP")  # the second chunk
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
    met = far.hang_at("/2 HTTP")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    far.hang_at("DELETE")
    assert await house.operator.delete("one") == Deleted(delivered=False)
    assert house.recordings.ids() == []


async def test_parked_in_the_middle_it_goes_on_where_it_was(
    far: FarServer, cloud: Cloud, begin: Begin
) -> None:
    met = far.hang_at("/2 HTTP")
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
    met = far.hang_at("/2 HTTP")
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
    asked, may_answer = far.answer_when_told("/store")
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
    met = far.hang_at("/store")
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
    met = far.hang_at("/backend")
    house = begin("reporting")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    entry = await house.operator.park("one")
    assert (entry.parked_from, house.manifest("one").end_reported) == ("reporting", False)
    await asyncio.wait_for(far.left_alone.wait(), CLOSED_S)
    met.clear()
    await house.operator.retry("one")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
