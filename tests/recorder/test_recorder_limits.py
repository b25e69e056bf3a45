"""Limits of the recorder as a process: recordings that end by themselves, starts that are refused."""

import shutil
from pathlib import Path

from callrec.recorder.folder.manifest import read_manifest
from callrec.wire.recording import Start, Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import AUDIO, MIRA, duration_s, metrics, recorded_call

# Stands in the place of the operating system: what every process of the recorder asks how much is free.
FAKED_DISK = """
import os, shutil
from pathlib import Path
_usage = shutil.disk_usage
def disk_usage(path):
    try:
        return _usage(path)._replace(free=int(Path(os.environ["FREE_BYTES_FILE"]).read_text()))
    except FileNotFoundError:
        return _usage(path)
shutil.disk_usage = disk_usage
"""


async def started(recorder: RecorderProcess, lab: Lab) -> Control:
    await recorder.start()
    return Control(recorder.url, lab.url)


async def ends_by_itself(lab: Lab, recorder: RecorderProcess, request: Start, cause: str) -> float:
    """Record until the limit *cause* ends it; return the length of the film."""
    control = await started(recorder, lab)
    async with Publisher(lab, "mira", 200, 440):
        await lab.set_call(mira=7)
        assert (await control.send(request)).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 2, 60)
        assert lab.reports == [Started(TOKEN, request.status, MIRA), Stopped(TOKEN)]
        folder = next(iter((recorder.data / "recordings").iterdir()), None)
        assert folder is None or read_manifest(folder / "manifest.json").cause == cause
        await lab.wait(lambda: bool(lab.uploads), 120)
    after = await metrics(recorder.url)
    assert after[f"callrec_recordings_ended_total {lab.url} {cause}"] == 1
    assert f"cause={cause}" in recorder.log.read_text()
    return duration_s(lab.uploads[0].path)


async def test_a_recording_that_is_long_enough_ends_by_itself(
    lab: Lab, recorder_process: RecorderProcess
) -> None:
    recorder_process.environment["CALLREC_RECORDER__MAX_DURATION_S"] = "3"
    length_s = await ends_by_itself(lab, recorder_process, AUDIO, "max_duration")
    assert 3 <= length_s < 8  # a busy machine looks late


async def test_a_recording_that_is_large_enough_ends_by_itself(
    lab: Lab, recorder_process: RecorderProcess
) -> None:
    recorder_process.environment["CALLREC_RECORDER__MAX_SIZE_BYTES"] = "40000"
    assert await ends_by_itself(lab, recorder_process, AUDIO, "max_size") > 1


async def test_a_disk_that_runs_full_refuses_starts_and_ends_recordings_with_their_films(
    lab: Lab, recorder_process: RecorderProcess, tmp_path: Path
) -> None:
    free = tmp_path / "free"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FAKED_DISK)
    reserve = 100 << 20
    recorder_process.environment |= {
        "CALLREC_RECORDER__MIN_FREE_BYTES": str(reserve),
        "FREE_BYTES_FILE": str(free),
        "PYTHONPATH": str(tmp_path / "site"),
    }
    free.write_text(str(reserve - 1))
    control = await started(recorder_process, lab)
    refused = await control.send(AUDIO)
    assert (refused.status_code, refused.json()) == (503, {"error": "disk_low"})
    assert int(refused.headers["Retry-After"]) > 0
    assert list((recorder_process.data / "recordings").iterdir()) == []

    free.write_text(str(reserve + (10 << 20)))
    async with recorded_call(lab, control, AUDIO):
        free.write_text(str(reserve // 2 - 1))
        await lab.wait(lambda: bool(lab.uploads), 120)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Stopped(TOKEN)]
    after = await metrics(recorder_process.url)
    assert after[f"callrec_recordings_ended_total {lab.url} disk_low"] == 1
    assert after[f"callrec_recordings_refused_total {lab.url} disk_low"] == 1
    assert after["callrec_failures_total control_start_refused warning"] == 1
    assert after["callrec_failures_total recording_limit_reached warning"] == 1
    assert shutil.disk_usage(tmp_path).free > reserve, "only the recorder's disk is full"


async def test_one_recording_too_many_is_refused_until_there_is_room(
    lab: Lab, recorder_process: RecorderProcess
) -> None:
    recorder_process.environment["CALLREC_RECORDER__MAX_RECORDINGS"] = "1"
    control = await started(recorder_process, lab)
    async with Publisher(lab, "mira", 200, 440):
        await lab.set_call(mira=7)
        assert (await control.send(AUDIO)).status_code == 200
        refused = await control.send(AUDIO, "otherroom")
        assert (refused.status_code, refused.json()) == (503, {"error": "too_many_recordings"})
        assert (await control.send(AUDIO)).status_code == 200  # the same again is no other one
        await lab.wait(lambda: bool(lab.reports), 60)
        assert (await control.send(Stop(MIRA))).status_code == 200
        assert (await control.send(AUDIO, "otherroom")).status_code == 200


async def test_a_call_that_stays_empty_ends(lab: Lab, recorder_process: RecorderProcess) -> None:
    recorder_process.environment["CALLREC_RECORDER__EMPTY_TIMEOUT_S"] = "0.5"
    control = await started(recorder_process, lab)
    async with recorded_call(lab, control, AUDIO):
        await lab.set_call(mira=0)
        await lab.wait(lambda: bool(lab.uploads), 120)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Stopped(TOKEN)]
    after = await metrics(recorder_process.url)
    assert after[f"callrec_recordings_ended_total {lab.url} call_empty"] == 1
