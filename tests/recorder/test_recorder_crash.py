"""What kill -9 and a failing backend cost: nothing that had arrived, and no second film."""

import asyncio

import pytest

from callrec.wire.recording import Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import AUDIO_PACKETS_PER_S
from tests.recorder.story import AUDIO, MIRA, VIDEO, call_lasts, delivered_once, duration_s, recorded_call
from tests.waiting import PATIENCE_S, until


@pytest.mark.parametrize("end", ["kill", "terminate"])
async def test_a_recorder_that_dies_in_the_call_rejoins_into_the_same_recording(
    lab: Lab, control: Control, recorder_process: RecorderProcess, end: str
) -> None:
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 3)
        if end == "kill":
            recorder_process.kill_everything()
        else:
            assert recorder_process.terminate() == 0
        mira.offered.clear()
        sent_at_death = mira.audio.sent
        await recorder_process.start()
        await asyncio.wait_for(mira.offered.wait(), PATIENCE_S)
        away_s = (mira.audio.sent - sent_at_death) / AUDIO_PACKETS_PER_S
        await call_lasts(mira, 3)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN, MIRA)]
    assert abs(duration_s(lab.uploads[0].path) - (6 + away_s)) < 2


async def test_a_recorder_killed_while_it_composes_goes_on(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 4)
        assert (await control.send(Stop(MIRA))).status_code == 200
    await lab.wait(lambda: len(lab.reports) == 2)
    folder = next((recorder_process.data / "recordings").iterdir())
    await until(lambda: any((folder / "chunks").iterdir()))  # a chunk, or the temporary file of one
    recorder_process.kill_everything()
    assert lab.uploads == []
    await recorder_process.start()
    await delivered_once(lab, recorder_process)
    assert abs(duration_s(lab.uploads[0].path) - 4) < 1


async def test_a_recorder_killed_while_it_uploads_uploads_again(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.hold_store = asyncio.Event()
    lab.store_answers = [503]  # what the interrupted upload gets, if anybody still listens
    async with recorded_call(lab, control, AUDIO) as mira:
        await call_lasts(mira, 2)
        assert (await control.send(Stop(MIRA))).status_code == 200
    await asyncio.wait_for(lab.store_begun.wait(), PATIENCE_S)
    recorder_process.kill_everything()
    lab.hold_store.set()
    await recorder_process.start()
    await delivered_once(lab, recorder_process)
    assert lab.uploads[0].file_name.endswith(".ogg")
    assert lab.reports == [Started(TOKEN, 2, MIRA), Stopped(TOKEN, MIRA)]


async def test_an_upload_is_repeated_until_it_is_taken(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.store_answers = [500, 429, 401, 413]
    async with recorded_call(lab, control, AUDIO) as mira:
        await call_lasts(mira, 1)
        await lab.set_call(mira=0)  # nobody is left: the recorder ends by itself
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Stopped(TOKEN)]
    assert lab.store_answers == []


async def test_a_backend_that_refuses_is_left_at_once_and_nothing_is_kept(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.report_answer = lambda report: 404
    async with recorded_call(lab, control, VIDEO):
        await until(lambda: not any((recorder_process.data / "recordings").iterdir()))
    assert [type(report) for report in lab.reports] == [Started]
    assert lab.uploads == []


async def test_the_backend_ends_a_recording_by_telling_the_room(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded_call(lab, control, AUDIO) as mira:
        await call_lasts(mira, 1)
        await lab.tell_room(5)
        await delivered_once(lab, recorder_process)
    assert [type(report) for report in lab.reports] == [Started]
