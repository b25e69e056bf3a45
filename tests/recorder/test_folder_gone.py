"""The folder of a running recording is away for a moment, or deleted: what was acknowledged is owed."""

import asyncio
import json
import os
import shutil
import signal
from typing import Any

import httpx

from callrec.wire.recording import Started, Stop, Stopped
from tests.recorder.captured import capture_process
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.story import MIRA, VIDEO, call_lasts, delivered_once, duration_s, recorded_call
from tests.waiting import PATIENCE_S, eventually, until


async def test_a_moment_without_the_folder_costs_nothing(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    home = recorder_process.data / "recordings"
    away = recorder_process.data / "unmounted"
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 2)
        home.rename(away)
        await until(lambda: "recording_folder_away" in recorder_process.log.read_text())
        await call_lasts(mira, 2)
        away.rename(home)
        await call_lasts(mira, 1)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN, MIRA)]
    assert duration_s(lab.uploads[0].path) > 4.5


async def test_a_capture_that_dies_meanwhile_waits_for_the_folder(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    home = recorder_process.data / "recordings"
    away = recorder_process.data / "unmounted"
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 1)
        capturing = capture_process(recorder_process)
        assert capturing is not None
        home.rename(away)
        os.kill(capturing, signal.SIGKILL)
        await until(lambda: "capture_crashed" in recorder_process.log.read_text())
        mira.offered.clear()
        away.rename(home)
        await asyncio.wait_for(mira.offered.wait(), PATIENCE_S)
        await call_lasts(mira, 2)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN, MIRA)]
    assert duration_s(lab.uploads[0].path) > 2.5


async def test_one_that_is_deleted_is_owed_until_an_operator_gives_it_up(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 1)
        (folder,) = (recorder_process.data / "recordings").glob("[!.]*")
        shutil.rmtree(folder)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: Stopped(TOKEN, MIRA) in lab.reports, 40)
        said = json.loads((recorder_process.data / "operator.json").read_text())
        headers = {"Authorization": f"Bearer {said['token']}"}
        async with httpx.AsyncClient(headers=headers, base_url=said["url"]) as http:
            recordings = "/operator/api/recordings"

            async def only_one() -> dict[str, Any]:
                (entry,) = (await http.get(recordings)).json()["recordings"]
                return dict(entry)

            async def missed() -> bool:
                return bool((await only_one())["error"] == "folder_gone")

            await eventually(missed)
            entry = await only_one()
            assert (entry["state"], entry["may"]) == ("finishing", ["retry", "park", "delete"])
            assert (await http.delete(f"{recordings}/{folder.name}")).status_code == 200
            assert (await http.get(recordings)).json()["recordings"] == []
    assert not folder.exists()
    assert "recording_stage_raised" not in recorder_process.log.read_text()
