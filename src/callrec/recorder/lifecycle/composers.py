"""Runs the composing worker of each recording as a child process."""

import asyncio
import math
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

import structlog

from callrec import clock
from callrec.recorder.compose import headway
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.lifecycle.compose_process import ComposeProcess
from callrec.recorder.lifecycle.recordings import Recordings

NOT_BEGUN = 1
"""Exit code of a process that could not be started."""
AGAIN = Backoff(first_s=1.0, longest_s=60.0, give_up_s=math.inf)
"""Before a worker is begun again, while the recording is captured."""
STUCK_AGAIN = Backoff(first_s=60.0, longest_s=3600.0, give_up_s=math.inf)
"""… that got nowhere: it has kept others from working meanwhile, and will mostly do so again."""
SETTLED_S = 60.0
"""A worker that ran for so long is the first one to die again."""

log = structlog.get_logger()


class _End(NamedTuple):
    exit_code: int
    is_stuck: bool = False
    """It was ended because it got nowhere."""


class Composers:
    """One niced worker per recording, from the first report of its start until the film is joined."""

    def __init__(
        self,
        recordings: Recordings,
        options_for: Callable[[str], ComposeOptions],
        context: ForkServerContext,
        hands: Hands,
        tracks_for: Callable[[str], Path | None] = lambda _recording_id: None,
    ) -> None:
        """*hands*: what all workers together, and each of them, may have.

        *tracks_for*: the directory to be made of a recording's tracks.
        """
        self._recordings = recordings
        self._options_for = options_for
        self._context = context
        self._hands = hands
        self._tracks_for = tracks_for
        self._workers: dict[str, asyncio.Task[int]] = {}
        self._wanted: dict[str, asyncio.Event] = {}
        """Of each recording with a worker: somebody wants it to go on now."""

    def begin(self, recording_id: str) -> asyncio.Task[int]:
        """Run the worker unless it runs; the task's result is its exit code, 0 when the film is there.

        One that dies while the recording is captured is begun again; after that, it is for the caller to do.
        """
        worker = self._workers.get(recording_id)
        if worker is None:
            self._wanted[recording_id] = asyncio.Event()
            worker = asyncio.create_task(self._work(recording_id), name=f"compose {recording_id}")
            worker.add_done_callback(lambda _: self._forget(recording_id))
            self._workers[recording_id] = worker
        self._wanted[recording_id].set()
        return worker

    def _forget(self, recording_id: str) -> None:
        del self._workers[recording_id], self._wanted[recording_id]

    async def _work(self, recording_id: str) -> int:
        wanted, loop = self._wanted[recording_id], asyncio.get_running_loop()
        in_a_row = 0
        while True:
            wanted.clear()
            begun_s = loop.time()
            end = await self._run(recording_id)
            manifest = self._recordings.get(recording_id)
            if end.exit_code == 0 or manifest is None or manifest.closed_at is not None:
                return end.exit_code
            if not end.is_stuck and loop.time() - begun_s > SETTLED_S:
                in_a_row = 0
            again = STUCK_AGAIN if end.is_stuck else AGAIN
            await clock.is_set_within(wanted, again.wait_s(in_a_row))
            in_a_row += 1

    async def _run(self, recording_id: str) -> _End:
        """Run one process to its end."""
        try:
            process = await ComposeProcess.start(
                self._context,
                self._recordings.paths(recording_id).root,
                self._options_for(recording_id),
                self._hands,
                self._tracks_for(recording_id),
            )
        except (OSError, EOFError) as error:  # no memory for another process, or what forks them has died
            log.error("compose_not_begun", recording=recording_id, error=str(error))
            return _End(NOT_BEGUN)
        log.info("compose_begins", recording=recording_id, pid=process.pid)
        code: int | None = None
        try:
            code = await process.exit_code()
        except TimeoutError:
            log.error("compose_hung", recording=recording_id, pid=process.pid)
        finally:
            await process.end()
        has_hung = code is None
        if code is None:
            code = await process.exit_code()
        loops = code == -headway.ENDED_BY
        if loops:
            log.error("compose_looped", recording=recording_id, pid=process.pid)
        (log.info if code == 0 else log.error)("compose_ended", recording=recording_id, exit_code=code)
        return _End(code, is_stuck=has_hung or loops)

    async def end(self, recording_id: str) -> None:
        """End the recording's worker, if there is one, with its helpers: nobody writes there any more."""
        worker = self._workers.get(recording_id)
        if worker is not None:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def close(self) -> None:
        """End all workers; what they finished stays."""
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
