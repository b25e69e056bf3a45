"""A workflow that is about to end, and is needed again (DBOS, in this process)."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.course import Attempt
from callrec.recorder.lifecycle.life import Life, Pace
from callrec.recorder.lifecycle.states import Gone
from callrec.recorder.lifecycle.workflow import Lifecycle
from tests.recorder.operator.folders import Parts, make_folder
from tests.waiting import until


class Work:
    def __init__(self) -> None:
        self.attempts = 0

    async def attempt(self, _manifest: Manifest, _errand: Errand) -> Attempt:
        self.attempts += 1
        return Attempt("later", "away")

    async def remove(self, recording_id: str, why: Gone) -> None:
        raise AssertionError(recording_id)


class Meeting(Life):
    """Has somebody retry in the very moment in which the last step is done, and its workflow not over."""

    retry: Callable[[str], Awaitable[object]]
    retrying: "asyncio.Task[object] | None" = None

    async def step(self, recording_id: str) -> Pace:
        pace = await super().step(recording_id)
        if pace == "over":
            # In a context of its own, as a request has: this one is of a step of DBOS.
            self.retrying = asyncio.create_task(self._retry(recording_id), context=contextvars.Context())
        return pace

    async def _retry(self, recording_id: str) -> object:
        return await self.retry(recording_id)


async def test_parked_and_let_go_on_at_once_it_goes_on(tmp_path: Path) -> None:
    make_folder(tmp_path / "recordings", "one", "uploading")
    parts, work = Parts(tmp_path / "recordings"), Work()
    life = parts.life(Meeting, work, Backoff(3600, 3600, 1e9))
    life.retry = parts.operator.retry
    lifecycle = Lifecycle(database=tmp_path / "workflows.sqlite", recordings=parts.recordings, life=life)
    parts.begin = lifecycle.begin

    def waits_after(attempts: int) -> bool:
        return work.attempts >= attempts and parts.manifest("one").next_attempt_at is not None

    await lifecycle.launch()
    try:
        for attempts in (1, 2, 3):
            await until(partial(waits_after, attempts))
            if attempts < 3:
                await parts.operator.park("one")
    finally:
        await lifecycle.close()
        await parts.close()
    assert life.retrying is not None and life.retrying.done()
