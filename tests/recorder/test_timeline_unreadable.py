"""A recorder dies in mid-call, and the timeline of the call cannot be read any more: the recording ends."""

import os
import time

from callrec.recorder.folder.manifest import read_manifest
from callrec.wire.recording import Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.story import MIRA, VIDEO, call_lasts, recorded_call
from tests.waiting import until


async def test_the_room_hears_of_its_end(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 2)
        recorder_process.kill_everything()
    (folder,) = (recorder_process.data / "recordings").glob("[!.]*")
    (folder / "timeline.jsonl").unlink()
    (folder / "timeline.jsonl").mkdir()
    long_ago_s = time.time() - 600
    for written in folder.rglob("*"):
        os.utime(written, (long_ago_s, long_ago_s))
    await recorder_process.start()
    await control.send(Stop(MIRA))
    await lab.wait(lambda: any(isinstance(report, Stopped) for report in lab.reports))
    await until(lambda: read_manifest(folder / "manifest.json").attempts > 0)
    manifest = read_manifest(folder / "manifest.json")
    assert manifest.stop_ms is not None and manifest.started_ms is not None
    assert manifest.stop_ms > manifest.started_ms + 1000
