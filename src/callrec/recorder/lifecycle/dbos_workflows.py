"""The durable workflow of a recording, by DBOS: whatever dies in between, it goes on where it stood.

What it does step by step says :mod:`callrec.recorder.lifecycle.life`. Loading DBOS takes long:
:mod:`callrec.recorder.lifecycle.workflow` does so behind everything else.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy.exc import SQLAlchemyError

from callrec.recorder.lifecycle import workflow_file
from callrec.recorder.lifecycle.life import RETRY_WRITING_S, Life, Pace
from callrec.recorder.lifecycle.loop_thread import LoopThread
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import GONE, Change
from callrec.recorder.lifecycle.workflow_prune import EVERY_S, Pruning

EXECUTOR_ID = "callrec-recorder"
"""Stable over restarts: a restarted recorder recovers its own workflows."""
APPLICATION_VERSION = "2"
"""Raised on purpose, with new workflow names, when the steps change: DBOS only recovers its own version."""

OVER_POLL_S = 0.05

_Result = TypeVar("_Result")


log = structlog.get_logger()


class Workflows:
    """Runs one workflow per recording; its id is the recording's."""

    def __init__(
        self,
        *,
        database: Path,
        recordings: Recordings,
        life: Life,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Launch DBOS on the SQLite file *database*: unfinished workflows go on. Takes seconds.

        Their steps run on *loop*.
        """
        workflow_file.prepare(database)
        self._recordings = recordings
        self._loop = loop
        config: DBOSConfig = {
            "name": "callrec",
            "system_database_url": f"sqlite:///{database}",
            "executor_id": EXECUTOR_ID,
            "application_version": APPLICATION_VERSION,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        dbos_log = logging.getLogger("dbos")
        dbos_log.handlers.clear()  # its own handler writes in a form of its own
        dbos_log.propagate = True
        # DBOS replaces the executor of the loop it is used on, and shuts it down in the end.
        self._thread = LoopThread("callrec-workflows")
        self._ending: set[str] = set()
        """Recordings whose workflow has taken its last step, and may not have come to its end yet."""
        self._fallen: set[str] = set()
        """Recordings whose workflow fell because DBOS could not write."""
        self._mending: dict[str, asyncio.Task[None]] = {}
        self._pruning: asyncio.Task[None] | None = None
        recordings.listeners.append(self._hear)
        self._workflow = self._register(life)
        try:
            DBOS.launch()
        except BaseException:  # whatever it was: the next attempt begins anew
            self._thread.close()
            DBOS.destroy(workflow_completion_timeout_sec=0)
            raise

    def _register(self, life: Life) -> Callable[[str], Coroutine[Any, Any, None]]:
        @DBOS.step(name="step")
        async def step(recording_id: str) -> Pace:
            return await self._here(recording_id, self._step(life, recording_id)) or "wait"

        @DBOS.step(name="wait")
        async def wait(recording_id: str) -> None:
            await self._here(recording_id, life.wait(recording_id))

        @DBOS.workflow(name="lifecycle_v2", max_recovery_attempts=1_000_000)
        async def lifecycle(recording_id: str) -> None:
            try:
                while (pace := await step(recording_id)) != "over":
                    if pace == "wait":
                        await wait(recording_id)
            except Exception:  # steps do not raise: DBOS could not write, and ends the workflow for ever
                self._loop.call_soon_threadsafe(self._fell, recording_id)
                raise

        return lifecycle

    def _hear(self, change: Change) -> None:
        if change.state in GONE:
            self._ending.discard(change.manifest.recording_id)

    async def _step(self, life: Life, recording_id: str) -> Pace:
        pace = await life.step(recording_id)
        if pace == "over" and self._recordings.get(recording_id) is not None:
            self._ending.add(recording_id)
        return pace

    async def _here(self, recording_id: str, work: Coroutine[Any, Any, _Result]) -> _Result | None:
        """Run *work* on the recorder's event loop: workflows run on others.

        None when it raised: an exception that reached DBOS would end the workflow for ever.
        """
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wrap_future(future)
        except OSError as error:  # a disk that is full or away: there is nothing to be traced
            log.error("recording_stage_raised", recording=recording_id, error=str(error))
            return None
        except Exception:  # see the docstring: whatever it was, the stage is tried again
            log.exception("recording_stage_raised", recording=recording_id)
            return None

    def tend(self) -> None:
        """Forget, now and again, the workflows of recordings that are gone, until closed."""
        self._pruning = asyncio.create_task(self._prune(), name="workflows pruned")

    async def _prune(self) -> None:
        pruning = Pruning(lambda recording_id: self._recordings.get(recording_id) is not None)
        while True:
            try:
                number = await self._thread.run(pruning.prune())
            except SQLAlchemyError as error:  # a full disk: there is no hurry
                log.warning("recording_workflows_not_pruned", error=_first_line(error))
            else:
                log.info("recording_workflows_pruned", number=number)
            await asyncio.sleep(EVERY_S)

    async def begin(self, recording_id: str) -> None:
        """Start the workflow of a recording, unless it has one: their ids are the same."""
        is_ending = recording_id in self._ending
        self._ending.discard(recording_id)
        try:
            await self._thread.run(self._begin(recording_id, is_ending=is_ending))
        except SQLAlchemyError as error:
            # What is to be done stands in the manifest: it is begun when the disk takes it.
            log.error("recording_workflow_not_begun", recording=recording_id, error=_first_line(error))
            self._mend_soon(recording_id)

    def _fell(self, recording_id: str) -> None:
        log.error("recording_workflow_fell", recording=recording_id)
        self._fallen.add(recording_id)
        self._mend_soon(recording_id)

    def _mend_soon(self, recording_id: str) -> None:
        if recording_id not in self._mending:
            task = asyncio.create_task(self._mend(recording_id), name=f"mend {recording_id}")
            task.add_done_callback(lambda _: self._mending.pop(recording_id, None))
            self._mending[recording_id] = task

    async def _mend(self, recording_id: str) -> None:
        """Begin a workflow in place of the one that fell, as soon as that can be written."""
        while True:
            await asyncio.sleep(RETRY_WRITING_S)
            if self._recordings.get(recording_id) is None:
                return
            try:
                await self._thread.run(self._begin(recording_id, is_ending=False))
            except SQLAlchemyError as error:
                log.warning("recording_workflow_not_begun", recording=recording_id, error=_first_line(error))
            else:
                log.info("recording_workflow_mended", recording=recording_id)
                return

    async def _begin(self, recording_id: str, *, is_ending: bool) -> None:
        for number in itertools.count():
            workflow_id = f"{recording_id}@{APPLICATION_VERSION}#{number}"
            status = await DBOS.get_workflow_status_async(workflow_id)
            if status is None:
                with SetWorkflowID(workflow_id):
                    await DBOS.start_workflow_async(self._workflow, recording_id)
                return
            if status.status in ("PENDING", "ENQUEUED"):
                if recording_id in self._fallen:
                    await DBOS.cancel_workflow_async(workflow_id)
                    self._fallen.discard(recording_id)
                    continue
                if not is_ending:
                    return
                # It has seen nothing more to do, which has changed since: begin anew as soon as it is over.
                await _over(workflow_id)
            # Over, but there is something to do: it was parked, or ended by a fault. Begin anew.

    async def close(self) -> None:
        """Stop DBOS; what was running goes on after the next launch."""
        mending = [*self._mending.values(), *([self._pruning] if self._pruning else [])]
        for task in mending:
            task.cancel()
        await asyncio.gather(*mending, return_exceptions=True)
        # Cancelled first, so that the workflows' ends are no results: DBOS records exceptions, not this.
        await asyncio.to_thread(self._thread.close)
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)


async def _over(workflow_id: str) -> None:
    """Wait until a workflow that has taken its last step is over; DBOS tells nobody."""
    while (status := await DBOS.get_workflow_status_async(workflow_id)) is not None:
        if status.status not in ("PENDING", "ENQUEUED"):
            return
        await asyncio.sleep(OVER_POLL_S)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
