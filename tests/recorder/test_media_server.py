"""The recorder in calls of the real standalone signaling server, with a real media server and without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.wire.recording import Actor, Start, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.janus import Janus, running_janus
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.standalone_lab import standalone_lab

pytestmark = pytest.mark.hpb

MIRA = Actor("users", "mira")
VIDEO = Start(1, "mira", MIRA)


@pytest.fixture
async def janus(tmp_path: Path) -> AsyncIterator[Janus]:
    async with running_janus(tmp_path / "janus") as janus:
        yield janus


@pytest.fixture(params=["media server", "mesh"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    async with AsyncExitStack() as stack:
        url = None
        if request.param == "media server":
            url = (await stack.enter_async_context(running_janus(tmp_path / "janus"))).url
        yield await stack.enter_async_context(standalone_lab(tmp_path, url))


def packets_of(recorder: RecorderProcess) -> dict[str, int]:
    """Return how many RTP packets each participant's sources have in the newest recording so far."""
    newest = max((recorder.data / "recordings").iterdir(), key=lambda path: path.stat().st_mtime)
    reader = FolderReader.at(newest)
    counts: dict[str, int] = {}
    for track in reader.tracks():
        key = f"{track.participant} {track.source}"
        records = TrackReader(reader.paths, track).poll()
        counts[key] = counts.get(key, 0) + sum(not record.rtcp for record in records)
    return counts


async def test_who_is_in_the_call_is_recorded(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    sources = {f"users/{user} {source}" for user in ("mira", "ole") for source in ("microphone", "camera")}
    async with Publisher(lab, "mira", 200, 440), Publisher(lab, "ole", 40, 660):
        await lab.set_call(mira=7, ole=7)
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        async with asyncio.timeout(20):
            while not sources <= {key for key, count in packets_of(recorder_process).items() if count > 50}:
                await asyncio.sleep(0.1)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: Stopped in map(type, lab.reports))
        await lab.wait(lambda: bool(lab.uploads), 60)
