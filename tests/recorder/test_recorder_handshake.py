"""The moments between the start request and the backend's agreement, and those after the last report."""

import asyncio
import os
import signal

import pytest

from callrec.recorder.folder.manifest import read_manifest
from callrec.wire.recording import Failed, Report, Started, Stop, Stopped
from tests.recorder.captured import kill_capture
from tests.recorder.compose.processes import children_of
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import AUDIO, MIRA, call_lasts, delivered_once, recorded_call
from tests.waiting import until


class Answers:
    """Answers reports with the given status codes in turn, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)

    def __call__(self, report: Report) -> int:
        return self._statuses.pop(0) if self._statuses else 200


async def test_a_capture_that_dies_before_the_acknowledgement_is_announced_again(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.report_answer = Answers(503)
    async with recorded_call(lab, control, AUDIO) as mira:
        kill_capture(recorder_process)
        await lab.wait(lambda: len(lab.reports) == 2)
        await call_lasts(mira, 2)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Started(TOKEN, 2, MIRA), Stopped(TOKEN, MIRA)]


@pytest.mark.parametrize("told", [False, True], ids=["it refuses the second", "the room is told as well"])
async def test_the_backend_agrees_and_the_recorder_dies_before_it_hears(
    lab: Lab, control: Control, recorder_process: RecorderProcess, told: bool
) -> None:
    """What was agreed to is refused when it is announced again: nothing of the recording is lost by that."""

    def agree_once(_report: Report) -> int:
        if not lab.reports:
            (pid,) = children_of(min(recorder_process.children("callrec")))
            os.kill(pid, signal.SIGKILL)
            return 200
        return 404 if len(lab.reports) == 1 else 200

    lab.report_answer = agree_once
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        assert (await control.send(AUDIO)).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 2, 60)
        if told:
            await lab.tell_room(2)
        await call_lasts(mira, 2)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Started(TOKEN, 2, MIRA), Stopped(TOKEN, MIRA)]


async def test_a_refusal_that_was_heard_is_not_taken_for_a_lost_answer(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.report_answer = Answers(404, 404)
    async with Publisher(lab, "mira", 200, 440):
        await lab.set_call(mira=7)
        assert (await control.send(AUDIO)).status_code == 200
        (folder,) = (recorder_process.data / "recordings").iterdir()
        manifest = folder / "manifest.json"
        await until(lambda: read_manifest(manifest).doubted_at is not None)
        kill_capture(recorder_process)  # while it waits for a word of the room
        await lab.wait(lambda: len(lab.reports) == 3)
        await until(lambda: read_manifest(manifest).state == "failed")
    assert lab.reports == [Started(TOKEN, 2, MIRA), Started(TOKEN, 2, MIRA), Failed(TOKEN)]
    assert lab.uploads == []


async def test_a_start_that_is_repeated_while_the_first_is_being_refused_is_announced(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.report_answer = Answers(404)
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        assert (await control.send(AUDIO)).status_code == 200  # its answer got lost: the backend put it back
        await lab.wait(lambda: bool(lab.reports))
        assert (await control.send(AUDIO)).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 2)
        await call_lasts(mira, 1)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Started(TOKEN, 2, MIRA), Stopped(TOKEN, MIRA)]


async def test_a_stopped_report_that_was_refused_is_repeated_and_does_not_hold_up_the_film(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.report_answer = Answers(200, 403)
    async with recorded_call(lab, control, AUDIO) as mira:
        await call_lasts(mira, 1)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Stopped(TOKEN, MIRA), Stopped(TOKEN, MIRA)]


async def test_a_stop_of_a_closed_recording_reports_once_more(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    lab.hold_store = asyncio.Event()
    async with recorded_call(lab, control, AUDIO) as mira:
        await call_lasts(mira, 1)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 2)
        await asyncio.wait_for(lab.store_begun.wait(), 60)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 3)
        lab.hold_store.set()
        await delivered_once(lab, recorder_process)
    assert lab.reports[1:] == [Stopped(TOKEN, MIRA)] * 2
    await until(lambda: not any((recorder_process.data / "recordings").iterdir()))
