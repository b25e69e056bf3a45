"""The recorder as a process: signed requests in, reports and films out, with real WebRTC publishers."""

from callrec.wire.recording import Failed, Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import PICTURES_PER_S, Publisher
from tests.recorder.story import AUDIO, MIRA, VIDEO, duration_s
from tests.waiting import until


async def test_two_publishers_are_recorded_delivered_and_removed(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with Publisher(lab, "mira", 200, 440) as mira, Publisher(lab, "ole", 40, 660):
        await lab.set_call(mira=7, ole=7)
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        assert lab.reports == [Started(TOKEN, 1, MIRA)]
        six_seconds = mira.video.sent + 6 * PICTURES_PER_S
        await until(lambda: mira.video.sent >= six_seconds)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 2)
        assert lab.reports[1] == Stopped(TOKEN, MIRA)
        await lab.wait(lambda: bool(lab.uploads))
    upload = lab.uploads[0]
    assert upload.owner == "mira"
    assert upload.file_name.startswith("Recording 20") and upload.file_name.endswith(".webm")
    assert abs(duration_s(upload.path) - 6) < 1
    await until(lambda: not any((recorder_process.data / "recordings").iterdir()))
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
    await until(lambda: not any((recorder_process.data / "recordings").iterdir()))
    assert lab.uploads == []
