"""The recorder in calls of the real standalone signaling server, with a real media server and without."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.wire.recording import Stop, Stopped
from tests.recorder.captured import flowing
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.standalone_lab import standalone_lab
from tests.recorder.story import MIRA, VIDEO

pytestmark = pytest.mark.hpb


@pytest.fixture(params=["mesh 1.2", "media server 1.2", "media server 2.0"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    kind, version = request.param.rsplit(" ", 1)
    url = request.getfixturevalue("janus").url if kind == "media server" else None
    async with standalone_lab(tmp_path, url, version) as lab:
        yield lab


async def test_who_is_in_the_call_is_recorded(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    sources = {f"users/{user} {source}" for user in ("mira", "ole") for source in ("microphone", "camera")}
    async with Publisher(lab, "mira", 200, 440), Publisher(lab, "ole", 40, 660):
        await lab.set_call(mira=7, ole=7)
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        for source in sources:
            await flowing(recorder_process, source)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: Stopped in map(type, lab.reports))
        await lab.wait(lambda: bool(lab.uploads), 60)
