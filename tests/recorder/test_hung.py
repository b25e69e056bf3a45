"""Processes that stand still in mid-call: killed, and others go on.

Two minutes, for real bounds are waited out:

    .venv/bin/pytest -m large -s -o faulthandler_timeout=0 tests/recorder/test_hung.py
"""

import asyncio
import os
import re
import signal

import pytest

from callrec.wire.recording import Started, Stop, Stopped
from tests.recorder.captured import capture_process, events
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.story import MIRA, VIDEO, call_lasts, delivered_once, recorded_call
from tests.waiting import until


def composing(recorder: RecorderProcess) -> list[int]:
    """Return the processes that composed, or do."""
    return [int(pid) for pid in re.findall(r"compose_begins +pid=(\d+)", recorder.log.read_text())]


@pytest.mark.large
@pytest.mark.timeout(300)
async def test_processes_that_hang_are_replaced(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 3)
        capture = capture_process(recorder_process)
        assert capture is not None
        (compose,) = composing(recorder_process)
        os.kill(capture, signal.SIGSTOP)
        os.kill(compose, signal.SIGSTOP)
        await until(lambda: capture_process(recorder_process) not in (None, capture), 60)
        await until(lambda: len(composing(recorder_process)) == 2, 90)
        await asyncio.sleep(70)  # what only follows a quiet call has not hung
        await call_lasts(mira, 3)
        assert len(events(recorder_process, "gap")) == 1
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    log = recorder_process.log.read_text()
    assert log.count("capture_hung") == log.count("compose_hung") == 1
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN, MIRA)]
