"""What the recorder's ``/metrics`` says of recordings and failures, those of child processes included."""

import ast
from pathlib import Path

import httpx

from callrec.recorder.control.failures import FAILURES
from callrec.wire.recording import Failed, Stop
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.story import AUDIO, MIRA, metrics, recorded_call
from tests.waiting import eventually

SOURCES = Path(__file__).parents[2] / "src" / "callrec" / "recorder"


async def test_the_life_of_a_recording_is_counted(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    url, backend = recorder_process.url, lab.url
    before = await metrics(url)
    assert before[f"recording_recordings_current {backend}"] == 0
    assert before[f"recording_recordings_total {backend}"] == 0
    assert before["callrec_failures_total recording_parked error"] == 0
    lab.store_answers = [500]
    async with recorded_call(lab, control, AUDIO):
        running = await metrics(url)
        assert running[f"recording_recordings_current {backend}"] == 1
        assert running[f"recording_recordings_total {backend}"] == 1
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.uploads), 60)

    async def delivered() -> bool:
        return not (await metrics(url))[f"callrec_recordings_undelivered {backend}"]

    await eventually(delivered)
    after = await metrics(url)
    assert after[f"recording_recordings_current {backend}"] == 0
    assert after[f"recording_recordings_failed_total {backend}"] == 0
    assert after[f"recording_recordings_uploads_failed_total {backend}"] == 1
    assert 0 < after[f"recording_recordings_duration_seconds_total {backend}"] < 30
    assert after["callrec_failures_total upload_not_acknowledged warning"] == 1
    assert after[f"callrec_disk_free_bytes {recorder_process.data}"] > 0


async def test_failures_of_a_capture_process_arrive(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    assert (await control.send(AUDIO, "nosuchroom")).status_code == 200
    await lab.wait(lambda: Failed("nosuchroom") in lab.reports)
    wrong = Control(recorder_process.url, "http://elsewhere.example")
    assert (await wrong.send(AUDIO)).status_code == 403
    after = await metrics(recorder_process.url)
    assert after["callrec_failures_total call_join_refused error"] == 1
    assert after["callrec_failures_total control_refused warning"] == 1
    assert after[f"recording_recordings_failed_total {lab.url}"] == 1
    log = recorder_process.log.read_text()
    assert "/api/v1/room/{token}" in log and "/api/v1/room/nosuchroom" not in log


async def test_health(control: Control, recorder_process: RecorderProcess) -> None:
    async with httpx.AsyncClient(base_url=recorder_process.url) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}


def test_every_warning_and_error_of_the_sources_has_its_counter() -> None:
    logged = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            levels = {part.attr for part in ast.walk(node.func) if isinstance(part, ast.Attribute)}
            if "warning" in levels:
                logged.add(("warning", node.args[0].value))
            elif levels & {"error", "exception"}:
                logged.add(("error", node.args[0].value))
    assert logged == set(FAILURES)
