"""A disk of recordings that is not mounted at the start: it is told, nothing is begun there or lost."""

from pathlib import Path

import httpx
from typer.testing import CliRunner

from callrec.cli.commands import app
from callrec.wire.recording import Stop
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.story import AUDIO, MIRA, call_lasts, metrics, recorded_call
from tests.waiting import until


async def test_it_is_waited_for(
    lab: Lab, control: Control, recorder_process: RecorderProcess, tmp_path: Path
) -> None:
    recorder, home = recorder_process, tmp_path / "disk" / "callrec-recordings"
    recorder.terminate()
    recorder.environment["CALLREC_RECORDER__DIRECTORY"] = str(home.parent)
    home.parent.mkdir()
    await recorder.start()
    lab.store_answers = [503] * 1000
    async with recorded_call(lab, control, AUDIO) as mira:
        await call_lasts(mira, 1)
        assert (await control.send(Stop(MIRA))).status_code == 200
    await until(lambda: len(lab.store_answers) < 1000, 60)
    assert recorder.terminate() == 0

    home.rename(tmp_path / "unmounted")
    await recorder.start()
    lab.store_answers = []
    refused = await control.send(AUDIO, "another")
    assert (refused.status_code, refused.json()) == (503, {"error": "home_away"})
    async with httpx.AsyncClient(base_url=recorder.url) as client:
        ready = await client.get("/readyz")
    assert ready.status_code == 503 and str(home) in ready.json()["problems"]["recordings"]
    told = await metrics(recorder.url)
    assert (told["callrec_recordings_missing"], told["callrec_recordings_homes_away"]) == (1, 1)
    assert told[f"callrec_disk_free_bytes {home}"] == 0 and not home.exists()

    (tmp_path / "unmounted").rename(home)
    await lab.wait(lambda: bool(lab.uploads), 60)
    await until(lambda: not [path for path in home.iterdir() if not path.name.startswith(".")])
    told = await metrics(recorder.url)
    assert (told["callrec_recordings_missing"], told["callrec_recordings_homes_away"]) == (0, 0)
    assert told[f"callrec_disk_free_bytes {home}"] > 0
    assert (await control.send(AUDIO, TOKEN)).status_code == 200


def test_the_list_and_doctor_say_so_without_a_recorder(tmp_path: Path) -> None:
    home = tmp_path / "disk" / "callrec-recordings"
    (tmp_path / "callrec.toml").write_text(
        f'[recorder]\ndirectory = "{home.parent}"\n'
        '[[recorder.backends]]\nurl = "http://127.0.0.1:9"\nsecret = "x"\n'
    )
    (tmp_path / "homes").write_bytes(b"/a\0b\n0a1b2c " + bytes(home) + b"\n/" + b"x/" * 3000 + b"\n")
    listed = CliRunner().invoke(app, ["recordings", "list", "--data", str(tmp_path)])
    assert listed.exit_code == 0 and f"{home} may hold recordings: its disk is not mounted" in listed.stderr
    examined = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)])
    assert "its disk is not mounted" in " ".join(examined.output.split())
