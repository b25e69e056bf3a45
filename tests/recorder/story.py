"""What stories about a recorder share: what is asked for, how long it lasts, and what comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import httpx
from prometheus_client.parser import text_string_to_metric_families

from callrec.wire.recording import Actor, Start
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import AUDIO_PACKETS_PER_S, Publisher
from tests.waiting import PATIENCE_S, until

MIRA = Actor("users", "mira")
VIDEO = Start(1, "mira", MIRA)
AUDIO = Start(2, "mira", MIRA)


@asynccontextmanager
async def recorded_call(lab: Lab, control: Control, request: Start) -> AsyncIterator[Publisher]:
    """Have mira in a call, and it recorded."""
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        assert (await control.send(request)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        yield mira


async def call_lasts(publisher: Publisher, seconds: float) -> None:
    """Let the call go on for *seconds* of published sound."""
    wanted = publisher.audio.sent + seconds * AUDIO_PACKETS_PER_S
    await until(lambda: publisher.audio.sent >= wanted, seconds + PATIENCE_S)


async def delivered_once(lab: Lab, recorder: RecorderProcess) -> None:
    """Wait until the recording arrived and its folder is gone: then nothing more can come."""
    await lab.wait(lambda: bool(lab.uploads), 90)
    await until(lambda: not any((recorder.data / "recordings").iterdir()))
    assert len(lab.uploads) == 1


def duration_s(path: Path) -> float:
    """Return the length of a film."""
    with av.open(str(path)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


async def metrics(url: str) -> dict[str, float]:
    """Return the samples of a recorder by name and the values of their labels."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/metrics")
    assert answer.status_code == 200
    return {
        " ".join([sample.name, *(sample.labels[key] for key in sorted(sample.labels))]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
