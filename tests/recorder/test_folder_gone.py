"""The folder of a running recording is deleted, or its disk unmounted: it ends, and the room hears of it."""

import json
import shutil
from typing import Any

import httpx

from callrec.wire.recording import Failed
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import VIDEO, call_lasts
from tests.waiting import eventually


async def test_the_room_hears_of_it_and_it_can_be_deleted(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        await control.send(VIDEO)
        await lab.wait(lambda: bool(lab.reports))
        await call_lasts(mira, 1)
        (folder,) = (recorder_process.data / "recordings").glob("[!.]*")
        shutil.rmtree(folder)
        await lab.wait(lambda: Failed(TOKEN) in lab.reports, 40)
        said = json.loads((recorder_process.data / "operator.json").read_text())
        headers = {"Authorization": f"Bearer {said['token']}"}
        async with httpx.AsyncClient(headers=headers, base_url=said["url"]) as http:
            recordings = "/operator/api/recordings"

            async def only_one() -> dict[str, Any]:
                (entry,) = (await http.get(recordings)).json()["recordings"]
                return dict(entry)

            async def failed() -> bool:
                return bool((await only_one())["state"] == "failed")

            await eventually(failed)
            entry = await only_one()
            assert (entry["cause"], entry["may"]) == ("folder_gone", ["delete"])
            assert (await http.delete(f"{recordings}/{folder.name}")).status_code == 200
            assert (await http.get(recordings)).json()["recordings"] == []
    assert "recording_stage_raised" not in recorder_process.log.read_text()
