"""What the recorder's ``/metrics`` says of recordings and failures, those of child processes included."""

import ast
import asyncio
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from callrec.recorder.control.failures import FAILURES
from callrec.wire.recording import Actor, Failed, Start, Stop
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import Publisher

MIRA = Actor("users", "mira")
AUDIO = Start(2, "mira", MIRA)
SOURCES = Path(__file__).parents[2] / "src" / "callrec" / "recorder"


async def metrics(url: str) -> dict[str, float]:
    """Return the samples by name and the values of their labels."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/metrics")
    assert answer.status_code == 200
    return {
        " ".join([sample.name, *(sample.labels[key] for key in sorted(sample.labels))]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_life_of_a_recording_is_counted(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    url, backend = recorder_process.url, lab.url
    before = await metrics(url)
    assert before[f"recording_recordings_current {backend}"] == 0
    assert before[f"recording_recordings_total {backend}"] == 0
    assert before["callrec_failures_total recording_parked error"] == 0
    lab.store_answers = [500]
    async with Publisher(lab, "mira", 200, 440):
        await lab.set_call(mira=7)
        assert (await control.send(AUDIO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        running = await metrics(url)
        assert running[f"recording_recordings_current {backend}"] == 1
        assert running[f"recording_recordings_total {backend}"] == 1
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.uploads), 60)
    async with asyncio.timeout(10):
        while (after := await metrics(url))[f"callrec_recordings_undelivered {backend}"]:
            await asyncio.sleep(0.05)
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
