"""What happens in calls with a real media server, and what the recorder makes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.recorder.captured import events, flowing, silent
from tests.recorder.conftest import RecorderProcess
from tests.recorder.cut import cut_here
from tests.recorder.janus import Janus
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.standalone_lab import standalone_lab
from tests.recorder.story import VIDEO
from tests.waiting import until

pytestmark = pytest.mark.hpb

MICROPHONE, CAMERA = "users/mira microphone", "users/mira camera"


@pytest.fixture
async def lab(janus: Janus, tmp_path: Path) -> AsyncIterator[Lab]:
    async with standalone_lab(tmp_path, janus.url) as lab:
        yield lab


@asynccontextmanager
async def recorded(lab: Lab, control: Control, *, camera: bool = True) -> AsyncIterator[Publisher]:
    """Let the recorder be there first; then mira comes."""
    async with Publisher(lab, "ole", 40, 660), Publisher(lab, "mira", 200, 440, camera=camera) as mira:
        await lab.set_call(ole=7)
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        await lab.set_call(mira=7 if camera else 3)
        yield mira


async def test_who_comes_later_goes_and_comes_back(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded(lab, control):
        await flowing(recorder_process, CAMERA)
        await lab.set_call(mira=0)
        await silent(recorder_process, CAMERA)
        assert [event.participant for event in events(recorder_process, "left")] == ["users/mira"]
        await flowing(recorder_process, "users/ole camera")


async def test_a_camera_that_is_switched_on_later(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded(lab, control, camera=False) as mira:
        await flowing(recorder_process, MICROPHONE)
        mira.camera = True
        await mira.publish_again()
        await lab.set_call(mira=7)
        await flowing(recorder_process, CAMERA)
        await flowing(recorder_process, MICROPHONE)


async def test_a_publisher_that_begins_anew_tells_nobody(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded(lab, control) as mira:
        await flowing(recorder_process, CAMERA)
        await mira.publish_again()
        await flowing(recorder_process, CAMERA)
        await flowing(recorder_process, MICROPHONE)


async def test_the_signaling_server_is_killed_and_comes_back(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded(lab, control) as mira:
        await flowing(recorder_process, CAMERA)
        assert lab.signaling_process is not None
        await lab.signaling_process.kill()
        await lab.signaling_process.start()
        await mira.come_back()
        await lab.set_call(mira=7, ole=0)
        await flowing(recorder_process, CAMERA)
        assert lab.uploads == []  # it is still the same recording


async def test_the_media_server_is_killed_and_comes_back(
    lab: Lab, janus: Janus, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded(lab, control) as mira:
        await flowing(recorder_process, CAMERA)
        janus.kill()
        try:
            await silent(recorder_process, CAMERA)
        finally:
            janus.start()
        signaling_server = lab.signaling_process
        assert signaling_server is not None
        # It looks for the media server after 1, 2, 4 s.
        await until(lambda: "Reconnection to Janus gateway successful" in signaling_server.log)
        await mira.come_back()
        await lab.set_call(mira=7)
        await flowing(recorder_process, CAMERA, within_s=60)


async def test_a_dropped_socket_costs_no_packet(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with cut_here(lab) as cut, recorded(lab, control):
        await flowing(recorder_process, CAMERA)
        cut()
        await flowing(recorder_process, CAMERA, more=200)
        log = recorder_process.log.read_text()
        assert log.count("call_signaling_lost") == 1 and log.count("signaling_resumed") == 1
        assert log.count("peer_answered") == 2  # nobody was asked again
