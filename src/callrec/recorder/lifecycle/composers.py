"""Runs the composing worker of each recording as a child process."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import structlog

from callrec.observe import failures
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands
from callrec.recorder.lifecycle.children import run_composing
from callrec.recorder.lifecycle.recordings import Recordings

log = structlog.get_logger()


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

    def begin(self, recording_id: str) -> asyncio.Task[int]:
        """Run the worker unless it runs; the task's result is its exit code, 0 when the film is there."""
        worker = self._workers.get(recording_id)
        if worker is None:
            worker = asyncio.create_task(self._run(recording_id), name=f"compose {recording_id}")
            worker.add_done_callback(lambda _: self._workers.pop(recording_id, None))
            self._workers[recording_id] = worker
        return worker

    async def _run(self, recording_id: str) -> int:
        root = self._recordings.paths(recording_id).root
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=run_composing,
            args=(
                root,
                self._options_for(recording_id),
                self._hands,
                self._tracks_for(recording_id),
                theirs,
            ),
            name="callrec-compose",
        )
        starting = asyncio.ensure_future(asyncio.to_thread(process.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # a thread goes on: what it starts must not be left behind
            await asyncio.to_thread(_kill, process)
            ours.close()
            raise
        finally:
            theirs.close()
        log.info("compose_begins", recording=recording_id, pid=process.pid)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), lambda: _count(ours, loop))
        try:
            code = await exit_code(process)
        except asyncio.CancelledError:
            await asyncio.to_thread(_kill, process)
            raise
        finally:
            loop.remove_reader(ours.fileno())
            while _count(ours, loop):
                pass
            ours.close()
        (log.info if code == 0 else log.error)("compose_ended", recording=recording_id, exit_code=code)
        return code

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


def _kill(process: ForkServerProcess) -> None:
    """Kill a worker and its helpers; returns when all have ended."""
    pid = process.pid
    assert pid is not None, "it was started"
    helpers: list[int] = []
    try:
        os.kill(pid, signal.SIGSTOP)  # no further helper
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            helpers += [os.pidfd_open(int(child)) for child in file.read_text().split()]
    except (OSError, AttributeError):
        pass  # it has ended, or this is no Linux: helpers end by themselves, a moment after it
    process.kill()
    process.join()
    for helper in helpers:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(helper, signal.SIGKILL)
        connection.wait([helper])
        os.close(helper)


def _count(pipe: Connection, loop: asyncio.AbstractEventLoop) -> bool:
    """Count a failure that the worker told of; False when there is none to be read."""
    try:
        if not pipe.poll():
            return False
        failures.count(*pipe.recv())
    except (EOFError, OSError):
        loop.remove_reader(pipe.fileno())
        return False
    return True


async def exit_code(process: ForkServerProcess) -> int:
    """Wait for a child process and return its exit code (negative: the signal that ended it)."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return process.exitcode if process.exitcode is not None else 1
