"""A recorder whose work succeeds at once: what it leaves in the workflows' file."""

import asyncio
from pathlib import Path

from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.course import DONE, Attempt
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.states import Gone
from callrec.recorder.lifecycle.workflow import Lifecycle
from tests.recorder.operator.folders import Parts, make_folder
from tests.waiting import PATIENCE_S, until


class Work:
    """Succeeds at once."""

    async def attempt(self, _manifest: Manifest, _errand: Errand) -> Attempt:
        return DONE

    async def remove(self, recording_id: str, why: Gone) -> None:
        raise AssertionError(recording_id)


async def work_through(data: Path, recording_id: str) -> None:
    """Let a recorder bring a recording to its end."""
    make_folder(data / "recordings", recording_id, "uploading")
    parts = Parts(data / "recordings")
    life = parts.life(Life, Work(), Backoff(0.01, 0.01, 1e9))
    lifecycle = Lifecycle(database=data / "workflows.sqlite", recordings=parts.recordings, life=life)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await lifecycle.launch()
            await until(lambda: parts.manifest(recording_id).state == "retained")
    finally:
        await lifecycle.close()
        await parts.close()
