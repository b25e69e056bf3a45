"""Reports that a proxy answers, or a server whose Talk is switched off: the backend has not heard them."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest
from pydantic import SecretStr

from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.course import DONE
from callrec.recorder.lifecycle.handshake import Handshake
from callrec.recorder.lifecycle.stages import Stages
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Started
from tests.recorder.deliver.far_server import FarServer, response
from tests.recorder.folder.samples import MANIFEST

PAGES = [
    response(404, b"404 page not found\n"),
    response(403, b"<html>Be patient</html>"),
    response(404, json.dumps({"ocs": {"meta": {"statuscode": 998}, "data": []}}).encode()),
]
GONE = response(404, json.dumps({"ocs": {"meta": {"statuscode": 404}, "data": {}}}).encode())


@pytest.fixture
def manifest(far: FarServer) -> Manifest:
    return msgspec.structs.replace(
        MANIFEST, backend=far.url, state="reporting", outcome="captured", started_ms=0, stop_ms=9000
    )


@pytest.fixture
async def desk(far: FarServer, manifest: Manifest) -> AsyncIterator[ReportDesk]:
    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")))
    yield ReportDesk({far.url: client}, lambda _room: manifest.recording_id)
    await client.close()


def answers(far: FarServer, *first: bytes) -> None:
    """Have the backend answer so at first, then as it should."""
    left = list(first)
    far.answer = lambda _: left.pop(0) if left else response(200)


@pytest.mark.parametrize("page", PAGES)
async def test_stopped_is_told_until_the_backend_itself_has_heard_it(
    far: FarServer, desk: ReportDesk, manifest: Manifest, page: bytes
) -> None:
    nobody = cast(Any, None)
    stages = Stages(nobody, desk, nobody, nobody, nobody)
    answers(far, page)
    assert (await stages.report_end(manifest)).came_to == "later"
    assert await stages.report_end(manifest) == DONE
    answers(far, GONE)
    assert await stages.report_end(manifest) == DONE, "the room is gone: nobody wants to know"


@pytest.mark.parametrize("page", PAGES)
async def test_started_is_told_until_the_backend_itself_has_heard_it(
    far: FarServer, desk: ReportDesk, manifest: Manifest, page: bytes
) -> None:
    answers(far, page)
    room = (manifest.backend, manifest.token)
    started = Started(manifest.token, 1, Actor("users", "mira"))
    handshake = Handshake(lambda: desk.send(room, manifest.recording_id, started))
    assert await handshake.run() == "acknowledged"
    assert len(far.requests) == 2
