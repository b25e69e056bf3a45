"""The recorder as a process: signed requests in, reports and films out, with real WebRTC publishers."""

import asyncio
from pathlib import Path

import av

from callrec.wire.recording import Actor, Failed, Start, Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher

MIRA = Actor("users", "mira")
VIDEO = Start(1, "mira", MIRA)
AUDIO = Start(2, "mira", MIRA)


def duration_s(path: Path) -> float:
    with av.open(str(path)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


async def test_two_publishers_are_recorded_delivered_and_removed(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with Publisher(lab, "mira", 200, 440) as mira, Publisher(lab, "ole", 40, 660):
        await lab.set_call(mira=7, ole=7)
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        assert lab.reports == [Started(TOKEN, 1, MIRA)]
        begun = mira.video.sent
        while mira.video.sent < begun + 6 * 25:
            await asyncio.sleep(0.05)  # six seconds of call
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 2)
        assert lab.reports[1] == Stopped(TOKEN, MIRA)
        await lab.wait(lambda: bool(lab.uploads), 60)
    upload = lab.uploads[0]
    assert upload.owner == "mira"
    assert upload.file_name.startswith("Recording 20") and upload.file_name.endswith(".webm")
    assert abs(duration_s(upload.path) - 6) < 1
    async with asyncio.timeout(10):
        while any((recorder_process.data / "recordings").iterdir()):
            await asyncio.sleep(0.05)
    assert (await control.send(Stop(MIRA))).status_code == 404


async def test_requests_are_refused_without_a_valid_signature(lab: Lab, control: Control) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        url = f"{control.recorder_url}/api/v1/room/{TOKEN}"
        assert (await client.post(url, content=b"{}")).status_code == 403
    wrong = Control(control.recorder_url, "http://elsewhere.example")
    assert (await wrong.send(VIDEO)).status_code == 403
    assert (await control.send(Stop())).status_code == 404


async def test_stop_before_the_join_leaves_nothing_behind(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    assert (await control.send(AUDIO)).status_code == 200
    assert (await control.send(Stop(MIRA))).status_code == 200
    await lab.wait(lambda: Stopped(TOKEN, MIRA) in lab.reports or Failed(TOKEN) in lab.reports)
    async with asyncio.timeout(20):
        while any((recorder_process.data / "recordings").iterdir()):
            await asyncio.sleep(0.05)
    assert lab.uploads == []
