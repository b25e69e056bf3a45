"""Uploads that are begun again: after a restart, or because they are stuck; what the backend has stays."""

import asyncio

import pytest

from callrec.recorder.lifecycle.operator import Deleted
from tests.recorder.deliver.cloud import CONTENT, NAME, Cloud
from tests.recorder.deliver.far_server import FarServer
from tests.recorder.operator.house import CLOSED_S, Begin, House
from tests.waiting import PATIENCE_S


@pytest.mark.parametrize("deed", ["go on", "delete"])
async def test_what_the_backend_has_is_known_after_a_restart(
    far: FarServer, cloud: Cloud, begin: Begin, deed: str
) -> None:
    met = far.hang_at("/2 HTTP")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    await house.operator.park("one")
    again = House(house.recordings.home(far.url), far)
    far.hangs = lambda _request: False
    if deed == "delete":
        assert await again.operator.delete("one") == Deleted(delivered=False)
        assert cloud.folders == {} and not cloud.stored
    else:
        await again.operator.retry("one")
        await again.over()
        assert cloud.files == {NAME: CONTENT} and len(cloud.stored) == cloud.links == 1
        assert not again.recordings.paths("one").upload.exists(), "it holds a password, and is of no use"
    await again.close()


async def test_what_is_stuck_is_begun_again_where_it_was(far: FarServer, cloud: Cloud, begin: Begin) -> None:
    met = far.hang_at("/2 HTTP")
    house = begin("uploading")
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    (entry,) = await house.operator.list()
    assert entry.attempt_since is not None and entry.may == ["retry", "park", "delete"]
    far.hangs = lambda _request: False
    living = house.living
    await house.operator.retry("one")
    await asyncio.wait_for(far.left_alone.wait(), CLOSED_S)
    assert living is not None
    await asyncio.wait_for(living, 30)
    assert house.manifest("one").state == "retained"
    sent = [request.line.split()[1].rpartition("/")[2] for request in far.requests if "PUT" in request.line]
    assert sent == ["1", "2", "2", "3"] and len(cloud.stored) == cloud.links == 1


async def test_begun_again_in_the_moment_of_success_it_is_not_sent_twice(
    far: FarServer, cloud: Cloud, begin: Begin
) -> None:
    asked, may_answer = far.answer_when_told("/store")
    house = begin("uploading")
    await asyncio.wait_for(asked.wait(), 20)
    retrying = asyncio.create_task(house.operator.retry("one"))
    await asyncio.sleep(0)
    may_answer.set()
    entry = await retrying
    assert entry.state in ("delivered", "retained") and entry.next_attempt_at is None
    await house.over()
    assert len(cloud.stored) == 1
